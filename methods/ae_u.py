"""AE-U: an autoencoder that says how sure it is of each pixel.

Paper: Mao et al., "Abnormality detection in chest X-ray images using uncertainty prediction
    autoencoders", MICCAI 2020, DOI 10.1007/978-3-030-59725-2_51; its equations as in
    caiyu6666/MedIAnomaly at 507201c, ``losses.py`` and ``aeu.py``.
Equations: a decoder gives x' and v of every value of the image: L = mean(e^-v (x - x')^2 + v);
    score: the mean over the image of e^-v (x - x')^2.
Deviations: the network is that of ``autoencoder`` with twice the output, in place of theirs of four
    blocks and 16 dimensions at 64 px. v is cut at -10 and 10, in float32: e^-v must stay a number.
    The loss may be below 0.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec

from .autoencoder import WIDTHS, Autoencoder
from .core.base import Common
from .core.gathering import gathered
from .core.precision import exact

LIMIT = 10.0


def weighed_errors(rebuilt: Tensor, uncertainty: Tensor, image: Tensor) -> Tensor:
    """e^-v (x - x')^2 of each value, [B, C, H, W] float32 from three of them."""
    return (-uncertainty).exp() * (exact(rebuilt) - exact(image)).square()


def weighed_error(rebuilt: Tensor, uncertainty: Tensor, image: Tensor) -> Tensor:
    """Their mean over each image, [B]."""
    return weighed_errors(rebuilt, uncertainty, image).mean((1, 2, 3))


class AEU(Autoencoder):
    """Reconstruction errors that count less where they are expected.

    Args:
        spec: the data.
        common: see ``Method``.
    """

    paper = "Mao et al. 2020"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.decoder.last = nn.Conv2d(WIDTHS[-1], 2 * spec.in_channels, 3, padding=1)

    def rebuild(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Images [B, C, H, W] -> x' and v of that shape, float32."""
        made: Tensor = self.decoder(F.relu(self.code(self.features(image))))
        rebuilt, uncertainty = exact(made).chunk(2, dim=1)
        return rebuilt, uncertainty.clamp(-LIMIT, LIMIT)

    def given_loss(self, image: Tensor) -> Tensor:
        """Mean of the weighed error and of v."""
        rebuilt, v = self.rebuild(image)
        return gathered(weighed_error(rebuilt, v, image) + v.mean((1, 2, 3))).mean()

    def abnormality(self, image: Tensor) -> Tensor:
        """Weighed error of each image."""
        return weighed_error(*self.rebuild(image), image)

    def anomaly_map(self, image: Tensor) -> Tensor:
        """Weighed error of each pixel, the mean over its channels."""
        return weighed_errors(*self.rebuild(image), image).mean(1)
