"""Tuned against default on a board: planted numbers, and what is said of them."""

import json

import numpy as np
import pytest

from medtail.benchmark.boards import json_form, markdown
from medtail.benchmark.boards.section import sections
from medtail.benchmark.boards.standing import compute
from medtail.benchmark.boards.tuned import studies
from medtail.benchmark.boards.tuned_words import form, page, words
from medtail.benchmark.cards.evidence import variant
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.grid.cell import Cell
from medtail.benchmark.grid.tuned import Tuned
from medtail.benchmark.metrics.long_tail import score
from tests.boards import COUNTS, TERMS, done

PRIMARY = "balanced_accuracy"


def made(skills, seeds=(0, 1, 2), tuned=None, search="abcd1234abcd1234", lr=0.03):
    """Records of methods ``m0``, ``m1``, ... of a skill, with values of their own or without."""
    finished = []
    for place, skill in enumerate(skills):
        for seed in seeds:
            record, _ = done(f"m{place}", seed)
            cell = record.cell
            if tuned:
                own = Tuned(
                    lr=lr, weight_decay=0.1, trials=9, folds=3, search=search, default=cell.kind
                )
                name = f"{cell.method} (tuned, 9 trials)"
                cell = cell.model_copy(update={"label": name, "tuned": own})
            rng = np.random.default_rng((place, seed))
            target = np.resize(range(3), 600)
            ids = np.array([f"s{i:04d}" for i in range(600)])
            logits = rng.normal(size=(600, 3)) + skill * np.eye(3)[target]
            given = Predictions.of(ids, ids, target, logits)
            update = {
                "cell": cell,
                "cell_id": cell.id,
                "predictions": given.digest,
                "support": (200, 200, 200),
                "metrics": score(given, given, COUNTS, ordinal=False),
                "balanced": score(given, given, COUNTS, ordinal=False, prior="balanced"),
            }
            finished.append((record.model_copy(update=update), given))
    return finished


def study(*finished):
    every = [pair for part in finished for pair in part]
    table = sections([r for r, _ in every])[0]
    standing = compute(table, {r.cell_id: p for r, p in every}, "")
    return table, standing


def test_a_board_without_tuned_rows_has_nothing_of_it():
    table, standing = study(made([2.0, 1.0]))
    assert page(table, standing) == []
    assert "tuned" not in json.dumps(json_form.document({"fake@natural": [table]},
                                                         {"fake@natural": [standing]}))  # fmt: skip


def test_an_order_that_stands_and_no_verdict_that_changes():
    table, standing = study(made([2.0, 1.0, 0.2]), made([2.2, 1.2, 0.4], tuned=True))
    (found,) = studies(table, standing)
    assert found.tau == pytest.approx(1)
    assert found.changed() == []
    told = " ".join(words(found))
    assert "9 trials for each of 3 methods, 27 in all" in told
    assert "hardly depends on tuning: Kendall's tau 1.00" in told
    assert "`m0` leads both" in told
    assert "No verdict between two of the methods (3 pairs) changes" in told


def test_an_order_that_is_turned_round_says_which_pairs():
    table, standing = study(made([2.0, 1.0, 0.2]), made([0.2, 1.0, 2.0], tuned=True))
    (found,) = studies(table, standing)
    assert found.tau == pytest.approx(-1)
    assert len(found.changed()) == 3
    told = " ".join(words(found))
    assert "mostly another once methods are tuned: Kendall's tau -1.00" in told
    assert "`m0` leads by default, `m2` once all are tuned" in told
    assert "3 of 3 pairs change with tuning, 3 of them to the opposite" in told
    assert "`m0` and `m2`: `m0` better by default, `m2` better tuned" in told
    assert "surely up: `m2`; surely down: `m0`" in told


def test_one_seed_says_what_it_does_not_know():
    told = [
        " ".join(words(studies(*study(made([2.0, 1.0], seeds), made([1.5, 1.2], seeds, True)))[0]))
        for seeds in ((0,), (0, 1))
    ]
    assert ["With one seed" in text for text in told] == [True, False]


def test_a_verdict_that_is_lost_is_told_as_such():
    table, standing = study(made([2.0, 0.5]), made([1.0, 1.0], tuned=True))
    (found,) = studies(table, standing)
    assert found.tau is None, "of two methods there is no order to speak of"
    assert "`m0` better by default, not told apart tuned" in " ".join(words(found))


def test_what_has_not_all_seeds_is_named_and_not_compared():
    part = made([1.0], (0,), tuned=True, search="f")
    table, standing = study(made([2.0, 1.0, 0.2]), made([2.0, 1.0], tuned=True), part)
    whole, part = sorted(studies(table, standing), key=lambda s: -len(s.pairs))
    assert [usual.name for usual, _ in whole.pairs] == ["m0", "m1"]
    assert part.pairs == ()
    assert "not all seeds: `m0 (tuned, 9 trials)(search=f)`" in " ".join(words(part))


def test_rows_of_two_searches_have_names_of_their_own():
    other = made([1.5], tuned=True, search="ffff0000ffff0000", lr=0.01)
    table, _ = study(made([2.0]), made([2.0], tuned=True), other)
    names = {row.name for row in table.rows}
    assert names == {"m0", "m0 (tuned, 9 trials)(search=abcd)", "m0 (tuned, 9 trials)(search=ffff)"}


def test_every_output_marks_a_tuned_row_and_its_trials():
    table, standing = study(made([2.0, 1.0]), made([2.0, 1.0], tuned=True))
    text = markdown.board("fake@natural", [table], [standing], False, [])
    assert "| `m0 (tuned, 9 trials)` ‡ |" in text
    assert "lr 0.03 and weight decay 0.1, chosen in 9 trials on 3 folds of train" in text
    assert "### Tuned against default" in text
    assert "| `m0` | 0.03 | 0.1 | - |" in text
    (board,) = json_form.document({"fake@natural": [table]}, {"fake@natural": [standing]})["boards"]
    (whole,) = board["tables"]
    assert {r["name"]: "tuned" in r for r in whole["rows"]} == {
        "m0": False, "m1": False, "m0 (tuned, 9 trials)": True, "m1 (tuned, 9 trials)": True,
    }  # fmt: skip
    assert whole["tuned"][0]["trials"] == 9
    assert whole["tuned"] == json.loads(json.dumps(form(table, standing)))
    assert any("Kendall" in fact or "trials for each" in fact for fact in whole["facts"])
    assert "(tuned, 9 trials)" in markdown.table([table], [standing])
    named = made([1.0], tuned=True)[0][0].cell.model_copy(update={"method": "erm"})
    assert variant(named) == "erm (tuned, 9 trials)"
    assert any("tuned, 9" in str(cell) for cell in markdown.terminal("x", table).columns[1].cells)


def test_a_row_of_one_seed_more_is_the_same_row():
    cells = [r.cell for r, _ in made([1.0], tuned=True)]
    assert len({c.kind for c in cells}) == 1
    assert cells[0].kind != Cell(method="m0", terms=TERMS).kind
