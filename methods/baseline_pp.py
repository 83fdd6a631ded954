"""Baseline++: plain training with a classifier of cosines, then a new one for every episode.

Paper: Chen, Liu, Kira, Wang, Huang, "A closer look at few-shot classification", ICLR 2019, arXiv
    1904.04232, section 3.2; the head as in the authors' code (wyharveychen/CloserLookFewShot at
    e03aca8, ``distLinear``; Sinha's remarks in its issues 4 and 8).
Equations: s_c = r g_c <f / (||f|| + 1e-5), v_c / ||v_c||>, where v_c and g_c are learnt, r = 2 for
    up to 200 classes and 10 above; cross-entropy. An episode: the same head anew on frozen f, 100
    epochs of SGD in batches of 4, rate 0.01, momentum and dampening 0.9, weight decay 0.001.
Deviations: the head is that of the code, whose gain g_c makes it no pure cosine. The base training
    has the suite's recipe and augmentation. g starts at ||v||, as the code's weight norm does.
Status: faithful.
"""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method
from .core.checks import check_interval
from .core.precision import without_autocast

EPS, FEW = 1e-5, 200  # of the authors' code, as is what follows
BATCH, MOMENTUM, WEIGHT_DECAY = 4, 0.9, 1e-3


class GainedCosine(nn.Module):
    """s_c = r g_c cos(f, v_c).

    Args:
        num_features: D.
        num_classes: K.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.scale = 2.0 if num_classes <= FEW else 10.0
        weight = nn.Linear(num_features, num_classes, bias=False).weight.detach()
        self.direction = nn.Parameter(weight)
        self.gain = nn.Parameter(weight.norm(dim=1))

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, D] -> logits [B, K]."""
        unit = features / (features.norm(dim=1, keepdim=True) + EPS)
        logits: Tensor = self.scale * self.gain * (unit @ F.normalize(self.direction).T)
        return logits


def tuned(head: nn.Module, features: Tensor, target: Tensor, epochs: int, lr: float) -> nn.Module:
    """The head after its epochs on features [S, D] and target [S], each in a drawn order."""
    optimizer = torch.optim.SGD(
        head.parameters(), lr, MOMENTUM, dampening=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(target)), BATCH):
            optimizer.zero_grad()
            F.cross_entropy(head(features[rows]), target[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return head


class BaselinePP(Method):
    """A cosine head with gains, for the common classes and anew for every episode.

    Args:
        spec: the data.
        epochs: on the support images.
        lr: of SGD in them.
        common: see ``Method``.
    """

    paper = "Chen et al. 2019"
    tracks = ("few_shot",)

    def __init__(
        self, spec: DataSpec, *, epochs: int = 100, lr: float = 0.01, **common: Unpack[Common]
    ) -> None:
        check_interval(self, "[1, 10000]", epochs=epochs)
        check_interval(self, "(0, inf)", lr=lr)
        super().__init__(spec, **common)
        self.epochs, self.lr = epochs, lr
        self.classifier = GainedCosine(self.num_features, spec.num_classes)

    @without_autocast
    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Train a new head on the frozen features."""
        features = self._frozen_features(support.image)
        head = GainedCosine(self.num_features, int(support.target.max()) + 1).to(features)
        with torch.enable_grad():
            tuned(head, features, support.target, self.epochs, self.lr)
        head.requires_grad_(False)
        return without_autocast(lambda image: head(self._frozen_features(image)))
