"""Deep SAD: Deep SVDD that pushes labelled abnormal images away from the centre.

Paper: Ruff et al., "Deep semi-supervised anomaly detection", ICLR 2020, arXiv 1906.02694, section
    3; the authors' code (lukasruff/Deep-SAD-PyTorch at 2e7aca3, ``DeepSAD_trainer.py``).
Equations: q = ||phi(x) - c||^2; L is the mean over the batch of q for given images, which count as
    unlabelled, and of eta / (q + 0.000001) for labelled abnormal ones; score: q. eta = 1.
Deviations: those of ``deep_svdd``: no autoencoder goes before, c is the mean output over the first
    batch, abnormal images included as in the authors' code. No given image is labelled, so that eta
    weighs the abnormal ones alone. An abnormal image that lies on c at the start costs up to a
    million.
Status: faithful.
"""

from typing import Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.gathering import gathered
from .deep_svdd import DeepSVDD, fixed_centre

EPS = 1e-6


def semi_supervised_loss(squared: Tensor, target: Tensor, eta: float) -> Tensor:
    """Mean of q where the target is 0 and of eta / (q + 1e-6) elsewhere, of q and targets [N]."""
    return torch.where(target == 0, squared, eta / (squared + EPS)).mean()


class DeepSAD(DeepSVDD):
    """Squared distance to a fixed centre, small for given and large for abnormal images.

    Args:
        spec: the data.
        eta: weight of labelled abnormal images.
        common: see ``Method``.
    """

    paper = "Ruff et al. 2020"

    def __init__(self, spec: DataSpec, *, eta: float = 1.0, **common: Unpack[Common]) -> None:
        check_interval(self, "(0, inf)", eta=eta)
        super().__init__(spec, **common)
        self.eta = eta

    @classmethod
    def refuses(cls, spec: DataSpec) -> str:
        """Without abnormal labels it is Deep SVDD."""
        if not (reason := super().refuses(spec)) and 0 in spec.class_counts:
            return "it learns from abnormal labels, of which there are none: take binary<ratio>"
        return reason

    def loss(self, batch: Batch) -> Tensor:
        """Of all images of the global batch."""
        outputs = gathered(self.score(self.features(batch.image)))
        if not self.placed:
            self.centre.copy_(fixed_centre(outputs.detach()))
            self.placed.fill_(True)
        return semi_supervised_loss(self._from_centre(outputs), gathered(batch.target), self.eta)
