"""The trials of a search: the same for every method, and cells like any other."""

import math
import re

import numpy as np
import pytest

from medtail import methods
from medtail.benchmark.grid.cell import Budget
from medtail.benchmark.grid.tuned import Tuned
from medtail.benchmark.tuning.search import Search, cells_of, refusal, values_of
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.ranges import Choice, Range
from tests import ROOT
from tests.benchmark.cells import QUICK, cell, terms
from tests.test_plugins import METHOD, install, packages  # noqa: F401 - a fixture

SEARCH = Search(trials=12, folds=3)
OWN = METHOD.replace(
    "import Method\n", "import Method\nfrom medtail.methods.core.ranges import Range\n"
)
OWN = OWN.replace('    paper = "me 2026"\n', '''    paper = "me 2026"
    ranges = {"sharpness": Range(0.5, 8, log=True)}

    def __init__(self, spec, *, sharpness: float = 2.0, **common):
        super().__init__(spec, **common)
        self.sharpness = sharpness
''')  # fmt: skip


def pairs(values):
    return [(v.lr, v.weight_decay) for v in values]


def row(method, **params):
    return cell(method, params=methods.defaults(method) | params)


def test_every_method_has_the_same_rates_and_decays_the_tables_first():
    each = [values_of(SEARCH, row(m)) for m in ("erm", "mixup", "crt")]
    assert pairs(each[0]) == pairs(each[1]) == pairs(each[2])
    assert pairs(each[0])[0] == (QUICK.lr, QUICK.weight_decay)
    assert len(set(pairs(each[0]))) == SEARCH.trials
    rates = np.array([v.lr for v in each[0]])
    assert (rates >= QUICK.lr / 10).all()
    assert (rates <= QUICK.lr * 10).all()
    assert rates.min() < QUICK.lr < rates.max()


def test_a_row_of_which_nothing_is_drawn_is_refused():
    drawn = values_of(SEARCH, row("weight_balancing"))
    assert len({(v.params["decay"], v.params["head_decay"]) for v in drawn}) == SEARCH.trials
    set_away = {"decay": 0.01, "head_decay": 0.2}
    with pytest.raises(MedtailError, match=r"weight_balancing.*all trials would be one"):
        values_of(SEARCH, row("weight_balancing", **set_away))


def test_more_trials_go_on_where_fewer_ended_as_the_same_cells():
    few = list(cells_of(Search(trials=4, folds=2), row("erm")))
    many = list(cells_of(Search(trials=8, folds=2), row("erm")))
    assert {c.id for *_, c in few} < {c.id for *_, c in many}
    assert pairs(values_of(Search(seed=1), row("erm")))[1:] != pairs(
        values_of(Search(), row("erm"))
    )[1:]  # fmt: skip
    assert {(c.terms.inner_fold, c.terms.inner_folds) for *_, c in few} == {(1, 2), (2, 2)}
    assert len({Search().digest, Search(seed=1).digest, Search(span=3).digest}) == 3


def test_a_weight_decay_of_0_has_a_range_of_its_own():
    plain = cell("erm", budget=Budget(lr=0.1, weight_decay=0))
    first, *others = values_of(SEARCH, plain)
    assert first.weight_decay == 0
    assert all(1e-6 <= v.weight_decay <= 0.1 for v in others)


def test_a_method_of_a_package_declares_its_ranges_beside_its_arguments(packages):  # noqa: F811
    install(packages, "far-away", "[medtail.methods]\nsharp = far_away.loss:Sharpened\n", loss=OWN)
    trials = values_of(SEARCH, row("sharp"))
    own = [v.params["sharpness"] for v in trials]
    assert own[0] == 2, "the default is a trial"
    assert all(0.5 <= value <= 8 for value in own)
    assert len(set(own)) == SEARCH.trials
    assert pairs(trials) == pairs(values_of(SEARCH, row("erm")))
    fixed = values_of(SEARCH, row("sharp", sharpness=3.0))
    assert {v.params["sharpness"] for v in fixed} == {3.0}, "what a suite sets stays"


def test_equal_names_with_equal_ranges_have_equal_values(monkeypatch):
    for name in ("mixup", "remix"):
        monkeypatch.setattr(methods.get(name), "ranges", {"alpha": Range(0.1, 2)})
    one, other = (
        [v.params["alpha"] for v in values_of(SEARCH, row(name))[1:]] for name in ("mixup", "remix")
    )
    assert one == other


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ({"alhpa": Range(0, 1)}, "unknown argument of mixup in its ranges 'alhpa'"),
        ({"alpha": (0, 1)}, r"mixup: ranges: alpha=\(0, 1\): give a Range or a Choice"),
    ],
)
def test_wrong_ranges_are_one_line(monkeypatch, ranges, words):
    monkeypatch.setattr(methods.get("mixup"), "ranges", ranges)
    with pytest.raises(MedtailError, match=words):
        values_of(SEARCH, row("mixup"))


def test_a_choice_is_drawn(monkeypatch):
    monkeypatch.setattr(methods.get("mixup"), "ranges", {"alpha": Choice((0.1, 0.3, 0.5))})
    drawn = {v.params["alpha"] for v in values_of(SEARCH, row("mixup"))[1:]}
    assert drawn == {0.1, 0.3, 0.5}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "phantom@shot5"}, "of the long-tail track, and this is few-shot"),
        ({"data": "phantom@active"}, "and this is active"),
        ({"folds": 3}, "leave folds out"),
        ({"draws": 2}, "write draws: 1"),
        ({}, ""),
    ],
)
def test_what_cannot_be_tuned_says_why(changes, words):
    assert words in refusal(terms(**changes))
    assert bool(words) == bool(refusal(terms(**changes)))


def test_identities_of_before_stand_and_tuned_ones_are_their_own():
    plain = row("erm")
    assert "tuned" not in plain.model_dump()
    assert "inner_fold" not in plain.terms.model_dump()
    ids = {c.id for *_, c in cells_of(SEARCH, plain)}
    assert len(ids) == SEARCH.trials * SEARCH.folds
    assert plain.id not in ids
    _, _, trial = next(cells_of(SEARCH, plain))
    assert trial.trained_on.budget == plain.terms.budget, "the first has the table's values"
    assert type(trial).model_validate_json(trial.model_dump_json()) == trial
    chosen = [plain.model_copy(update={"tuned": Tuned(lr=lr, weight_decay=0)}) for lr in (0.1, 0.2)]
    assert len({one.kind for one in (plain, *chosen)}) == 3, "what was chosen is a part of the row"
    assert plain.kind == plain.model_copy(update={"seed": 1}).kind
    rates = {c.trained_on.budget.lr for *_, c in cells_of(SEARCH, plain)}
    assert len(rates) == SEARCH.trials
    assert {c.terms.budget.lr for *_, c in cells_of(SEARCH, plain)} == {QUICK.lr}
    assert all(math.isfinite(rate) for rate in rates)


def test_the_page_names_the_methods_that_declare_ranges():
    (line,) = re.findall(r"^.* declare some: .*$", (ROOT / "docs/tuning.md").read_text(), re.M)
    declare = {name for name in methods.names() if methods.get(name).ranges}
    assert set(re.findall(r"`(\w+)`", line)) == declare
