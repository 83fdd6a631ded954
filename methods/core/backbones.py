"""Backbones of timm by name, with stems for small images; and the Conv-4."""

from itertools import pairwise
from typing import Any

import timm
from torch import nn

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError, unknown


def _stem(backbone: nn.Module, name: str) -> nn.Conv2d:
    conv = getattr(backbone, "conv1", None)
    first = conv[0] if isinstance(conv, nn.Sequential) else conv
    if not isinstance(first, nn.Conv2d) or not hasattr(backbone, "maxpool"):
        raise MedtailError(
            f"backbone '{name}': only ResNets of timm can have another stem; drop the '+'"
        )
    return first


def no_pool(backbone: nn.Module, name: str) -> None:
    """Drop the pooling of a ResNet's stem, in place: half the stride, for images of 28 to 64 px."""
    _stem(backbone, name)
    backbone.maxpool = nn.Identity()


def small_stem(backbone: nn.Module, name: str) -> None:
    """Give a ResNet the 3x3 stem of stride 1 without pooling, in place.

    He et al., CVPR 2016, section 4.2.
    """
    first = _stem(backbone, name)
    no_pool(backbone, name)
    if first.kernel_size == (3, 3):
        first.stride = (1, 1)
    else:
        backbone.conv1 = nn.Conv2d(first.in_channels, first.out_channels, 3, padding=1, bias=False)


def conv4(in_channels: int, width: int = 64) -> nn.Sequential:
    """The Conv-4 of few-shot learning: four blocks of 3x3 convolution, norm, ReLU, 2x2 max-pool.

    Vinyals et al., NeurIPS 2016, section 4.1. The convolutions have no bias, which the norm would
    take away, and the pool stands before the ReLU, which gives the same for a quarter of the work.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise((in_channels, *[width] * 4)):
        conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(after), nn.MaxPool2d(2), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


STEMS = {"no_pool": no_pool, "small_stem": small_stem}


def _checked_conv4(spec: DataSpec, pretrained: bool) -> nn.Sequential:
    if pretrained:
        raise MedtailError("backbone 'conv4' has no pretrained weights: set pretrained: false")
    if min(spec.image_size) < 16:
        raise MedtailError("backbone 'conv4' halves an image four times: take 16 px or more")
    return conv4(spec.in_channels)


def build_backbone(name: str, spec: DataSpec, pretrained: bool = False) -> tuple[nn.Module, int]:
    """A backbone without its classifier.

    Args:
        name: ``conv4`` (see that function), or a model of timm; ``+no_pool`` or ``+small_stem``
            appended changes a ResNet's stem for small images, such as ``resnet18+small_stem``.
        spec: gives the channels and the image size.
        pretrained: load timm's weights (from its local cache, or downloaded where possible).

    Returns:
        Module mapping [B, C, H, W] to pooled features [B, D], and D.

    Raises:
        MedtailError: unknown name, no such stem, or weights that cannot be had.
    """
    model, _, stem = name.partition("+")
    if stem and stem not in STEMS:
        raise unknown("stem", stem, STEMS)
    if name == "conv4":
        return _checked_conv4(spec, pretrained), 64
    if not timm.is_model(model):
        raise unknown("backbone", model, ["conv4", *timm.list_models()])
    arguments: dict[str, Any] = {"num_classes": 0, "in_chans": spec.in_channels}
    if "vit" in model or "swin" in model:
        arguments["img_size"] = spec.image_size
    try:
        backbone = timm.create_model(model, pretrained=pretrained, **arguments)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        reason = str(error).splitlines()[0]
        raise MedtailError(
            f"backbone '{model}': its pretrained weights cannot be had ({reason}): "
            "put them into timm's cache, or set pretrained: false"
        ) from error
    if stem:
        STEMS[stem](backbone, name)
    return backbone, int(backbone.num_features)
