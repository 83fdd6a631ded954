"""The committed golden boards: complete, and their numbers those of their predictions."""

import numpy as np
import pytest

from medtail.benchmark.boards.columns import track
from medtail.benchmark.boards.leaderboard import read_predictions
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import read_lines
from medtail.benchmark.grid.files import load
from medtail.benchmark.metrics import few_shot
from medtail.benchmark.metrics import one_class as metrics_one_class
from medtail.benchmark.metrics.long_tail import score
from medtail.benchmark.regression.verdicts import compare
from tests import ROOT
from tests.benchmark.regression.grids import board

GOLDEN = ROOT / "tests/golden"
FROM_VALIDATION = ("sensitivity", "achieved", "f1", "fitted")


def golden(data):
    slug = next(p.stem for p in (GOLDEN / "records").glob("*.jsonl") if p.stem.endswith(data))
    stored = read_predictions(GOLDEN, slug)
    records = read_lines(GOLDEN / "records" / f"{slug}.jsonl")
    return [(r, stored[r.cell_id]) for r in records]


def again(record, made):
    """The metrics of a record, from its predictions as the code is now."""
    if record.cell.terms.data.endswith("@oneclass"):
        return metrics_one_class.score(made, made, record.class_names[:1] + record.scored_names)
    if made.episode is not None:
        return few_shot.score_episodes(made, record.scored_names)
    return score(made, None, record.class_counts, ordinal=False)


def test_the_golden_holds_every_cell_of_its_suite():
    """A changed suite or default asks for ``medtail golden``."""
    held = {r.cell_id for p in (GOLDEN / "records").glob("*.jsonl") for r in read_lines(p)}
    assert held == {cell.id for cell in load("regress").cells()}
    tracks = {track(cell.terms.data) for cell in load("regress").cells()}
    assert tracks == {"long_tail", "few_shot", "one_class", "active"}


@pytest.mark.parametrize("data", ["@lt100", "@shot5", "@oneclass"])
def test_golden_predictions_give_the_golden_numbers(data):
    """On every platform: a changed metric shows without any training."""
    for record, made in golden(data):
        assert made.digest == record.predictions
        for name, value in again(record, made).items():
            if not name.startswith(FROM_VALIDATION):
                assert _close(value, record.metrics[name]), name


def test_a_broken_golden_row_is_found():
    entries = golden("@lt100")
    found = compare(board(entries), board(map(guessing, entries)))
    told = {f.row: f.verdict for f in found}
    assert told.pop("ldam") == "drop"
    assert set(told.values()) == {"equal"}


def _close(one, other):
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_close, one, other))
    return one == other if one is None or other is None else one == pytest.approx(other, rel=1e-9)


def guessing(entry):
    """The row of LDAM with every third answer moved on by a class."""
    record, made = entry
    if record.cell.method != "ldam":
        return entry
    logits = made.logits.copy()
    logits[::3] = np.roll(logits[::3], 1, axis=1)
    worse = Predictions(made.id, made.group, made.target, logits)
    update = {"metrics": again(record, worse), "predictions": worse.digest}
    return record.model_copy(update=update), worse
