"""What is in a cell's identity, and that new terms leave the old ones alone."""

import pytest
from pydantic import ValidationError

from medtail.benchmark.evidence.record import read_lines
from medtail.benchmark.grid.cell import Budget, Cell, Channels, Terms
from medtail.benchmark.grid.files import load
from tests import ROOT

# Identities that were given before schedule, milestones, gamma and normalisation were terms.
QUICK = ["ff7cec9e63a724d2", "94f8e3c86e26d736"]
RECORDS = sorted(
    path for place in ("leaderboards", "tests/golden") for path in (ROOT / place).glob("records/*")
)


def test_committed_records_have_the_identity_of_their_cells():
    records = [r for path in RECORDS for r in read_lines(path)]
    assert len(records) > 400
    for record in records:
        assert record.cell_id == record.cell.id, record.cell
    assert {c.id for c in load("regress").cells()} <= {r.cell_id for r in records}


def test_identities_of_before_stand():
    assert [c.id for c in load("quick").cells()][:2] == QUICK
    budget = Budget(epochs=15, optimizer="adamw", lr=0.003, weight_decay=0.05)
    terms = Terms(data="isic2018@natural", budget=budget)
    cell = Cell(method="balanced_mixup", params={"alpha": 0.2}, terms=terms)
    assert cell.id == "f242055a9e847236"


def identity(**terms):
    return Cell(method="erm", terms=Terms(data="phantom@natural", **terms)).id


def test_a_default_that_is_written_is_the_same_cell_and_every_other_value_another():
    written = Budget(last_batch="drop", schedule="cosine", milestones=[], gamma=0.1)
    assert identity() == identity(normalisation="imagenet", budget=written)
    step = {"schedule": "step", "milestones": [0.5]}
    others = [
        identity(),
        identity(normalisation="half"),
        identity(normalisation="dataset"),
        identity(normalisation={"mean": [0.5], "std": [0.5]}),
        identity(normalisation={"mean": [0.5], "std": [0.25]}),
        identity(budget=Budget(schedule="constant")),
        identity(budget=Budget(last_batch="keep")),
        identity(budget=Budget(**step)),
        identity(budget=Budget(**step, gamma=0.2)),
        identity(budget=Budget(schedule="step", milestones=[0.5, 0.75])),
    ]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize("given", ["half", Channels(mean=0.5, std=[0.25])])
def test_a_normalisation_survives_json(given):
    cell = Cell(method="erm", terms=Terms(data="phantom@natural", normalisation=given))
    again = Cell.model_validate_json(cell.model_dump_json())
    assert again == cell
    assert again.id == cell.id
    assert again.terms.constants == ("half" if given == "half" else ((0.5,), (0.25,)))


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"schedule": "step"}, "needs milestones"),
        ({"milestones": [0.5]}, "milestones goes with schedule 'step'"),
        ({"schedule": "constant", "gamma": 0.5}, "gamma goes with schedule 'step'"),
        ({"schedule": "step", "milestones": [50, 75]}, "between 0 and 1"),
        ({"schedule": "step", "milestones": [0.5, 1]}, "between 0 and 1"),
        ({"schedule": "step", "milestones": [0, 0.5]}, "between 0 and 1"),
        ({"schedule": "step", "milestones": [0.5], "gamma": 1}, "gamma\\n"),
        ({"schedule": "step", "milestones": [0.5], "gamma": 0}, "gamma\\n"),
        ({"schedule": "step", "milestones": [0.75, 0.5]}, "rising"),
        ({"schedule": "step", "milestones": [0.5, 0.5]}, "rising"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(budget, words):
    with pytest.raises(ValidationError, match=words):
        Terms(data="phantom@natural", budget=budget)


BOUNDS = {  # of a term: what is just inside, and what is just outside
    "epochs": ([1], [0, 1.5]),
    "batch_size": ([1], [0]),
    "lr": ([1e-9], [0, -1]),
    "weight_decay": ([0], [-1e-9]),
    "momentum": ([0, 0.99], [-0.1, 1]),
    "warmup": ([0, 0.99], [-0.1, 1]),
    "layer_decay": ([1e-9, 1], [0, 1.01]),
    "clip": ([0], [-0.1]),
    "accumulate": ([1], [0]),
    "ema": ([0, 0.99], [-0.1, 1]),
    "until": ([0, 1], [-0.1, 1.01]),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_budget_has_its_bounds(name):
    inside, outside = BOUNDS[name]
    for value in inside:
        assert getattr(Budget(**{name: value}), name) == value
    for value in outside:
        with pytest.raises(ValidationError, match=name):
            Budget(**{name: value})


@pytest.mark.parametrize(
    ("name", "least"),
    [
        *(("draws", 1), ("test_episodes", 1), ("acquire", 1), ("rounds", 1)),
        *(("draw", 0), ("fold", 0), ("inner_fold", 0), ("beside", 0)),
    ],
)
def test_terms_have_theirs(name, least):
    with pytest.raises(ValidationError, match=name):
        Terms(data="phantom@natural", **{name: least - 1})
    assert Terms(data="phantom@natural").model_dump().get(name, least) >= least
