"""Verdicts between two boards: exact where equal, one-sided noise where not, all of it said."""

import math

import numpy as np
import pytest
from scipy import stats as reference

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.regression.noise import moderated, sample_error
from medtail.benchmark.regression.verdicts import compare
from tests.benchmark.regression.grids import METHODS, board, grid, scored, verdicts
from tests.boards import TERMS, WHERE, failed, one_class


def test_the_same_board_is_equal_row_by_row():
    found = compare(board(grid()), board(grid()))
    assert [f.row for f in found] == sorted(METHODS)
    assert {f.verdict for f in found} == {"equal"}
    assert not any(f.fails(exact=True) for f in found)
    assert all(f.base == f.new for f in found)


def test_other_draws_of_an_unchanged_method_are_no_drop():
    found = compare(board(grid()), board(grid(lottery=1)))
    assert {f.verdict for f in found} == {"moved"}
    assert not any(f.fails() for f in found)
    assert all(f.fails(exact=True) for f in found)  # on the same platform nothing should move


def test_a_row_that_lost_much_is_a_drop_and_the_others_are_not():
    found = verdicts(board(grid()), board(grid(lottery=1, ldam=0.5)))
    assert found == {"crt": "moved", "erm": "moved", "focal": "moved", "ldam": "drop"}


def test_a_gain_is_no_drop():
    found = {f.row: f for f in compare(board(grid()), board(grid(lottery=1, ldam=0.9)))}
    assert found["ldam"].verdict == "rise"
    assert not found["ldam"].fails()
    assert found["ldam"].p > 0.99


def test_the_sides_are_not_exchangeable():
    low, high = board(grid(ldam=0.5)), board(grid(lottery=1))
    assert verdicts(high, low)["ldam"] == "drop"
    assert verdicts(low, high)["ldam"] == "rise"


def test_p_is_that_of_students_t_on_the_seeds_of_base():
    """One table of four rows pooled by hand, Holm by hand."""
    base, new = grid(), grid(lottery=1, ldam=0.66, crt=0.68)
    values = {
        (side, m): [r.metrics["balanced_accuracy"] for r, _ in part if r.cell.method == m]
        for side, part in (("base", base), ("new", new))
        for m in METHODS
    }
    variance = np.array([np.var(values["base", m], ddof=1) for m in METHODS])
    moder, freedom = moderated(variance, np.full(4, 4.0))
    p = []
    for m, v, df in zip(METHODS, moder, freedom, strict=True):
        drop = np.mean(values["base", m]) - np.mean(values["new", m])
        training = reference.t.sf(drop / math.sqrt(2 * v / 5), df)
        stored = [[x for r, x in part if r.cell.method == m] for part in (base, new)]
        samples = reference.norm.sf(drop / sample_error(*stored, "long_tail"))
        p.append(max(training, samples))
    order, running, adjusted = np.argsort(p), 0.0, {}
    for place, i in enumerate(order):
        running = max(running, min(1.0, (4 - place) * p[i]))
        adjusted[METHODS[i]] = running
    found = {f.row: f.p for f in compare(board(base), board(new))}
    assert found == pytest.approx(adjusted)
    assert min(found.values()) < 0.2  # or it would only compare ones


def test_only_rows_that_moved_are_corrected_for():
    base = board(grid())
    one = board(grid(methods=("crt", "erm", "focal")) + grid(0.66, 1, methods=("ldam",)))
    alone = next(f for f in compare(base, one) if f.row == "ldam")
    among = next(f for f in compare(base, board(grid(lottery=1, ldam=0.66))) if f.row == "ldam")
    assert alone.p < among.p
    assert alone.difference == among.difference


def test_a_method_without_spread_is_not_condemned_for_a_few_images():
    """Every seed the same: the training test alone would call any loss real."""

    def one_prediction(wrong):
        entries = []
        for method in METHODS:
            for seed in range(5):
                record, made = scored(0.8, method, seed)
                first = scored(0.8, "erm", 0)[1]
                logits = first.logits.copy()
                logits[:wrong] = np.roll(logits[:wrong], 1, axis=1)
                made = Predictions(first.id, first.group, first.target, logits)
                right = (made.probabilities.argmax(1) == made.target).reshape(-1, 3).mean(0).mean()
                update = {"predictions": made.digest, "metrics": {"balanced_accuracy": right}}
                entries.append((record.model_copy(update=update), made))
        return board(entries)

    assert verdicts(one_prediction(0), one_prediction(3)) == dict.fromkeys(METHODS, "moved")
    assert verdicts(one_prediction(0), one_prediction(60)) == dict.fromkeys(METHODS, "drop")


