"""GCL: Gaussian clouds around the logits, largest for rare classes; then the head, rebalanced.

Paper: Li, Cheung and Lu, "Long-tailed visual recognition via Gaussian clouded logit adjustment",
    CVPR 2022 (arXiv 2305.11733).
Equations: z_ic = s ( cos_ic - a D_c e_ic - m [c = y_i] ), D_c = (log n_max - log n_c) / (log n_max
    - log n_min), e_ic = |clamp(noise, -1, 1)|, the noise normal with deviation 1/3, fresh for each
    image and class: every column of a rare class is lowered, the target's or not. Stage one:
    CE(z, y), m 0, s 30, a 0.5. Stage two, the head alone: mean (1 - p_y)^g CE(z, y) without a
    gradient through (1 - p_y), m 0.1, s 20, a 0.5, g 1.
Code: Keke921/GCLLoss @c2a6233, losses.py, sampler.py; no licence: written from the equations.
Deviations: stage two draws its samples by class (as in the README's command for CIFAR), not by the
    inverse effective number, which on HAM10000 gives each class .13 to .18 instead of .143. It is
    the last fifth of the budget (theirs: 30 epochs beyond 200). Logits are 30 cos (theirs: cos; the
    same classes). Equal counts: D = 0 (theirs: 0/0).
Status: faithful.
"""

from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec

from .core.base import Common, Method, Stage
from .core.checks import check_interval
from .core.heads import CosineClassifier

SCALE, HEAD_SCALE = 30.0, 20.0  # s of stages one and two


def cloud_sizes(counts: Tensor) -> Tensor:
    """D_c, [K] in [0, 1] from counts [K]; 0 for the most common class, and where all are equal."""
    below = counts.max().double().log() - counts.double().log()
    return (below / below.max().clamp(min=1e-12)).float()


def clouds(shape: torch.Size) -> Tensor:
    """Draw e = |clamp(noise, -1, 1)| of deviation 1/3, by the global generator of the CPU."""
    return (torch.randn(shape) / 3).clamp(-1, 1).abs()


def clouded(cosine: Tensor, target: Tensor, cloud: Tensor, margin: float) -> Tensor:
    """cos_ic - cloud_ic - m [c = y_i], [B, K].

    Args:
        cosine: [B, K].
        target: [B].
        cloud: a D_c e_ic, [B, K].
        margin: m.
    """
    return cosine - cloud - margin * F.one_hot(target, cosine.shape[1])


def rebalanced_loss(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Mean of (1 - p_y)^g CE(z, y), (1 - p_y) being a weight; a scalar from [B, K] and [B]."""
    surprise = F.cross_entropy(logits, target, reduction="none")
    miss = -(-surprise.detach()).expm1()
    return (miss**gamma * surprise).mean()


class GCL(Method):
    """Cosine classifier under noise that grows with rarity, then its rows alone.

    Args:
        spec: the data.
        amplitude: a, of the clouds; 0 has none.
        margin: m, of stage two.
        gamma: g, of stage two.
        common: see ``Method``.
    """

    paper = "Li et al. 2022"
    stages = (Stage("representation", 0.8), Stage("classifier", 0.2))

    def __init__(
        self,
        spec: DataSpec,
        *,
        amplitude: float = 0.5,
        margin: float = 0.1,
        gamma: float = 1.0,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", amplitude=amplitude, gamma=gamma)
        check_interval(self, "[0, 2]", margin=margin)
        super().__init__(spec, **common)
        self.classifier = CosineClassifier(self.num_features, spec.num_classes, SCALE)
        self.margin, self.gamma = margin, gamma
        self.cloud: Tensor
        self.register_buffer("cloud", amplitude * cloud_sizes(self.counts), persistent=False)

    def request(self, stage: Stage) -> DataRequest:
        """Class-balanced samples for the head."""
        balanced = stage.name == "classifier"
        return DataRequest(sampler="class_balanced" if balanced else "instance")

    def enter(self, stage: Stage) -> None:
        """Freeze the backbone, keep the head."""
        if stage.name == "classifier":
            self.freeze("backbone")

    def loss(self, batch: Batch) -> Tensor:
        """The stage's loss of a batch."""
        cosine = self(batch.image) / SCALE
        cloud = self.cloud * clouds(cosine.shape).to(cosine)
        if self.stage.name == "representation":
            logits = SCALE * clouded(cosine, batch.target, cloud, 0.0)
            return F.cross_entropy(logits, batch.target)
        logits = HEAD_SCALE * clouded(cosine, batch.target, cloud, self.margin)
        return rebalanced_loss(logits, batch.target, self.gamma)
