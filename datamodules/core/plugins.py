"""What packages outside the project register: classes by the entry points of their distribution.

A package that cannot be used stops medtail in one line, which names it. Passed over in silence, its
methods would be missing from a board, or from one worker of many, and nobody would know why.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from .errors import MedtailError

T = TypeVar("T")
SLUG = re.compile(r"[a-z][a-z0-9_]*")


def plugins(
    group: str,
    base: type[T],
    own: Mapping[str, type[T]],
    slugs: Callable[[str, type[T]], Iterable[str]],
) -> dict[str, type[T]]:
    """The classes that installed packages register.

    Args:
        group: of the entry points, such as ``medtail.methods``.
        base: what a class must inherit from.
        own: the project's classes by slug.
        slugs: name of an entry point, its class -> the slugs that it answers to.

    Returns:
        Slug -> class, without ``own``.

    Raises:
        MedtailError: it cannot be imported or is no such class, or a slug is no slug or taken.
    """
    found: dict[str, type[T]] = {}
    owner = dict.fromkeys(own, "medtail itself")
    for entry in sorted(entry_points(group=group), key=lambda e: (_package(e), e.name)):
        loaded = _load(entry, base)
        names = tuple(slugs(entry.name, loaded))
        if not names:
            raise _broken(entry, f"{entry.value} names no slugs")
        for slug in names:
            if not SLUG.fullmatch(slug):
                raise _broken(entry, f"'{slug}' is no name: write small letters, digits and _")
            if slug in owner:
                raise _broken(entry, f"'{slug}' is a name of {owner[slug]}")
            owner[slug], found[slug] = f"package {_package(entry)}", loaded
    return found


def package_of(group: str, loaded: type) -> str:
    """Name and version of the package that registers a class; empty where none does."""
    entries = entry_points(group=group)
    return next((_package(e, version=True) for e in entries if e.load() is loaded), "")


def _load(entry: EntryPoint, base: type[T]) -> type[T]:
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as error:  # whatever another's module raises
        reason = " ".join(str(error).split())
        raise _broken(
            entry, f"cannot load {entry.value} ({type(error).__name__}: {reason})"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, base)):
        raise _broken(entry, f"{entry.value} is no subclass of {base.__module__}.{base.__name__}")
    return loaded


def _package(entry: EntryPoint, version: bool = False) -> str:
    if entry.dist is None:
        return entry.module
    return f"{entry.dist.name} {entry.dist.version}" if version else str(entry.dist.name)


def _broken(entry: EntryPoint, what: str) -> MedtailError:
    return MedtailError(
        f"package {_package(entry)}, entry point '{entry.name}' of {entry.group}: {what}; fix or "
        "uninstall the package"
    )
