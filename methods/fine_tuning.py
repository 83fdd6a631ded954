"""Fine-tuning with augmentation: train on the common classes, go on with the support images.

Paper: Li et al., "Difficulty-aware meta-learning for rare disease diagnosis", MICCAI 2020,
    https://arxiv.org/abs/1907.00354, section 3: its baseline "Finetune + Aug".
Equations: none; cross-entropy on the common classes, then on the support images of an episode,
    with a new classifier.
Deviations: the text gives no optimiser for the second part: Adam at 0.001 for 20 steps on all
    weights, the classifier starting at zero. Augmented by the symmetries of the square (of the
    rectangle), without the paper's scaling. BatchNorms keep the statistics of the common classes.
    The epoch is selected by the balanced accuracy of the plain, unadjusted logits on the common
    classes.
Status: reconstruction.
"""

import copy
from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method, Stage
from .core.checks import check_interval


def symmetric(image: Tensor) -> Tensor:
    """Each image of [B, C, H, W] under a random symmetry of its frame."""
    square = image.shape[2] == image.shape[3]
    turned = []
    for one, (turn, mirror) in zip(image, torch.randint(4, (len(image), 2)).tolist(), strict=True):
        rotated = torch.rot90(one, turn if square else turn // 2 * 2, (1, 2))
        turned.append(rotated.flip(2) if mirror % 2 else rotated)
    return torch.stack(turned)


class FineTuning(Method):
    """The shared cross-entropy stage; every episode fine-tunes a copy of it.

    Args:
        spec: the data.
        steps: on the support images.
        lr: of Adam in them.
        common: see ``Method``.
    """

    paper = "Li et al. 2020 (baseline)"
    status = "reconstruction"
    tracks = ("few_shot",)
    stages = (Stage("representation", by="erm"),)

    def __init__(
        self, spec: DataSpec, *, steps: int = 20, lr: float = 0.001, **common: Unpack[Common]
    ) -> None:
        check_interval(self, "[1, 10000]", steps=steps)
        check_interval(self, "(0, inf)", lr=lr)
        super().__init__(spec, **common)
        self.steps, self.lr = steps, lr

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Fine-tune a copy on the support images."""
        head = nn.Linear(self.num_features, int(support.target.max()) + 1).to(support.image)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        network = nn.Sequential(copy.deepcopy(self.backbone), head).eval()
        with torch.enable_grad(), torch.autocast(support.image.device.type, enabled=False):
            network.requires_grad_(True)
            optimizer = torch.optim.Adam(network.parameters(), lr=self.lr)
            for _ in range(self.steps):
                loss = F.cross_entropy(network(symmetric(support.image)), support.target)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()

        @torch.no_grad()
        def predict(image: Tensor) -> Tensor:
            with torch.autocast(image.device.type, enabled=False):
                logits: Tensor = network(image)
            return logits

        return predict
