"""RSG: rare classes get new feature maps, varied as the maps of frequent classes are.

Paper: Wang et al., "RSG: a simple but effective module for learning imbalanced datasets", CVPR 2021
    (arXiv 2106.09859).
Equations: maps x before the last stage, xbar their mean over positions, no gradient to them; of
    each class M centres c_k, a number a channel, from 0; g = softmax_k(W_y' xbar + b_y);
    d = x - c_{y, argmax g} at every position, no gradient to c;
    CESC = mean_i sum_k g_ik ||x_i - c_{y_i,k}||^2, and before the switch + mean_{i <= B/2}
    CE(P(x_i, x_{i+B/2}), [y_i = y_{i+B/2}]). From the switch on: frequent h and rare r of the batch
    in its order, n the smaller number of them, G = floor(larger / n) groups, the j-th n of the
    larger side with the smaller: u = T(d_h), new maps x_r + u with the label y_r;
    L = CE(all maps through the last stage) + 0.1 CESC + 0.01 MV, MV = mean over groups of 1/n sum
    [ CE(P(x_h, u), 0) + sum_rows ( | ||u_row|| - ||d_h,row|| | + 1 - cos(u_row, d_r,row) ) ], P
    being constant. T: a 3x3 convolution; P: both maps joined, a 1x1 convolution to 256, ReLU, a
    3x3 one to 256, the mean over positions, a linear layer to 2.
Code: Jianf-Wang/RSG @3c50745, RSG.py: M 15; frequent are a fifth of the classes; the switch is at
    epoch 160 of 200. As published a row is C numbers that follow one another in memory
    (``rows: memory``), not a position's channels.
Deviations: frequent are the floor(K / 5) largest classes, one at least (CIFAR's code: by index).
    The maps are layer3's of a ResNet. MV has 1 - cos (theirs C - cos, a constant more). A batch of
    odd size leaves its last image out of the pairs. The base is cross-entropy on natural samples.
    T before the switch and P after it have gradients of 0, and so their weight decay; what an
    optimiser like Adam keeps of T is forgotten at the switch, as its first steps would be several
    rates long. Pairs are of one process's share of a batch. The rate falls by the suite's cosine,
    without a step at the switch. CESC is a sum over positions: SGD of a large rate diverges on it.
Status: faithful.
"""

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError, unknown

from .core.base import Common, Method
from .core.checks import check_interval, slug
from .core.precision import exact, without_autocast

SWITCH, FREQUENT, WIDTH = 0.8, 0.2, 256
Rows = Literal["memory", "position"]


def frequent_classes(counts: Tensor) -> Tensor:
    """Whether a class is one of the fifth with most images, of one at least; [K] bool."""
    amount = max(1, int(FREQUENT * len(counts)))
    found = torch.zeros(len(counts), dtype=torch.bool)
    found[counts.argsort(descending=True, stable=True)[:amount]] = True
    return found


def pairs(frequent: Tensor) -> tuple[Tensor, Tensor]:
    """Images h and r of each new map, two times [G, n], from which of the batch [B] are frequent.

    Both are empty where one side is.
    """
    h, r = (side.nonzero()[:, 0] for side in (frequent, ~frequent))
    n = min(len(h), len(r))
    groups = max(len(h), len(r)) // max(1, n)
    larger, smaller = (h, r) if len(h) > len(r) else (r, h)
    larger = larger[: groups * n].view(-1, n) if n else larger[:0].view(0, 0)
    smaller = smaller[:n].expand_as(larger) if n else larger
    return (larger, smaller) if len(h) > len(r) else (smaller, larger)


def in_rows(maps: Tensor, rows: Rows) -> Tensor:
    """Maps [N, C, H, W] as rows of C numbers, [N, H W, C]."""
    if rows == "position":
        return maps.flatten(2).transpose(1, 2)
    return maps.contiguous().view(len(maps), -1, maps.shape[1])


def variation_loss(u: Tensor, d_frequent: Tensor, d_rare: Tensor, rows: Rows) -> Tensor:
    """Mean over pairs of sum_rows | ||u|| - ||d_h|| | + sum_rows (1 - cos(u, d_r)), a scalar.

    Args:
        u: [N, C, H, W].
        d_frequent: d_h, [N, C, H, W].
        d_rare: d_r, [N, C, H, W].
        rows: what a row is.
    """
    u, h, r = (in_rows(maps, rows) for maps in (u, d_frequent, d_rare))
    length = torch.linalg.vector_norm(u, dim=2) - torch.linalg.vector_norm(h, dim=2)
    each = length.abs() + 1 - F.cosine_similarity(u, r, dim=2)
    loss: Tensor = each.sum(1).mean()
    return loss


class Pairing(nn.Module):
    """P: whether two maps [N, C, H, W] are of one class, [N, 2]; of channels C."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first = nn.Conv2d(2 * channels, WIDTH, 1)
        second = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.maps = nn.Sequential(first, nn.ReLU(), second)
        self.linear = nn.Linear(WIDTH, 2)
        nn.init.normal_(self.linear.weight)
        nn.init.kaiming_normal_(first.weight)
        nn.init.kaiming_normal_(second.weight)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Logits [N, 2]; class 1 is the same."""
        found: Tensor = self.linear(self.maps(torch.cat([first, second], 1)).flatten(2).mean(2))
        return found


