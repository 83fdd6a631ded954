"""Features without labels: tell each given image from all others by two views of it."""

from typing import ClassVar, Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import DataRequest, DataSpec

from ..base import Common, Stage
from ..contrast.losses import supcon_loss
from ..contrast.momentum import Projection
from ..gathering import gathered
from .base import OneClass

DIM, TEMPERATURE = 128, 0.5  # Chen et al., "SimCLR", ICML 2020, section 3 and table 5


class InstanceDiscrimination(OneClass):
    """SimCLR's loss on the given images; papers score its features.

    Neither rotation (the suite's symmetries turn every image, and skin lesions have no upright) nor
    patches (that is CutPaste) remain as a task that gives features without labels.
    """

    augment: ClassVar[str] = "contrastive"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.projection = Projection(self.num_features, DIM)

    def request(self, stage: Stage) -> DataRequest:
        """Two views."""
        return DataRequest(views=2, augment=self.augment)

    def given_loss(self, image: Tensor) -> Tensor:
        """SupCon's loss where every image is a class of its own, which is SimCLR's."""
        embedded = self.projection(self.features(image.flatten(0, 1)))
        everything = gathered(embedded)
        instance = torch.arange(len(everything) // 2, device=image.device).repeat_interleave(2)
        return supcon_loss(everything, instance, TEMPERATURE)
