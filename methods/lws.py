"""LWS: learnable weight scaling after representation learning.

Paper: Kang et al., "Decoupling representation and classifier for long-tailed recognition", ICLR
    2020, section 4.
Equations: the classifier's row w_c becomes f_c w_c; the scales f alone are learnt, on
    class-balanced samples, from the uniformly trained backbone and classifier, which stay frozen.
Deviations: the scale multiplies the class's bias, too (the equation writes none). Stage two is the
    last fifth of the budget (the paper: beyond it). It is the only stage with an optimiser of its
    own, because the suite's may be Adam's, whose step is about the learning rate at most: the
    scales, which start at 1, would hardly leave it. It is that of the paper's code, SGD with a
    momentum of 0.9 and a half cosine without warm-up, at a rate of 0.2 for batches of 512, hence
    0.05 at 128, the default. (Its weight decay of 5e-4 touches no scale: vectors have none here.)
Status: faithful.
"""

from typing import Unpack

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import DataRequest, DataSpec

from .core.base import Common, Method, Recipe, Stage

# Kang et al.'s config/ImageNet_LT/cls_lws.yaml: lr 0.2 at batch 512, scaled linearly to 128.
RECIPE = Recipe("momentum", lr=0.2 * 128 / 512, weight_decay=5e-4, momentum=0.9, warmup=0)


class LWS(Method):
    """A cross-entropy stage, then one scale for each class, classes balanced."""

    paper = "Kang et al. 2020"
    stages = (
        Stage("representation", 0.8, by="erm"),
        Stage("classifier", 0.2, recipe=RECIPE),
    )

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.scale = nn.Parameter(torch.ones(spec.num_classes))

    def request(self, stage: Stage) -> DataRequest:
        """Class-balanced samples for the scales."""
        return DataRequest(sampler="class_balanced")

    def enter(self, stage: Stage) -> None:
        """Freeze the backbone and the classifier's weights, which are kept."""
        if stage.name == "classifier":
            self.freeze("backbone", "classifier")

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, D] -> scaled logits [B, K]."""
        return self.scale * super().classify(features)

    def findings(self) -> dict[str, float]:
        """The scale of each class."""
        return {
            f"scale/{name}": scale
            for name, scale in zip(self.spec.class_names, self.scale.tolist(), strict=True)
        }
