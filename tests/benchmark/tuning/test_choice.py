"""What is chosen of the trials, and the cells that it becomes."""

import json

import pytest

from medtail.benchmark.evidence.record import Record
from medtail.benchmark.tuning.choice import found, measure, text
from medtail.benchmark.tuning.search import Search, cells_of, values_of
from tests.benchmark.cells import cell

SEARCH = Search(trials=4, folds=2)
ROW = cell("erm")


def reader(scores, reason="training diverged: the loss is nan"):
    """Records of trials by their scores on two folds; None for a failed one."""
    by_id = {}
    for number, fold, one in cells_of(SEARCH, ROW):
        value = scores[number][fold - 1]
        values = {"cell_id": one.id, "cell": one}
        by_id[one.id] = (
            Record(**values, status="failed", reason=reason)
            if value is None
            else Record(**values, status="ok", metrics={"balanced_accuracy": value})
        )
    return lambda one: by_id.get(one.id)


def test_the_best_mean_over_folds_is_chosen_not_the_best_fold():
    result = found(SEARCH, ROW, reader([(0.4, 0.4), (0.9, 0.1), (0.5, 0.6), (0.5, 0.5)]))
    assert result.best == result.trials[2]
    cells = result.tuned([ROW, cell("erm", 1)])
    assert [c.seed for c in cells] == [0, 1]
    chosen = values_of(SEARCH, ROW)[2]
    assert {(c.tuned.lr, c.tuned.weight_decay) for c in cells} == {(chosen.lr, chosen.weight_decay)}
    assert {c.row for c in cells} == {"erm (tuned, 4 trials)"}
    assert {c.terms for c in cells} == {ROW.terms}, "on the table of its default"
    assert cells[0].tuned.default == ROW.kind
    assert len({c.id for c in [ROW, *cells]}) == 3


def test_of_equal_trials_the_first_and_a_failed_one_is_spent_and_not_chosen():
    result = found(SEARCH, ROW, reader([(0.4, 0.4), (0.4, 0.4), (0.9, None), (0.3, 0.3)]))
    assert result.best == result.trials[0]
    assert result.failed == 1
    assert result.trials[2].score is None
    assert result.tuned([ROW])[0].tuned.trials == 4, "failed ones count as spent"


def test_where_all_failed_nothing_is_tuned():
    result = found(SEARCH, ROW, reader([(None, None)] * 4))
    assert result.best is None
    assert result.tuned([ROW]) == []
    assert "diverged" in result.trials[0].reason
    assert found(SEARCH, ROW, lambda one: None).trials[0].reason == "it has no score"


@pytest.mark.parametrize(
    ("selection", "name"),
    [
        ("best_balanced_accuracy", "balanced_accuracy"),
        ("best_macro_auc", "macro_auc"),
        ("last", "balanced_accuracy"),
    ],
)
def test_trials_are_told_apart_by_the_metric_of_the_selection(selection, name):
    assert measure(cell("erm", selection=selection)) == name


def test_every_trial_stands_in_the_file():
    result = found(SEARCH, ROW, reader([(0.4, 0.4), (0.9, 0.1), (0.5, 0.6), (0.5, None)]))
    whole = json.loads(text(SEARCH, [result]))
    assert whole["search"]["trials"] == 4
    (row,) = whole["rows"]
    assert row["chosen"] == 2
    assert [t["scores"] for t in row["trials"]] == [[0.4, 0.4], [0.9, 0.1], [0.5, 0.6], [0.5, None]]
