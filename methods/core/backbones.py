"""Backbones of timm by name, with stems for small images."""

from typing import Any

import timm
from torch import nn

from datamodules.core.contract import DataSpec
from datamodules.core.errors import MedtailError, unknown


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


STEMS = {"no_pool": no_pool, "small_stem": small_stem}


def build_backbone(name: str, spec: DataSpec, pretrained: bool = False) -> tuple[nn.Module, int]:
    """A backbone without its classifier.

    Args:
        name: a model of timm; ``+no_pool`` or ``+small_stem`` appended changes a ResNet's stem for
            small images, such as ``resnet18+small_stem``.
        spec: gives the channels.
        pretrained: load timm's weights (from its local cache, or downloaded where possible).

    Returns:
        Module mapping [B, C, H, W] to pooled features [B, D], and D.

    Raises:
        MedtailError: unknown name, no such stem, or weights that cannot be had.
    """
    model, _, stem = name.partition("+")
    if stem and stem not in STEMS:
        raise unknown("stem", stem, STEMS)
    if not timm.is_model(model):
        raise unknown("backbone", model, timm.list_models())
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
