"""Rotations: which of four quarter turns was it? A control that dermoscopy cannot be won by.

Paper: Gidaris, Singh, Komodakis, "Unsupervised representation learning by predicting image
    rotations", ICLR 2018, the task; Golan and El-Yaniv, "Deep anomaly detection using geometric
    transformations", NeurIPS 2018, section 4, the score, in its simple form.
Equations: L = 1/4 sum_k -log softmax_k h(f(T_k x)), T_k a turn by k quarters, x given; score: the
    same sum of the image at hand.
Deviations: four turns, and no shifts or mirror images; the sum of -log p_k, where Golan and
    El-Yaniv first fit a Dirichlet distribution to each p. The suite's augmentation turns images, so
    that no turn could be told: none is applied here. Skin lesions and cells have no upright; the
    loss then stays at log 4 = 1.386, and the score says nothing. Of images that are not square the
    middle square is turned, and then enlarged, the same way for all turns. Each step shows an image
    4 times. The papers' texts were not at hand.
Status: reconstruction.
"""

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataRequest, DataSpec
from medtail.datamodules.core.errors import NeedsImagesError

from .core.base import Common, Stage
from .core.gathering import gathered
from .core.one_class.base import OneClass
from .perturbation_occ import surprise

TURNS = 4


def turned(image: Tensor) -> Tensor:
    """All quarter turns of images [B, C, H, W]: [4B, C, H, W], the first B as they are."""
    height, width = image.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[..., top : top + side, left : left + side]
    turns = torch.cat([torch.rot90(square, k, (2, 3)) for k in range(TURNS)])
    return turns if height == width else F.interpolate(turns, (height, width), mode="bilinear")


class RotNet(OneClass):
    """Which way up is it? Given images are those of which the network knows.

    Args:
        spec: the data.
        common: see ``Method``.
    """

    paper = "Gidaris et al. 2018"
    status = "reconstruction"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.classifier = nn.Linear(self.num_features, TURNS)

    def request(self, stage: Stage) -> DataRequest:
        """Each image the right way up, and its turns."""
        return DataRequest(augment=False, made=TURNS - 1)

    def given_loss(self, image: Tensor) -> Tensor:
        """Cross-entropy of the turns."""
        return gathered(self.abnormality(image)).mean()

    def abnormality(self, image: Tensor) -> Tensor:
        """Mean surprise at the turns.

        Raises:
            NeedsImagesError: features stand in for the images.
        """
        if self.spec.features:
            raise NeedsImagesError("it turns images")
        logits = self.score(self.features(turned(image)))
        return surprise(logits.view(TURNS, -1, TURNS))
