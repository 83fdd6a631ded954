"""SimpleShot: the nearest class mean of centred features at length 1.

Paper: Wang et al., "SimpleShot: revisiting nearest-neighbor classification for few-shot learning",
    https://arxiv.org/abs/1911.04623, section 3; code (mileyan/simple_shot @5d38fc8, src/train.py),
    worked from these equations alone.
Equations: T(f) = (f - m) / ||f - m|| with m the mean feature of the base training images (CL2N);
    without m (L2N); f itself (UN). c_n = mean of T over the support of class n, not at length 1
    again; score -||T(q) - c_n||^2.
Deviations: squared distances are the logits, whose largest is the same. The features are those of
    the shared cross-entropy stage, whose epoch is selected by the balanced accuracy of the plain,
    unadjusted logits on the common classes.
Status: faithful.
"""

from collections.abc import Callable, Iterable
from typing import Literal, Unpack, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import unknown

from .core.base import Common, Method, Stage
from .core.precision import exact
from .protonet import negative_distances, prototypes

Transform = Literal["CL2N", "L2N", "UN"]


def transformed(features: Tensor, mean: Tensor, transform: Transform) -> Tensor:
    """T(f): [B, D] from features [B, D] and their base mean [D]."""
    if transform == "UN":
        return features
    return F.normalize(features - mean if transform == "CL2N" else features)


class SimpleShot(Method):
    """Nearest class mean after centring by the base classes' mean.

    Args:
        spec: the data.
        transform: of features: ``CL2N`` centres them and takes their direction, ``L2N`` takes it
            alone, ``UN`` leaves them.
        common: see ``Method``.
    """

    paper = "Wang et al. 2019"
    tracks = ("few_shot",)
    stages = (Stage("representation", by="erm"),)

    def __init__(
        self, spec: DataSpec, *, transform: Transform = "CL2N", **common: Unpack[Common]
    ) -> None:
        if transform not in get_args(Transform):
            raise unknown("transform", str(transform), get_args(Transform))
        super().__init__(spec, **common)
        self.transform: Transform = transform
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(self.num_features))

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """The mean feature of the base training images."""
        self.mean.copy_(self.embed(train)[0].mean(0))

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """The class means of the support set's transformed features."""

        def features(image: Tensor) -> Tensor:
            return transformed(exact(self._frozen_features(image)), self.mean, self.transform)

        ways = int(support.target.max()) + 1
        centres = prototypes(features(support.image), support.target, ways)
        return lambda image: negative_distances(features(image), centres)
