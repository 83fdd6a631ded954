"""Backbones of timm by name, with stems for small images; and the Conv-4."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import timm
import torch
from timm.layers import PatchEmbed
from torch import Tensor, nn

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError, first_line, unknown

from .pretrained.finding import find
from .pretrained.source import Source
from .pretrained.tensors import load


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


def cifar(backbone: nn.Module, name: str) -> None:
    """Give a ResNet the small stem, and draw every layer as PyTorch does, in place.

    The ResNet of github.com/kuangliu/pytorch-cifar, which MedMNIST's baselines are. timm draws
    convolutions from He's normal distribution and starts the last norm of each block at 0.
    """
    small_stem(backbone, name)
    for layer in backbone.modules():
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            layer.reset_parameters()


def conv4(in_channels: int, width: int = 64) -> nn.Sequential:
    """The Conv-4 of few-shot learning: four blocks of 3x3 convolution, norm, ReLU, 2x2 max-pool.

    Vinyals et al., NeurIPS 2016, section 4.1; what is left of the map is flattened, as by Snell et
    al., NeurIPS 2017, section 3 and their code: 64 features at 28 px, 1600 at 84 px. The
    convolutions have no bias, which the norm would take away, and the pool stands before the ReLU,
    which gives the same for a quarter of the work.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise((in_channels, *[width] * 4)):
        conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(after), nn.MaxPool2d(2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())


STEMS = {"no_pool": no_pool, "small_stem": small_stem, "cifar": cifar}


def _checked_conv4(spec: DataSpec) -> nn.Sequential:
    if min(spec.image_size) < 16:
        raise MedtailError("backbone 'conv4' halves an image four times: take 16 px or more")
    return conv4(spec.in_channels)


class Pooled(nn.Module):
    """A network whose features are a map or tokens, and their mean.

    Args:
        network: gives [B, D, H, W], or [B, N, D].
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> features [B, D]."""
        found: Tensor = self.network(image)
        return found.flatten(2).mean(2) if found.ndim == 4 else found.mean(1)


def _stand_still(layer: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
    """Let a convolution on a map of one place take steps of 1, which gives the same.

    With longer steps PyTorch 2.15 has wrong gradients for the weights, or NaN, in bfloat16 on
    processors with AMX: oneDNN reads memory that nobody has written.
    """
    if type(layer) is not nn.Conv2d or given[0].shape[-2:] != (1, 1):
        return
    if isinstance(layer.padding, tuple):
        sides = zip(layer.padding, layer.kernel_size, layer.dilation, strict=True)
        if all(2 * around == far * (side - 1) for around, side, far in sides):
            layer.stride = (1, 1)


@torch.no_grad()
def width_of(backbone: nn.Module, spec: DataSpec) -> tuple[int, ...]:
    """Shape of the features of one image of zeros, without the batch; draws no random number.

    Where a map is down to one place, the strides on it become 1.
    """
    image = torch.zeros(1, spec.in_channels, *spec.image_size)
    hooks = [layer.register_forward_hook(_stand_still) for layer in backbone.modules()]
    with unmoved_random_numbers():
        found: Tensor = backbone.eval()(image)
    for hook in hooks:
        hook.remove()
    backbone.train()
    return tuple(found.shape[1:])


@contextmanager
def unmoved_random_numbers() -> Iterator[None]:
    """Whatever is drawn inside, torch's generator goes on from where it stood."""
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


def _whole_patches(backbone: nn.Module, spec: DataSpec) -> None:
    """Raise where a patch embedding would leave out the rows and columns that fill no patch."""
    embed = getattr(backbone, "patch_embed", None)
    if isinstance(embed, PatchEmbed):
        for side, patch in zip(spec.image_size, embed.patch_size, strict=True):
            if side % patch:
                raise ValueError(f"it sees whole patches of {patch} px only, which {side} are not")


def build_backbone(
    name: str, spec: DataSpec, weights: str | Source = "none"
) -> tuple[nn.Module, int]:
    """A backbone without its classifier, which is known to run on the data's images.

    Args:
        name: ``conv4`` (see that function), or a model of timm; ``+no_pool`` ``+small_stem``
            or ``+cifar`` appended changes a ResNet for small images: ``resnet18+small_stem``.
        spec: gives the channels and the image size.
        weights: ``none`` to draw them, or what they are, see ``pretrained.finding.find``; random
            numbers go on as if they had been drawn.

    Returns:
        Module mapping [B, C, H, W] to pooled features [B, D], and D, which is measured:
        ``num_features`` of timm is not always what comes out.

    Raises:
        MedtailError: unknown name, no such stem, weights that cannot be had or do not fit, or a
            network that cannot run on images of this size.
    """
    model, _, stem = name.partition("+")
    if stem and stem not in STEMS:
        raise unknown("stem", stem, STEMS)
    if name == "conv4":
        found = _checked_conv4(spec)
        _start_from(weights, found, name, spec)
        return found, math.prod(width_of(found, spec))
    if not timm.is_model(model):
        raise unknown("backbone", model, ["conv4", *timm.list_models()])
    start = torch.get_rng_state()
    reasons: list[str] = []
    # Nothing but a try tells which models take the size of their images: names do not.
    for size in ({"img_size": spec.image_size}, {}):
        torch.set_rng_state(start)
        try:
            backbone: nn.Module = timm.create_model(
                model, num_classes=0, in_chans=spec.in_channels, **size
            )
            if stem:
                STEMS[stem](backbone, name)
            _whole_patches(backbone, spec)
            shape = width_of(backbone, spec)
            _start_from(weights, backbone, name, spec)
            if len(shape) == 1:
                return backbone, shape[0]
            return Pooled(backbone), shape[0] if len(shape) == 3 else shape[-1]
        except MedtailError:
            raise
        except Exception as error:  # of any kind: the networks are timm's
            if not (size and isinstance(error, TypeError) and "img_size" in str(error)):
                reasons.append(first_line(error))
    raise _cannot_run(name, spec, reasons[0])


def _start_from(weights: str | Source, backbone: nn.Module, name: str, spec: DataSpec) -> None:
    if isinstance(weights, str):
        found = find(weights, name)
        if found is None:
            return
        weights = found.source
    with unmoved_random_numbers():
        load(backbone, weights, name, spec.in_channels)


def _cannot_run(name: str, spec: DataSpec, reason: str) -> MedtailError:
    height, width = spec.image_size
    channels = "1 channel" if spec.in_channels == 1 else f"{spec.in_channels} channels"
    made = timm.get_pretrained_cfg(name.partition("+")[0])
    own = f"it was made for {made.input_size[1]} x {made.input_size[2]} px: " if made else ""
    return MedtailError(
        f"backbone '{name}' cannot run on images of {height} x {width} px with {channels} "
        f"({reason}); {own}set another image_size, or take another backbone"
    )
