"""Meta-Baseline: plain training, then episodes of nearest class means by cosine.

Paper: Chen, Liu, Xu, Darrell, Wang, "Meta-Baseline: exploring simple meta-learning for few-shot
    learning", ICCV 2021, arXiv 2003.04390, section 3; the authors' code
    (yinboc/few-shot-meta-baseline at 779fae3, ``meta_baseline.py``).
Equations: stage one is cross-entropy on the common classes; stage two learns from episodes by the
    cross-entropy of s_n(x) = T cos(f(x), c_n), c_n the mean of f over the support images of class
    n, T learnt from 10. Stage two: SGD at 0.001, momentum 0.9, weight decay 0.0005, constant.
Deviations: log T is learnt, so that T stays positive. Stage two has an optimiser of its own, as
    theirs, and the last fifth of the budget; theirs are 20 epochs of 200 batches beyond the 100 of
    stage one. Training episodes have the shape of the test's. Without ``episodes`` it is the
    paper's Classifier-Baseline, whose epoch is selected by the balanced accuracy of the plain,
    unadjusted logits on the common classes. BatchNorms as in ``protonet``.
Status: faithful.
"""

import math
from typing import Unpack

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import DataRequest, DataSpec
from medtail.datamodules.core.errors import MedtailError

from .core.base import Common, Recipe, Stage
from .core.few_shot.comparing import ComparingMethod
from .core.heads import cosine
from .protonet import prototypes

TEMPERATURE = 10.0
RECIPE = Recipe("momentum", lr=0.001, weight_decay=5e-4, warmup=0.0, schedule="constant")


class MetaBaseline(ComparingMethod):
    """The shared cross-entropy stage, then episodes.

    Args:
        spec: the data.
        episodes: learn from them; without, the shared stage is all of the training.
        common: see ``Method``.
    """

    paper = "Chen et al. 2021"
    stages: tuple[Stage, ...] = (
        Stage("representation", 0.8, by="erm"),
        Stage("episodes", 0.2, recipe=RECIPE),
    )

    def __init__(self, spec: DataSpec, *, episodes: bool = True, **common: Unpack[Common]) -> None:
        if not isinstance(episodes, bool):
            raise MedtailError(f"meta_baseline: episodes must be true or false: {episodes!r}")
        super().__init__(spec, **common)
        if not episodes:
            self.stage = Stage("representation", by="erm")
            self.stages = (self.stage,)
        self.classifier = nn.Linear(self.num_features, spec.num_classes)  # of the shared stage
        self.log_scale = nn.Parameter(torch.tensor(math.log(TEMPERATURE)))

    def request(self, stage: Stage) -> DataRequest:
        """Meta-batches in stage two."""
        return super().request(stage) if stage.name == "episodes" else DataRequest()

    def enter(self, stage: Stage) -> None:
        """Episodes do not ask for the classifier of the common classes."""
        if stage.name == "episodes":
            self.freeze("classifier")

    def compare(self, support: Tensor, target: Tensor, query: Tensor) -> Tensor:
        """Features [S, D], labels [S], features [Q, D] -> T cosines [Q, N]."""
        return self.log_scale.exp() * cosine(query, prototypes(support, target, self.ways))

    def findings(self) -> dict[str, float]:
        """T."""
        return {"scale": float(self.log_scale.detach().exp())}
