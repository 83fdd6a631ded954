"""Submitted predictions against rows: as two rows of a board are compared, and marked."""

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.comparison import differences, pages
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.record import read_lines, write_lines
from medtail.benchmark.scoring import scores_file, submission
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.scoring.outsiders import SLUG, board_of, put, scores_of
from tests.boards import TERMS, done, predictions


def numbers(found):
    return [
        (
            line.label,
            *(getattr(line, n) for n in ("new", "base")),
            line.estimate.p,
            *vars(line.difference).values(),
        )
        for line in (*found.metrics, *found.classes)
    ]


def test_a_rows_own_predictions_compare_as_the_row_does(tmp_path):
    """Before they are put on the board and after."""
    board_of(tmp_path)
    tables = [predictions("focal", seed).logits.astype(np.float64) for seed in (0, 1)]
    scores = scores_file.Scores(np.stack(tables), ("a", "b"), "logits", ())
    truth = submission.truth_of(tmp_path, SLUG)
    more = [
        (submission.entry_of(truth, scores, "these"), submission.given_of(truth, scores)),
    ]
    alone = differences.compare(tmp_path, [SLUG], "these", ["erm", "ldam"], more)
    put(tmp_path, "mine", scores)
    beside = differences.compare(tmp_path, [SLUG], "mine", ["erm", "ldam"])
    rows = differences.compare(tmp_path, [SLUG], "focal", ["erm", "ldam"])
    for one, two, three in zip(alone, beside, rows, strict=True):
        assert numbers(one) == numbers(two)
        for mine, theirs in zip(numbers(one), numbers(three), strict=True):
            assert mine[0] == theirs[0]
            assert mine[1:] == pytest.approx(theirs[1:])
        assert (one.verdict, one.p) == (three.verdict, pytest.approx(dict(three.p)))
        assert (one.seeds, two.submitted, three.submitted) == ((0, 1), ("mine",), ())


def test_pairs_are_of_the_trainings_that_both_have(tmp_path):
    put(board_of(tmp_path), "mine", scores_of(seeds=(42, 43, 44, 45)))
    (found,) = differences.compare(tmp_path, [SLUG], "mine", ["erm"])
    assert found.seeds == (0, 1)


def test_the_words_mark_them(tmp_path, capsys):
    put(board_of(tmp_path), "mine")
    found = differences.compare(tmp_path, [SLUG], "erm", ["mine", "focal"])
    Console(width=120).print(pages.table(found[0]))
    assert "erm against mine ◇ on fake@natural" in capsys.readouterr().out
    assert pages.verdict(found)[-1] == (
        "◇ mine: submitted predictions: training not seen by medtail."
    )
    assert pages.verdict(found[1:])[-1].startswith("erm against focal")
    assert pages.picture(found)[:4] == b"\x89PNG"


def test_rows_of_another_truth_are_refused_in_one_line(tmp_path):
    """A board whose targets changed under the same split lists: half of its rows are old."""
    board_of(tmp_path, ("erm",))
    record, given = done("focal", 0)
    target = given.target.copy()
    target[:2] = target[1::-1]
    changed = Predictions(given.id, given.group, target, given.logits)
    record = record.model_copy(update={"predictions": changed.digest})
    leaderboard.publish(tmp_path, [(record, changed)])
    with pytest.raises(MedtailError, match="focal and erm were scored on other ids or targets"):
        differences.compare(tmp_path, [SLUG], "focal", ["erm"])
    path = tmp_path / "records" / f"{SLUG}.jsonl"
    write_lines(path, [r for r in read_lines(path) if r.cell.row == "erm"])
    truth, scores = submission.truth_of(tmp_path, SLUG), scores_of()
    other = replace(truth, samples=replace(truth.samples, target=target))
    entry = submission.entry_of(other, scores, "mine")
    more = [(entry, submission.given_of(other, scores))]
    with pytest.raises(MedtailError, match="unknown method on fake@natural 'mine'"):
        differences.compare(tmp_path, [SLUG], "mine", ["erm"], more)


def test_they_meet_the_rows_of_every_table_of_their_truth(tmp_path):
    """Nothing is known of their terms: they need ids and targets only."""
    board_of(tmp_path)
    others = TERMS.model_copy(update={"backbone": "resnet18"})
    leaderboard.publish(tmp_path, [done("crt", s, terms=others) for s in (0, 1)])
    put(tmp_path, "mine")
    found = differences.compare(tmp_path, [SLUG], "mine", ["erm", "crt"])
    assert [c.base for c in found] == ["erm", "crt"]
    with pytest.raises(MedtailError, match="crt and erm cannot be compared: their terms differ"):
        differences.compare(tmp_path, [SLUG], "crt", ["erm"])


@pytest.mark.parametrize(
    ("new", "bases", "told"),
    [
        ("erm", ["erm"], "erm: a row is not compared with itself"),
        ("mine", ["erm", "fokal"], "unknown method on fake@natural 'fokal': did you mean focal"),
    ],
)
def test_mistakes_are_one_clear_line(tmp_path, new, bases, told):
    put(board_of(tmp_path), "mine")
    with pytest.raises(MedtailError, match=told):
        differences.compare(tmp_path, [SLUG], new, bases)
