"""What pretrained weights are: a file with its SHA-256, and the constants of their images."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from medtail.datamodules.core.contract import MEAN, STD, Constants
from medtail.datamodules.core.errors import MedtailError, first_line


@dataclass(frozen=True)
class Source:
    """A file of weights.

    Attributes:
        kind: ``timm``, ``file``, ``local-dir``, ``hf-hub`` or ``package``.
        name: without folders.
        sha256: of the file, 64 hex digits.
        place: where it lies on this machine; no part of what it is.
    """

    kind: str
    name: str
    sha256: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    def checked(self) -> Path:
        """The file, which must still be what it was.

        Raises:
            MedtailError: it is not there, or is another.
        """
        path = Path(self.place)
        if not self.place or not path.is_file():
            raise MedtailError(f"weights {self}: the file is not there")
        if digest_of(path) != self.sha256:
            raise MedtailError(f"weights {self}: the file changed since it was named: start again")
        return path


@dataclass(frozen=True)
class Found:
    """Weights that were found, and what the images were normalised with that they learnt from."""

    source: Source
    constants: Constants


def found(kind: str, name: str, path: Path, constants: Constants) -> Found:
    """A file of weights, read through once."""
    return Found(Source(kind, name, digest_of(path), str(path.absolute())), constants)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits; computed once, as long as nobody writes it."""
    stamp = path.stat()
    return _digest(path, stamp.st_size, stamp.st_mtime_ns)


@cache
def _digest(path: Path, _size: int, _time: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_of(backbone: str) -> str:
    """The model of timm that a backbone is, without its stem and its tag."""
    return backbone.partition("+")[0].partition(".")[0]


def same_model(text: str, model: str, backbone: str) -> None:
    """Raise where weights are of another model than the backbone."""
    if model_of(model) != model_of(backbone):
        raise MedtailError(
            f"weights {text}: they are of '{model}', not of '{backbone}': write backbone: {model}"
        )


def timm_config(backbone: str) -> dict[str, Any]:
    """What timm says of a model; empty of what is none of timm's."""
    import timm  # slow, and not needed where a file says it itself

    model = backbone.partition("+")[0]
    config = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
    return dict(config.to_dict()) if config else {}


def constants_of(config: dict[str, Any]) -> Constants:
    """Mean and deviation in a configuration; ImageNet's, timm's default, where it has none."""
    mean, std = config.get("mean") or MEAN, config.get("std") or STD
    return tuple(float(m) for m in mean), tuple(float(s) for s in std)


def json_of(path: Path) -> dict[str, Any]:
    """A mapping in a JSON file; ``MedtailError`` where it is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MedtailError(f"weights: {path.name}: no JSON ({first_line(error)})") from error
    if not isinstance(values, dict):
        raise MedtailError(f"weights: {path.name}: a mapping is expected")
    return values


def timm_form(text: str, config: dict[str, Any], backbone: str) -> dict[str, Any]:
    """The pretrained part of the ``config.json`` of timm, where it is of the backbone."""
    same_model(text, str(config.get("architecture", "")), backbone)
    part = config.get("pretrained_cfg", config)
    return part if isinstance(part, dict) else {}
