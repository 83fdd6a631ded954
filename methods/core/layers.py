"""The layers of a network, for a rate of each."""

from collections.abc import Callable

from timm.models import group_parameters
from torch import nn

from medtail.datamodules.core.errors import MedtailError

BACKBONE = "backbone."


def layers_of(backbone: nn.Module) -> dict[str, int]:
    """Number of the layer of each parameter of a backbone, from 0 at the image, as timm groups it.

    Args:
        backbone: a model of timm, or ``Pooled`` around one.

    Raises:
        MedtailError: timm does not know its layers.
    """
    inner = getattr(backbone, "network", backbone)
    prefix = "" if inner is backbone else "network."
    matcher = getattr(inner, "group_matcher", None)
    if matcher is None:
        raise MedtailError(
            "layer_decay needs a backbone whose layers timm knows: write layer_decay: 1"
        )
    found = group_parameters(inner, matcher(coarse=False), reverse=True)
    return {f"{prefix}{name}": layer for name, layer in found.items()}


def matcher_of(method: nn.Module) -> Callable[[str], float]:
    """The layer of each parameter of a method, as timm asks its own models.

    Everything above the backbone is one more layer, the last, which has the whole rate: the last of
    the backbone has ``layer_decay`` of it, the one before the square, and so on (Clark et al.,
    ELECTRA, ICLR 2020, appendix A; Bao et al., BEiT, ICLR 2022).
    """
    layers = layers_of(method.get_submodule("backbone"))
    last = max(layers.values(), default=-1) + 1

    def layer(name: str) -> float:
        return layers.get(name.removeprefix(BACKBONE), last) if name.startswith(BACKBONE) else last

    return layer
