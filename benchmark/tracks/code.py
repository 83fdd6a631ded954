"""The code that a result comes from: its method's own, and what all methods share."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from medtail import methods
from medtail.methods.core.source_code import code_digest, own_files

HOUSE = Path(methods.__file__).parents[1]
SHARED = (
    *("methods/core", "datamodules/core"),
    *("benchmark/tracks", "benchmark/features", "benchmark/metrics"),
)


@cache
def shared_digest() -> str:
    """16 hex digits over the code, and the tables of numbers, that every cell runs through."""
    files = [p for folder in SHARED for p in (HOUSE / folder).rglob("*")]
    return code_digest(p for p in files if p.suffix in (".py", ".csv"))


@cache
def digest_of(slugs: tuple[str, ...]) -> str:
    """The same over the own code of methods; of a package outside, its module's."""
    outside = {s: methods.get(s).__module__ for s in slugs if s not in methods.own()}
    return code_digest({p for slug in slugs for p in own_files(slug, outside.get(slug, ""))})


def method_digest(method: str, params: Mapping[str, Any]) -> str:
    """The same for a cell: of its method, of those that train a stage of it, and of its learner.

    Args:
        method: slug.
        params: of the cell.
    """
    learner = params.get("learner")
    slugs = {method, *methods.describe(method).begins_as, *([learner] if learner else [])}
    return digest_of(tuple(sorted(slugs)))