class Centres(nn.Module):
    """Each of K classes has M centres of C channels, to which g assigns its maps."""

    def __init__(self, classes: int, amount: int, channels: int) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(classes, amount, channels))
        self.weight = nn.Parameter(torch.randn(classes, amount, channels))
        self.bias = nn.Parameter(torch.ones(classes, amount))

    def forward(self, maps: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Maps [B, C, H, W] of classes [B] -> d [B, C, H, W], and CESC's first term, a scalar."""
        mean = maps.flatten(2).mean(2)
        score = torch.einsum("bkc,bc->bk", self.weight[target], mean) + self.bias[target]
        share = score.softmax(1)
        # ||x - c||^2 over all positions: about the mean, and from the mean to the centre.
        spread = (maps - mean[:, :, None, None]).square().sum((1, 2, 3))
        apart = (mean[:, None] - self.centre[target]).square().sum(2)
        positions = maps.shape[2] * maps.shape[3]
        cesc = (spread + positions * (share * apart).sum(1)).mean()
        nearest = self.centre.detach()[target, share.argmax(1)]
        return maps - nearest[:, :, None, None], cesc


class RSG(Method):
    """A ResNet whose last stage sees new maps of rare classes in the last fifth of the training.

    Args:
        spec: the data.
        centres: M, of each class.
        cesc: weight of the centres' and pairs' loss.
        variation: weight of MV.
        rows: what MV's rows are: ``memory`` as published, or ``position``.
        common: see ``Method``.

    Raises:
        MedtailError: the backbone is not a ResNet of timm.
    """

    paper = "Wang et al. 2021"

    def __init__(
        self,
        spec: DataSpec,
        *,
        centres: int = 15,
        cesc: float = 0.1,
        variation: float = 0.01,
        rows: Rows = "memory",
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[1, inf)", centres=centres)
        check_interval(self, "[0, inf)", cesc=cesc, variation=variation)
        if rows not in get_args(Rows):
            raise unknown(f"rows of {slug(self)}", str(rows), get_args(Rows))
        super().__init__(spec, **common)
        last = getattr(self.backbone, "layer4", None)
        if not isinstance(last, nn.Sequential) or not hasattr(self.backbone, "global_pool"):
            raise MedtailError(f"{slug(self)}: needs a ResNet of timm, for the maps of its layer3")
        # What stays of the backbone ends in those maps.
        self.last, self.backbone.layer4 = last, nn.Identity()
        self.pool: nn.Module = self.backbone.get_submodule("global_pool")
        self.backbone.global_pool = nn.Identity()
        channels = next(m.in_channels for m in last.modules() if isinstance(m, nn.Conv2d))
        self.cesc, self.variation, self.rows = cesc, variation, rows
        self.centres = Centres(spec.num_classes, centres, channels)
        self.pairing = Pairing(channels)
        self.transfer = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.transfer.weight)
        self.frequent: Tensor
        self.register_buffer("frequent", frequent_classes(self.counts), persistent=False)

    def above(self, maps: Tensor) -> Tensor:
        """Maps of layer3 -> features [B, D]."""
        features: Tensor = self.pool(self.last(maps))
        return features

    def features(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> features [B, D]."""
        return self.above(self.backbone(image))

    def judged(self, first: Tensor, second: Tensor) -> Tensor:
        """P of two maps, its parameters without a gradient, [N, 2]."""
        constant = {name: value.detach() for name, value in self.pairing.named_parameters()}
        found: Tensor = functional_call(self.pairing, constant, (first, second))
        return found

    @without_autocast
    def generated(self, maps: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """New maps, their classes, and what is added to the loss, of layer3's maps and classes."""
        x = exact(maps.detach())
        d, cesc = self.centres(x, target)
        none = x[:0], target[:0]
        if self.epoch_progress < SWITCH:
            half = len(x) // 2
            judged = self.pairing(x[:half], x[half : 2 * half])
            same = (target[:half] == target[half : 2 * half]).long()
            pairs_loss = F.cross_entropy(judged, same) if half else judged.sum()
            return *none, self.cesc * (cesc + pairs_loss) + _idle(self.transfer)
        h, r = (side.flatten() for side in pairs(self.frequent[target]))
        added = self.cesc * cesc + _idle(self.pairing)
        if not len(h):
            return *none, added + _idle(self.transfer)
        u = self.transfer(d[h])
        other = F.cross_entropy(self.judged(x[h], u), torch.zeros_like(h))
        mv = other + variation_loss(u, d[h], d[r], self.rows)
        return x[r] + u, target[r], added + self.variation * mv

    def on_train_epoch_start(self) -> None:
        """At the switch T is new to the optimiser, too, which saw only gradients of 0 before."""
        super().on_train_epoch_start()
        epoch, epochs = self.trainer.current_epoch, int(self.trainer.max_epochs or 1)
        if (epoch - 1) / epochs < SWITCH <= epoch / epochs:
            for optimizer in self.trainer.optimizers:
                for value in self.transfer.parameters():
                    optimizer.state.pop(value, None)

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy of all maps, and the module's own terms."""
        maps = self.backbone(batch.image)
        new, label, added = self.generated(maps, batch.target)
        logits = self.score(self.above(torch.cat([maps, new.to(maps)])))
        return F.cross_entropy(logits, torch.cat([batch.target, label])) + added


def _idle(module: nn.Module) -> Tensor:
    """0, with a gradient of 0 for all its parameters: DDP waits for one of each."""
    return 0 * torch.stack([value.sum() for value in module.parameters()]).sum()
