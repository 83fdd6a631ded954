"""MiSLAS: mixup, then the head alone with smoothed targets, batch statistics on balanced samples.

Paper: Zhong et al., "Improving calibration for long-tailed recognition", CVPR 2021 (arXiv
    2104.00466).
Equations: stage one: mixup. Stage two: z = r * (W f + b), with r in R^K from 1;
    L = mean_i [ (1 - e_{y_i}) (-log p_{i,y_i}) + e_{y_i} mean_c (-log p_ic) ],
    e_c = e_t + (e_h - e_t) sin(pi u_c / 2), u_c = (n_c - n_min) / (n_max - n_min) (the concave
    form). W, b and r learn on class-balanced samples; the backbone's weights stay, its BatchNorm
    statistics follow the balanced samples (shifted batch normalisation).
Code: dvlab-research/MiSLAS @0fc381e, methods.py, train_stage2.py.
Deviations: e_h 0.3, e_t 0 (theirs for ImageNet-LT). Stage two is the last fifth of the budget
    (theirs: 10 epochs beyond it), and has an optimiser of its own as theirs: SGD with a half
    cosine, rate 0.1 for r and 0.02 for W and b. r = 1 + sqrt(5) u with u at rate 0.02, whose steps
    move r as a rate of 0.1 would; u has no weight decay. Equal counts: e = e_h (theirs: 0/0).
Status: faithful.
"""

import math
from typing import Unpack

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec

from .core.base import Common, Method, Recipe, Stage
from .core.checks import check_flags, check_interval

RECIPE = Recipe("momentum", lr=0.02, weight_decay=5e-4, momentum=0.9, warmup=0)
FASTER = 5  # the rate of r, in rates of W and b


def smoothing(counts: Tensor, head: float, tail: float) -> Tensor:
    """e_c of the concave form, [K] float32 from counts [K].

    Args:
        counts: [K] training images of each class.
        head: e_h, of the most common class, and of all where counts are equal.
        tail: e_t, of the rarest.
    """
    above = (counts - counts.min()).double()
    share = above / above.max() if above.any() else torch.ones_like(above)
    return (tail + (head - tail) * (math.pi / 2 * share).sin()).float()


def smoothed_cross_entropy(logits: Tensor, target: Tensor, smooth: Tensor) -> Tensor:
    """mean_i [ (1 - e_{y_i}) (-log p_{i,y_i}) + e_{y_i} mean_c (-log p_ic) ].

    Args:
        logits: [B, K].
        target: [B].
        smooth: e, [K].

    Returns:
        A scalar.
    """
    surprise = -logits.log_softmax(1)
    own = surprise.gather(1, target[:, None])[:, 0]
    e = smooth[target]
    each: Tensor = (1 - e) * own + e * surprise.mean(1)
    return each.mean()


class MiSLAS(Method):
    """A mixup stage, then the head with label-aware smoothing, classes balanced.

    Args:
        spec: the data.
        head: smoothing of the most common class, in [0, 1).
        tail: smoothing of the rarest class, in [0, 1).
        shift: whether BatchNorm's statistics follow the balanced samples of stage two.
        common: see ``Method``.
    """

    paper = "Zhong et al. 2021"
    stages = (
        Stage("representation", 0.8, by="mixup"),
        Stage("classifier", 0.2, recipe=RECIPE),
    )

    def __init__(
        self,
        spec: DataSpec,
        *,
        head: float = 0.3,
        tail: float = 0.0,
        shift: bool = True,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, 1)", head=head, tail=tail)
        check_flags(self, shift=shift)
        super().__init__(spec, **common)
        self.shift = shift
        self.stretch = nn.Parameter(torch.zeros(spec.num_classes))
        self.smooth: Tensor
        self.register_buffer("smooth", smoothing(self.counts, head, tail), persistent=False)

    @property
    def scale(self) -> Tensor:
        """r, [K]."""
        scale: Tensor = 1 + math.sqrt(FASTER) * self.stretch
        return scale

    def request(self, stage: Stage) -> DataRequest:
        """Class-balanced samples for the head."""
        return DataRequest(sampler="class_balanced")

    def enter(self, stage: Stage) -> None:
        """The backbone's weights stay; its batch statistics, too, unless they shift."""
        if stage.name == "classifier":
            if self.shift:
                self.backbone.requires_grad_(False)
            else:
                self.freeze("backbone")

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, D] -> scaled logits [B, K]."""
        return self.scale * super().classify(features)

    def loss(self, batch: Batch) -> Tensor:
        """Label-aware smoothed cross-entropy of a batch."""
        return smoothed_cross_entropy(self(batch.image), batch.target, self.smooth)

    def findings(self) -> dict[str, float]:
        """The scale and the smoothing of each class."""
        found: dict[str, float] = {}
        for name, scale, e in zip(
            self.spec.class_names, self.scale.tolist(), self.smooth.tolist(), strict=True
        ):
            found |= {f"scale/{name}": scale, f"smoothing/{name}": e}
        return found
