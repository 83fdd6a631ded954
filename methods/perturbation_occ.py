"""Perturbed copies of the given class as the signal of one-class learning.

Paper: Gao et al., "Handling imbalanced medical image data: a deep-learning-based one-class
    classification approach", Artificial Intelligence in Medicine 108 (2020). Only its abstract was
    read: "simple but effective perturbing operations" and "the concept of imaging complexity".
Equations: ours: the network tells which of K operations was applied to a given image, L =
    1/K sum_k -log softmax_k h(f(T_k x)); score: the same sum for the image at hand, high where the
    operations do not act on it as on the given class (after Golan and El-Yaniv, "Deep anomaly
    detection using geometric transformations", NeurIPS 2018).
Deviations: all of it is our reconstruction. The operations change how complex an image is, and not
    where things are: none, blur, 2x2 mosaic, edges raised, contrast halved, few grey levels. They
    are not random, so that a score depends on the image alone. Each step shows an image 6 times.
Status: reconstruction.
"""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataRequest, DataSpec

from .core.base import Common, Stage
from .core.gathering import gathered
from .core.middle_classes.drawing import blurred
from .core.one_class.base import OneClass


def mosaic(pixels: Tensor) -> Tensor:
    """Means of 2x2 squares, at the old size."""
    height, width = pixels.shape[-2:]
    small = F.avg_pool2d(pixels, 2, ceil_mode=True)
    return F.interpolate(small, scale_factor=2)[..., :height, :width]


def raised(pixels: Tensor) -> Tensor:
    """Twice the difference to the blurred image added."""
    return (pixels + 2 * (pixels - blurred(pixels, 1))).clamp(0, 1)


def flattened(pixels: Tensor) -> Tensor:
    """Half the contrast about the mean of each channel."""
    mean = pixels.mean((2, 3), keepdim=True)
    return mean + 0.5 * (pixels - mean)


OPERATIONS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda pixels: pixels,
    lambda pixels: blurred(pixels, 1),
    mosaic,
    raised,
    flattened,
    lambda pixels: (pixels * 7).round() / 7,
)


def surprise(logits: Tensor) -> Tensor:
    """1/K sum_k -log softmax_k of the k-th operation's logits: [B] from [K, B, K]."""
    return -logits.log_softmax(2).diagonal(dim1=0, dim2=2).mean(1)


class PerturbationOCC(OneClass):
    """Which perturbation was it? Given images are those of which the network knows.

    Args:
        spec: the data.
        common: see ``Method``.
    """

    paper = "Gao et al. 2020, abstract only"
    status = "reconstruction"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.classifier = nn.Linear(self.num_features, len(OPERATIONS))

    def request(self, stage: Stage) -> DataRequest:
        """Each image and its perturbed copies."""
        return DataRequest(made=5)

    def given_loss(self, image: Tensor) -> Tensor:
        """Cross-entropy of the operations."""
        return gathered(self.abnormality(image)).mean()

    def abnormality(self, image: Tensor) -> Tensor:
        """Mean surprise at the perturbed copies."""
        with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
            pixels = self.pixels(image.float())
            copies = torch.cat([operation(pixels) for operation in OPERATIONS])
            copies = self.normalised(copies).to(image.dtype)
        logits = self.score(self.features(copies))
        return surprise(logits.view(len(OPERATIONS), -1, logits.shape[1]))
