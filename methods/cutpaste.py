"""CutPaste: given images against copies with a patch or a scar of their own pasted elsewhere.

Paper: Li et al., "CutPaste: self-supervised learning for anomaly detection and localization", CVPR
    2021. Values of the patches as in an unofficial code (Runinho/pytorch-cutpaste).
Equations: cross-entropy of three classes, normal, patch and scar, each batch in all three; score:
    the squared Mahalanobis distance of f(x) to the given training features (a Gaussian density,
    its constants left out). Patch: 2 to 15 % of the area, aspect 0.3 to 3.3; scar: 2 to 16 x 10 to
    25 pixels of 256, turned by up to 45 degrees; colours multiplied by 0.9 to 1.1.
Deviations: a linear head in place of the paper's projection; the covariance is shrunk after Ledoit
    and Wolf; a scar is never smaller than 1 x 3 pixels; each step shows the batch three times; both
    pastes stay inside the image. The paper's text was not at hand.
Status: reconstruction.
"""

from collections.abc import Iterable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec

from .core.base import Common, Stage
from .core.gathering import gathered
from .core.middle_classes.perturbations import cut_patch, cut_scar
from .core.one_class.base import OneClass
from .core.one_class.density import Gaussian, given_features


class CutPaste(OneClass):
    """Three-way classification of own patches, then a Gaussian of the given features.

    Args:
        spec: the data.
        common: see ``Method``.
    """

    paper = "Li et al. 2021"
    status = "reconstruction"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.classifier = nn.Linear(self.num_features, 3)
        self.density = Gaussian(self.num_features)

    @torch.no_grad()
    def generated(self, image: Tensor) -> Tensor:
        """Normalised images [B, ...] -> [3B, ...]: as they are, with a patch, with a scar."""
        with torch.autocast(image.device.type, enabled=False):
            pixels = self.pixels(image.float())
            made = torch.cat([pixels, cut_patch(pixels), cut_scar(pixels)])
            return self.normalised(made).to(image.dtype)

    def request(self, stage: Stage) -> DataRequest:
        """Each image and two cut-and-pasted ones."""
        return DataRequest(made=2)

    def given_loss(self, image: Tensor) -> Tensor:
        """Cross-entropy of normal, patch and scar."""
        target = torch.arange(3, device=image.device).repeat_interleave(len(image))
        logits = self.score(self.features(self.generated(image)))
        return F.cross_entropy(gathered(logits), gathered(target))

    def abnormality(self, image: Tensor) -> Tensor:
        """Squared Mahalanobis distance to the given features."""
        scores: Tensor = self.density(self.features(image))
        return scores

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Fit the Gaussian."""
        self.eval()
        self.density.fit(given_features(self.features, train, self.device))
