"""Which tier a source is in: four rules, each by a number or a fact that is written down.

``core`` sources count in averages; ``stress`` sources are shown beside them and never averaged.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import ConfigDict

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.subgroups import Permission

from ..boards.section import Section
from ..evidence.predictions import Predictions
from ..grid.cell import Frozen
from ..statistics.intervals import Floats
from .probe import facts, interval, probe, told

IMAGES, GROUPS = 20, 10  # of the rarest class in the test split, at least
Tier = Literal["core", "stress"]
Numbers = tuple[float, float, float]  # estimate, and the ends of its interval of 95 %


class Source(Frozen):
    """What the rules say of a source.

    Attributes:
        name: of the dataset.
        title: in words.
        permission: whose word it is that everyone may have the images.
        split: by what it is split, in words.
        rarest: the class with the fewest test images.
        images: test images of it.
        groups: groups that these are of; None where groups are unknown.
        parts: macro AUC of the probe by each kind of fact alone.
        probe: macro AUC of the probe by all of them.
        row: the network's, of a table on frozen features; empty where no board has it.
        network: the same of that row, mean over its seeds.
        lead: of the network over the probe, on the same draws of the test.
    """

    model_config = ConfigDict(extra="ignore")  # the file has the tier, too, which follows

    name: str
    title: str
    permission: Permission
    split: str
    rarest: str
    images: int
    groups: int | None
    parts: dict[str, float]
    probe: Numbers
    row: str = ""
    network: Numbers | None = None
    lead: Numbers | None = None

    @property
    def broken(self) -> list[str]:
        """The rules that it does not keep, in words."""
        found = []
        if self.permission not in ("own licence", "third parties"):
            found.append("permission")
        if self.images < IMAGES or (self.groups is not None and self.groups < GROUPS):
            found.append("size")
        if self.lead is None:
            found.append("no board yet")
        elif self.lead[1] <= 0:
            found.append("shortcut")
        return found

    @property
    def tier(self) -> Tier:
        """``core`` where every rule is kept."""
        return "stress" if self.broken else "core"


def _split(data: ImageDataModule) -> str:
    if data.table.split is not None:
        return data.split_by
    return "by groups" if data.table.group is not None else "by image: no groups are published"


def measured(data: ImageDataModule, row: str = "", seeds: Sequence[Predictions] = ()) -> Source:
    """What the rules say of a source.

    Args:
        data: under its natural regime, set up.
        row: of a table on frozen features, that the probe is held against.
        seeds: its test predictions; none where no board has it.

    Raises:
        MedtailError: they are of other test images.
    """
    test = data.rows("test")
    target, group = data.table.target[test], data.table.group
    counts = np.bincount(target, minlength=len(data.class_names))
    rarest = int(counts.argmin())
    own = np.unique(group[test][target == rarest]) if group is not None else None
    known = facts(data)
    whole = probe(data, known)
    network = lead = None
    if seeds:
        each = [told(_in_order(p, whole.predictions)) for p in seeds]
        mean = np.mean([one.draws for one in each], 0)
        network, lead = _numbers(mean), _numbers(mean - whole.draws)
    return Source(
        name=data.name.source,
        title=data.title,
        permission=data.permission,
        split=_split(data),
        rarest=data.class_names[rarest],
        images=int(counts[rarest]),
        groups=None if own is None else len(own),
        parts={kind: probe(data, {kind: v}).auc.mean for kind, v in known.items()},
        probe=_numbers(whole.draws),
        row=row if seeds else "",
        network=network,
        lead=lead,
    )


def table_of(row: str, tables: Sequence[Section]) -> Section | None:
    """The largest table on frozen features that has a row whole; None without one.

    Args:
        row: its name.
        tables: of a board, the largest first.
    """
    frozen = [t for t in tables if t.terms.budget.tune == "frozen" and t.terms.weights]
    return next((t for t in frozen if any(r.name == row and r.complete for r in t.rows)), None)


def seeds_of(row: str, table: Section, stored: Mapping[str, Predictions]) -> list[Predictions]:
    """Test predictions of each seed of a table's row, from a board's by cell id."""
    (found,) = [r for r in table.rows if r.name == row and r.complete]
    return [stored[r.cell_id] for r in found.done]


def _numbers(draws: Floats) -> Numbers:
    found = interval(draws)
    return found.mean, found.low, found.high


def _in_order(given: Predictions, like: Predictions) -> Predictions:
    """The rows of some predictions in the order of others of the same images."""
    place = {name: n for n, name in enumerate(given.id.tolist())}
    if place.keys() != set(like.id.tolist()):
        raise MedtailError(
            f"the board's test split has {len(place)} images and this one {len(like.id)}, not the "
            "same: was the board made of other data?"
        )
    order = [place[name] for name in like.id.tolist()]
    return Predictions(like.id, like.group, like.target, given.logits[order])