def test_equal_predictions_with_other_metrics_are_told_whatever_the_platform():
    base, new = board(grid()), grid()
    record, made = new[0]
    metrics = record.metrics | {"macro_auc": record.metrics["macro_auc"] - 0.01}
    where = WHERE.model_copy(update={"platform": "elsewhere"})
    new[0] = record.model_copy(update={"metrics": metrics, "provenance": where}), made
    found = {f.row: f for f in compare(base, board(new))}
    assert found["erm"].verdict == "rescored"
    assert "macro_auc" in found["erm"].note
    assert found["erm"].fails()
    tiny = record.metrics | {"macro_auc": record.metrics["macro_auc"] * (1 + 1e-13)}
    new[0] = record.model_copy(update={"metrics": tiny}), made
    assert verdicts(base, board(new))["erm"] == "equal"


def test_what_failed_or_is_missing_fails_and_what_is_new_does_not():
    base = grid(methods=("erm", "ldam", "crt")) + [failed("focal", s) for s in range(5)]
    new = [
        *(entry for entry in grid(methods=("erm", "focal", "bbn"))),
        *(entry for entry in grid(methods=("ldam",)) if entry[0].cell.seed != 3),
    ]
    new = [
        failed("erm", 2) if r.cell.method == "erm" and r.cell.seed == 2 else (r, p) for r, p in new
    ]
    found = {f.row: f for f in compare(board(base), board(new))}
    told = {row: (f.verdict, f.note, f.fails()) for row, f in found.items()}
    assert told == {
        "erm": ("failed", "seed 2: loss is nan", True),
        "ldam": ("missing", "seed 3", True),
        "crt": ("missing", "", True),
        "focal": ("mended", "", False),
        "bbn": ("new", "", False),
    }


def test_an_undefined_metric_is_a_failure():
    base, new = grid(methods=("erm",)), grid(methods=("erm",))
    record, made = new[1]
    empty = record.metrics | {"balanced_accuracy": None}
    new[1] = record.model_copy(update={"metrics": empty, "predictions": "other"}), made
    assert [f.verdict for f in compare(board(base), board(new))] == ["failed"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"terms": TERMS.model_copy(update={"selection": "last"})}, "selection"),
        ({"params": {"weight": 2}}, "params.weight None -> 2"),
        (
            {"terms": TERMS.model_copy(update={"image_size": (32, 40)})},
            "terms.image_size [28, 28] -> [32, 40]",
        ),
        ({"lists": "two"}, "split lists"),
        ({"source": "other files"}, "source of images"),
    ],
)
def test_other_terms_or_images_are_not_compared(changes, words):
    base = board(scored(0.7, seed=s) for s in range(3))
    new = board(scored(0.7, seed=s, **changes) for s in range(3))
    found = next(f for f in compare(base, new) if f.verdict != "new")
    assert found.verdict == "not comparable"
    assert words in found.note
    assert found.fails()


def test_other_samples_are_not_compared():
    base, new = grid(methods=("erm",)), grid(methods=("erm",), lottery=1)
    ids = np.array([f"t{i}" for i in range(300)])
    new = [(r, Predictions(ids, ids, p.target, p.logits)) for r, p in new]
    assert [f.note for f in compare(board(base), board(new))] == ["other test samples"]


def test_another_platform_is_named_and_never_held_to_exactness():
    def elsewhere(entry):
        record, made = entry
        where = WHERE.model_copy(update={"platform": "arm", "versions": {"medtail": "9"}})
        return record.model_copy(update={"provenance": where}), made

    found = compare(board(grid()), board(map(elsewhere, grid(lottery=1))))
    assert {f.platform for f in found} == {"platform  -> arm"}  # our own version is the question
    assert not any(f.fails(exact=True) for f in found)


def test_one_seed_alone_tells_nothing():
    found = compare(board(grid(seeds=1)), board(grid(seeds=1, lottery=1, erm=0.2)))
    assert {f.verdict for f in found} == {"untested"}


def test_every_track_has_its_primary_metric():
    base = board(one_class("erm", s, 0.7 + 0.01 * s, predictions="a") for s in range(4))
    new = board(one_class("erm", s, 0.4 + 0.01 * s, predictions="b") for s in range(4))
    (found,) = compare(base, new)
    assert (found.metric, found.verdict) == ("auroc", "drop")
    assert found.base - found.new == pytest.approx(0.3)
