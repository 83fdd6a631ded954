"""The base of one-class methods: what is learnt from given images alone; its score is a logit."""

from collections.abc import Callable
from typing import ClassVar, Unpack

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import Batch, DataSpec, Track
from medtail.datamodules.core.errors import MedtailError, NeedsImagesError

from ..base import Common, Method
from ..checks import slug
from ..gathering import gathered
from ..precision import exact


class OneClass(Method):
    """Learns from the given class (target 0) alone, wherever abnormal labels are known or not.

    A paper overrides ``given_loss`` and ``abnormality``, and ``anomaly_map`` if it has one. Under
    ``binary<ratio>`` the abnormal images of a batch are left out. Of several processes each one
    draws its own patches, textures and partners, so that methods that draw differ from one process
    by that.
    """

    tracks: ClassVar[tuple[Track, ...]] = ("one_class",)

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.classifier = nn.Identity()  # a paper's head takes its place

    def given_loss(self, image: Tensor) -> Tensor:
        """Mean loss of given images [B, C, H, W] ([B, V, C, H, W] of several views), a scalar.

        Of several processes each may have another number of them, or none (B = 0): what the mean is
        taken over is ``gathered`` first, so that it is that of the global batch.
        """
        raise NotImplementedError

    def loss(self, batch: Batch) -> Tensor:
        """The loss of the given images of the global batch; 0 where it has none."""
        given = batch.target == 0
        if (gathered(batch.target) == 0).any():  # the same answer on every process
            return self.given_loss(batch.image if given.all() else batch.image[given])
        return sum((0 * p.sum() for p in self.parameters() if p.requires_grad), torch.zeros(()))

    def anomaly_map(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> how abnormal each pixel is, [B, H, W], higher for more; float32.

        Raises:
            MedtailError: the method scores images as a whole.
        """
        raise MedtailError(f"{slug(self)}: it scores images as a whole and has no anomaly map")

    @classmethod
    def has_maps(cls) -> bool:
        """Whether it has an ``anomaly_map``."""
        return cls.anomaly_map is not OneClass.anomaly_map

    def features(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> features [B, D], also where a process has none of them (B = 0)."""
        return self.features_of(self.backbone, image)

    def features_of(self, network: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
        """The same by another network of its own."""
        if image.shape[0] > 0 or self._takes_none(network, image):  # `len`: an export would fix it
            return network(image)
        return network(image.new_zeros(1, *image.shape[1:]))[:0]

    @torch.no_grad()
    def _takes_none(self, network: Callable[[Tensor], Tensor], image: Tensor) -> bool:
        """Whether a network runs on no image: attention cannot, and BatchNorm counts all."""
        training = self.training
        try:
            self.eval()  # in evaluation BatchNorms ask no other process
            network(image)
        except RuntimeError:
            return False
        finally:
            self.train(training)
        return True

    def forward(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> logits (0, abnormality) [B, 2], float32."""
        abnormality = exact(self.abnormality(image))
        return torch.stack([torch.zeros_like(abnormality), abnormality], 1)

    def pixels(self, image: Tensor) -> Tensor:
        """Normalised images [..., C, H, W] -> values in [0, 1].

        Raises:
            NeedsImagesError: features stand in for the images.
        """
        if self.spec.features:
            raise NeedsImagesError("it draws on images")
        mean, std = self._constants(image)
        return (image * std + mean).clamp(0, 1)

    def normalised(self, pixels: Tensor) -> Tensor:
        """The inverse of ``pixels``."""
        mean, std = self._constants(pixels)
        return (pixels - mean) / std

    def _constants(self, like: Tensor) -> list[Tensor]:
        return [like.new_tensor(values).view(-1, 1, 1) for values in self.spec.normalisation]


def one_against_rest(logits: Tensor) -> Tensor:
    """Log-odds of all other classes against class 0, [B] from logits [B, K]."""
    return logits[:, 1:].logsumexp(1) - logits[:, 0]
