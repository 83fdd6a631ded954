"""What of two results differs besides chance: terms, images, platform, metrics. Pure functions."""

import math
from collections.abc import Iterable, Mapping

from ..evidence.record import Record
from ..grid.cell import Cell

SAME = 1e-9  # relative and absolute: sums of float64 in another order


def other_terms(cell: Cell, others: Iterable[Cell]) -> str:
    """How the nearest of other rows of the same method and data differs; empty where none is."""
    mine = _settings(cell)
    told: list[list[str]] = []
    for other in others:
        if (other.method, other.terms.data) == (cell.method, cell.terms.data):
            theirs = _settings(other)
            keys = sorted(k for k in mine.keys() | theirs.keys() if mine.get(k) != theirs.get(k))
            told.append([f"{k} {mine.get(k)} -> {theirs.get(k)}" for k in keys])
    nearest = min(told, key=len, default=[])
    return ", ".join(nearest)


def _settings(cell: Cell) -> dict[str, object]:
    return _flat(cell.model_dump(mode="json", include={"params", "terms"}), "")


def _flat(values: Mapping[str, object], prefix: str) -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat


def other_images(base: Record, new: Record) -> str:
    """What of classes, splits or files differs; empty where results can be compared."""
    for name in ("class_names", "class_counts", "scored_names", "support", "rare", "pool"):
        if getattr(base, name) != getattr(new, name):
            return f"other {name.replace('_', ' ')}"
    if base.content and new.content:
        for name, words in (("data", "labels, groups or splits"), ("pixels", "pixels")):
            if getattr(base.content, name) != getattr(new.content, name):
                return f"other {words}"
    for name, words in (("split_digest", "split lists"), ("source", "source of images")):
        if getattr(base.provenance, name, "") != getattr(new.provenance, name, ""):
            return f"other {words}"
    same = base.metrics.get("episode_list") == new.metrics.get("episode_list")
    return "" if same else "other episodes"


def other_platform(base: Record, new: Record) -> str:
    """What of processor, device and packages differs: arithmetic may round otherwise."""
    one, other = _platform(base), _platform(new)
    keys = sorted(k for k in one.keys() | other.keys() if one.get(k) != other.get(k))
    return ", ".join(f"{k} {one.get(k)} -> {other.get(k)}" for k in keys)


def _platform(record: Record) -> dict[str, str]:
    found = {"device": record.cost.device} if record.cost else {}
    if record.provenance:
        found |= record.provenance.versions | {"platform": record.provenance.platform}
    found.pop("medtail", None)  # whose changes are the question
    return found


def other_numbers(base: Record, new: Record) -> list[str]:
    """Metrics of ``base`` that ``new`` has otherwise or not at all."""
    return [name for name, v in base.metrics.items() if not _close(v, new.metrics.get(name))]


def _close(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=SAME, abs_tol=SAME)
    return one == other
