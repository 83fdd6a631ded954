"""The reference engines: packages that ours are held against, imported where they are asked for."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from medtail.datamodules.core.errors import MedtailError

Package = Literal["learn2learn", "submodlib"]
HOW: dict[Package, str] = {
    "learn2learn": "pip cannot resolve its requirements; `make setup` in a checkout builds it",
    "submodlib": "pip install 'medtail[reference]' (Python below 3.13)",
}


def installed(package: Package) -> bool:
    """Whether it is there; does not import it."""
    return find_spec(package) is not None


def reference(package: Package, module: str = "") -> Any:  # noqa: ANN401 - untyped libraries
    """A reference engine, which no method needs: slow to import, and not quiet.

    Args:
        package: its name.
        module: of it, if not the whole.

    Raises:
        MedtailError: it cannot be imported; says how it is to be had.
    """
    try:
        return import_module(f"{package}.{module}" if module else package)
    except ImportError as error:
        raise MedtailError(
            f"{package} is not installed ({error}): {HOW[package]}; or write engine: auto, which "
            "does without"
        ) from error
