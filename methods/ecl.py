"""ECL: several proxies for a rare class in a balanced contrast, and a curriculum of weights.

Paper: Zhang et al., "ECL: class-enhancement contrastive learning for long-tailed skin lesion
    classification", MICCAI 2023 (arXiv 2307.04136).
Equations: proxies of class c: 1 if n_c = n_max, else floor((n_max / n_c) / 10) + 2. A: the
    embeddings of two views and the proxies, all of norm 1, N in all, m_c of class c; anchors: all;
    BHP = 1/N sum_i mean_{p in A_y(i), p != i} [ -v_ip + log sum_c 1/(m_c - [c = y_i]) sum_{j in
    A_c, j != i} exp v_ij ], v = z.z' / tau; L = 2 CE_w(view 1) + BHP. The weights w of t, the share
    of the training: 1 to t = 0.2; then W^((t - 0.2) / 0.3), W = 1/n scaled to sum K, to t = 0.5;
    then F^((t - 0.5) / 0.5), F = 1/F1 of validation scaled to sum K, which starts at 1 again.
    Proxies are stepped once an epoch, by the sum of its gradients.
Code: zylbuaa/ECL @3fb6668, models/loss.py, models/ecl.py, train.py: tau 0.1, 128 dimensions, SGD
    with rate 0.002.
Deviations: F1 of validation in the loss tunes on the split that selects the epoch: by default
    (``difficulty: counts``) W stays, with power 1, to the end. ``validation`` is theirs, F1 at 0.01
    at least. Cross-entropy is divided by the batch size, see ``weighted_cross_entropy``. Anchors
    without a positive are left out (theirs: 0/0). Proxies have an optimiser of their own, SGD with
    their rate and decay; all else has the suite's. Views have the suite's augmentation, images its
    normalisation (theirs: none).
Status: faithful.
"""

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import unknown

from .core.base import Apart, Common, Method, Recipe, Stage
from .core.checks import check_interval, slug
from .core.contrast.momentum import Projection
from .core.gathering import gathered
from .core.losses import weighted_cross_entropy
from .core.precision import without_autocast
from .core.weights import normalised_to_classes
from .weighted_ce import inverse_frequency_weights

Difficulty = Literal["counts", "validation"]
RECIPE = Recipe("momentum", lr=0.002, weight_decay=1e-4, momentum=0.9, warmup=0)
BEGIN, MIDDLE = 0.2, 0.5  # of the first and of the second curriculum
LEAST = 0.01  # F1


def proxy_classes(counts: Tensor) -> Tensor:
    """Class of each proxy, [P] from counts [K]: more of them for rarer classes."""
    most = int(counts.max())
    amount = [1 if n == most else int(most / n / 10) + 2 for n in counts.tolist()]
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(amount))


@without_autocast
def hybrid_proxy_loss(points: Tensor, label: Tensor, tau: float) -> Tensor:
    """BHP of the card: every point is an anchor, every class counts alike in the denominator.

    Args:
        points: embeddings and proxies of norm 1, [N, D].
        label: [N].
        tau: temperature.

    Returns:
        Mean over the anchors that have a positive, a scalar.
    """
    itself = torch.eye(len(points), dtype=torch.bool, device=points.device)
    similarity = (points @ points.T / tau).masked_fill(itself, -torch.inf)
    same = label[:, None] == label
    members = (label.bincount()[label] - same.long()).clamp(min=1)
    total = (similarity - members.log()).logsumexp(1, keepdim=True)
    positive = same & ~itself
    share = (similarity - total).masked_fill(~positive, 0)
    amount = positive.sum(1)
    return -(share.sum(1) / amount.clamp(min=1)).sum() / (amount > 0).sum()


def f1_of(confusion: Tensor) -> Tensor:
    """F1 of each class, [K], from a confusion matrix [K, K]; 0 for a class without an image."""
    right = confusion.diagonal().double()
    return 2 * right / (confusion.sum(0) + confusion.sum(1)).clamp(min=1)


class ECL(Method):
    """Cross-entropy with a curriculum of weights, and a contrast with proxies of the classes.

    Args:
        spec: the data.
        tau: temperature of the contrast.
        weight: of the contrast, beside 2 for cross-entropy.
        difficulty: what weighs the classes in the second half: ``counts``, or the F1 of
            ``validation``, which is then no fair judge of the epochs.
        dim: of the embedding.
        augment: of the views: true for the suite's, or the name of another augmentation.
        common: see ``Method``.
    """

    paper = "Zhang et al. 2023"
    stages = (Stage("train", apart=(Apart(("proxies",), RECIPE, every="epoch"),)),)

    def __init__(
        self,
        spec: DataSpec,
        *,
        tau: float = 0.1,
        weight: float = 1.0,
        difficulty: Difficulty = "counts",
        dim: int = 128,
        augment: bool | str = True,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", tau=tau, weight=weight)
        check_interval(self, "[1, inf)", dim=dim)
        if difficulty not in get_args(Difficulty):
            known = get_args(Difficulty)
            raise unknown(f"difficulty of {slug(self)}", str(difficulty), known)
        super().__init__(spec, **common)
        self.tau, self.weight, self.augment = tau, weight, augment
        self.difficulty = difficulty
        self.projection = Projection(self.num_features, dim, nn.BatchNorm1d)
        self.label: Tensor
        self.register_buffer("label", proxy_classes(self.counts), persistent=False)
        self.proxies = nn.Parameter(nn.init.xavier_uniform_(torch.empty(len(self.label), dim)))
        self.rarity: Tensor
        self.register_buffer("rarity", inverse_frequency_weights(self.counts), persistent=False)
        self.f1: Tensor  # of the last validation
        self.register_buffer("f1", torch.ones(spec.num_classes))

    def request(self, stage: Stage) -> DataRequest:
        """Two views, of which the first is classified, too."""
        return DataRequest(views=2, augment=self.augment)

    def class_weights(self) -> Tensor:
        """The curriculum's weights at this epoch, [K]."""
        t = self.epoch_progress
        if t >= MIDDLE and self.difficulty == "validation":
            hard = normalised_to_classes(1 / self.f1.clamp(min=LEAST))
            return hard ** ((t - MIDDLE) / (1 - MIDDLE))
        return self.rarity ** min(1.0, max(0.0, (t - BEGIN) / (MIDDLE - BEGIN)))

    def on_validation_epoch_end(self) -> None:
        """Keep the F1 of each class, before the metrics are reset."""
        if self.difficulty == "validation":
            self.f1.copy_(f1_of(self.monitor.confusion.compute()))
        super().on_validation_epoch_end()

    def loss(self, batch: Batch) -> Tensor:
        """Both terms of a batch."""
        features = self.features(batch.image.transpose(0, 1).flatten(0, 1))
        logits = self.score(features[: len(batch.target)])
        likely = weighted_cross_entropy(logits, batch.target, self.class_weights())
        points = torch.cat([gathered(self.projection(features)), F.normalize(self.proxies)])
        label = torch.cat([gathered(batch.target.repeat(2)), self.label])
        return 2 * likely + self.weight * hybrid_proxy_loss(points, label, self.tau)
