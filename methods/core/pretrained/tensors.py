"""The tensors of a checkpoint, by the names of a backbone, and into it."""

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models._manipulate import adapt_input_conv
from torch import Tensor, nn

from medtail.datamodules.core.errors import MedtailError, first_line

from .finding import PACKAGES
from .source import Source

State = dict[str, Tensor]
# What wraps a state dict in a file, and a backbone in what was trained.
NESTED = ("state_dict", "model", "teacher")
WRAPPERS = ("module", "model", "backbone", "encoder", "network", "encoder_q", "_orig_mod")
CLASSIFIERS = ("classifier", "fc", "head", "heads", "head_dist", "last_linear")
TOLD = 3  # names that a line tells of many


class WeightsWarning(UserWarning):
    """Something in a file of weights was not used."""


@dataclass(frozen=True)
class Fit:
    """How the tensors of a file fit a backbone.

    Attributes:
        state: those that fit, by the backbone's names.
        missing: names of the backbone that the file lacks.
        unexpected: names of the file that the backbone lacks, without classifiers.
        misshapen: names with both shapes, where these differ.
    """

    state: State
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    @property
    def words(self) -> str:
        """How many do not fit, and the first of them; empty where all fit."""
        parts = (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("of wrong shape", self.misshapen),
        )
        return ", ".join(f"{len(names)} {what} ({_some(names)})" for what, names in parts if names)


def load(backbone: nn.Module, source: Source, name: str, channels: int) -> None:
    """Load weights into a backbone, in place; warns of tensors that are left over.

    Args:
        backbone: without its classifier.
        source: of the weights.
        name: of the backbone, for messages.
        channels: of the images.

    Raises:
        MedtailError: no readable tensors, or not all that the backbone needs.
    """
    state = read(source.checked())
    if source.kind == "package":
        state = in_order(state, PACKAGES[source.name].model)
    fit = fitted(backbone, state, channels)
    if not fit.state:
        raise MedtailError(
            f"weights {source}: none of its {len(state)} tensors fits backbone '{name}' (the first "
            f"is {next(iter(state))})"
        )
    if fit.missing or fit.misshapen:
        stem = "; a stem with '+' may have another first layer: drop it" if "+" in name else ""
        raise MedtailError(f"weights {source} do not fit backbone '{name}': {fit.words}{stem}")
    backbone.load_state_dict(fit.state, strict=False)  # only num_batches_tracked may be absent
    if fit.unexpected:
        warnings.warn(
            f"weights {source}, into backbone '{name}': {fit.words}", WeightsWarning, stacklevel=2
        )


def read(path: Path) -> State:
    """The state dict in a file.

    Raises:
        MedtailError: it is none, or holds Python objects, which a stranger's file may run.
    """
    try:
        found: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (SafetensorError, OSError, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise _unreadable(path, first_line(error)) from error
    except Exception as error:  # pickle's, of weights_only
        raise _unreadable(
            path,
            "it holds more than tensors, which is not loaded: save the state dict alone by "
            "torch.save(model.state_dict(), path)",
        ) from error
    while inner := next((k for k in NESTED if isinstance(_part(found, k), Mapping)), None):
        found = found[inner]
    pairs = found.items() if isinstance(found, Mapping) else ()
    state = {str(key): value for key, value in pairs if isinstance(value, Tensor)}
    if not state:
        raise _unreadable(path, "there are no tensors in it")
    return state


def _part(values: Any, key: str) -> Any:  # noqa: ANN401 - whatever a file holds
    return values.get(key) if isinstance(values, Mapping) else None


def _unreadable(path: Path, reason: str) -> MedtailError:
    return MedtailError(f"weights {path.name}: no readable state dict: {reason}")


def in_order(state: State, model: str) -> State:
    """Tensors under timm's names, where they stand in timm's order with equal shapes.

    Raises:
        MedtailError: their number or a shape differs.
    """
    with torch.device("meta"):  # shapes only: nothing is drawn
        wanted = timm.create_model(model).state_dict()
    if len(wanted) != len(state):
        raise MedtailError(f"weights: {len(state)} tensors, {model} has {len(wanted)}")
    for (theirs, value), (ours, shape) in zip(state.items(), wanted.items(), strict=True):
        if value.shape != shape.shape:
            raise MedtailError(
                f"weights: {theirs} is {list(value.shape)}, {ours} of {model} {list(shape.shape)}"
            )
    return dict(zip(wanted, state.values(), strict=True))


def fitted(backbone: nn.Module, state: State, channels: int) -> Fit:
    """Which tensors fit a backbone.

    Args:
        backbone: without its classifier.
        state: of a file: names may have prefixes, see ``WRAPPERS``; a classifier may be there.
        channels: of the images: the first convolution is summed for grey ones, as timm does.
    """
    wanted = backbone.state_dict()
    prefix = max(_prefixes(state), key=lambda p: (sum(p + k in state for k in wanted), -len(p)))
    inside = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    outside = [k for k in state if not k.startswith(prefix)]
    config = getattr(backbone, "pretrained_cfg", None) or {}
    inside = _as_timm_stores_them(inside, backbone)
    _take_channels(inside, wanted, config.get("first_conv") or "0", channels)
    heads = (*CLASSIFIERS, *_listed(config.get("classifier")))
    left = [
        key
        for key in (*(k for k in inside if k not in wanted), *outside)
        if not any(part in f".{key}" for head in heads for part in (f".{head}.",))
        and not key.endswith("num_batches_tracked")
    ]
    shared = [key for key in wanted if key in inside]
    odd = [key for key in shared if inside[key].shape != wanted[key].shape]
    missing = [k for k in wanted if k not in inside and not k.endswith("num_batches_tracked")]
    shapes = [f"{k} {list(inside[k].shape)} for {list(wanted[k].shape)}" for k in odd]
    fits = {key: inside[key] for key in shared if key not in odd}
    return Fit(fits, tuple(missing), tuple(left), tuple(shapes))


def _prefixes(state: State) -> list[str]:
    """What the names of a file begin with that may wrap a backbone: ``module.encoder_q.``."""
    found = {"": None}
    for key in state:
        parts = key.split(".")
        for n, part in enumerate(parts[:-1], 1):
            if part not in WRAPPERS:
                break
            found[".".join(parts[:n]) + "."] = None
    return list(found)


def _as_timm_stores_them(state: State, backbone: nn.Module) -> State:
    """Through timm's own mapping of original checkpoints, which also fits positions to a size."""
    mapping = getattr(sys.modules[type(backbone).__module__], "checkpoint_filter_fn", None)
    if mapping is None or not type(backbone).__module__.startswith("timm."):
        return state
    try:
        return dict(mapping(dict(state), backbone))
    except Exception:  # of any kind: it is for timm's own files, and names are compared after it
        return state


def _take_channels(state: State, wanted: State, first: Any, channels: int) -> None:  # noqa: ANN401
    for name in _listed(first):
        key = f"{name}.weight"
        given = state.get(key)
        if given is None or key not in wanted or given.ndim != 4:
            continue
        if given.shape[1] != wanted[key].shape[1] and given.shape[0] == wanted[key].shape[0]:
            state[key] = adapt_input_conv(channels, given, base_chans=given.shape[1])


def _listed(names: Any) -> tuple[str, ...]:  # noqa: ANN401 - of timm's configurations
    return (names,) if isinstance(names, str) else tuple(names or ())


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:TOLD]) + (", ..." if len(names) > TOLD else "")
