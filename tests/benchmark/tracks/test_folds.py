"""Folds as one result: every prediction once, scored together; nothing where a fold is absent."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.boards.section import sections
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import Content
from medtail.benchmark.metrics.long_tail import score
from medtail.benchmark.tracks.folds import joined, pooled, whole_of
from tests.boards import COST, TERMS, done, failed

FOLDS = 3


def fold(number, method="erm", seed=0, n=60):
    """A fold's record, its test and its validation: images that no other fold tests."""
    terms = TERMS.model_copy(update={"folds": FOLDS, "fold": number})
    rng = np.random.default_rng([number, seed, sum(map(ord, method))])
    target = np.resize([0, 1, 2], n)
    test, val = (
        Predictions.of(ids, ids, target, rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[target])
        for ids in (np.array([f"{part}{number}-{i}" for i in range(n)]) for part in "tv")
    )
    counts = (50 + number, 900, 10)
    content = Content(data=f"data{number}", pixels="p", method="m", shared="s", recipe="r")
    record, _ = done(method, seed, terms, class_counts=counts, content=content, cost=COST)
    update = {
        "predictions": test.digest,
        "validation": val.digest,
        "metrics": score(test, val, counts, ordinal=False),
        "support": (20, 20, 20),
    }
    return record.model_copy(update=update), test, val


def results(*made):
    return [(r, t) for r, t, _ in made], {r.cell_id: v for r, _, v in made}


def test_metrics_are_of_all_predictions_together():
    made = [fold(n) for n in (2, 1, 3)]
    [(record, test)], held = pooled(*results(*made))
    tests = [t for _, t, _ in sorted(made, key=lambda m: m[0].cell.terms.fold)]
    target = np.concatenate([t.target for t in tests])
    probability = np.concatenate([t.probabilities for t in tests])
    assert test.id.tolist() == [i for t in tests for i in t.id.tolist()]
    assert record.metrics["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(target, probability.argmax(1))
    )
    assert record.metrics["macro_auc"] == pytest.approx(
        roc_auc_score(target, probability, multi_class="ovr"), abs=1e-12
    )
    mean = np.mean([r.metrics["macro_auc"] for r, *_ in made])
    assert record.metrics["macro_auc"] != pytest.approx(mean, abs=1e-4), "no mean over folds"
    assert record.metrics["fitted_balanced_accuracy"] is not None
    assert (record.support, record.class_counts) == ((60, 60, 60), (52, 900, 10))
    assert record.predictions == test.digest
    assert record.validation == held[record.cell_id].digest
    assert record.cell == whole_of(made[0][0].cell)
    assert record.cell_id == record.cell.id
    assert record.cost.seconds == 3 * 75
    assert record.cost.images == 1, "of one training, as the budget is"
    assert record.content.pixels == "p"
    assert record.content.data not in {"data1", "data2", "data3"}


def test_an_absent_fold_makes_no_row_and_a_failed_one_a_failed_row():
    two = [fold(n) for n in (1, 2)]
    assert pooled(*results(*two)) == ([], {})
    lost, _ = failed("erm", 0, TERMS.model_copy(update={"folds": FOLDS, "fold": 3}), "killed")
    each, held = results(*two, *(fold(n, "focal") for n in (1, 2, 3)))
    made, _ = pooled([*each, (lost, None)], held)
    (section,) = sections([*(r for r, _ in each), lost, *(r for r, _ in made)])
    rows = {row.name: row for row in section.rows}
    assert rows["focal"].complete
    assert not rows["erm"].done
    assert [r.reason for r in rows["erm"].failed] == ["killed"]


def test_validation_of_a_fold_that_is_not_there_leaves_the_fitted_number_out():
    made = [fold(n) for n in (1, 2, 3)]
    each, held = results(*made)
    [(record, _)], more = pooled(each, dict(list(held.items())[:2]))
    assert record.metrics["fitted_balanced_accuracy"] is None
    assert (record.validation, more) == ("", {})


def test_rows_of_folds_are_a_board_and_their_parts_stay_evidence(tmp_path):
    made = [fold(n, m, s) for m in ("erm", "focal") for s in (0, 1) for n in (1, 2, 3)]
    each, held = results(*made)
    together, more = pooled(each, held)
    leaderboard.publish(tmp_path, each + together, held | more)
    leaderboard.render(tmp_path)
    page = (tmp_path / "fake@natural.md").read_text()
    assert "3 folds by group: every image is tested once" in page
    assert page.count("| `erm` |") >= 1
    assert "seeds 0, 1." in page
    row = next(line for line in page.splitlines() if "`erm`" in line)
    assert row.count(" to ") >= 2, "intervals, of the fitted number, too"
    stored = leaderboard.read_predictions(tmp_path, "fake@natural")
    assert len(stored) == 12 + 4
    assert joined([stored[r.cell_id] for r, *_ in made[:3]]).digest == together[0][0].predictions
