"""How long cells would take: made-up batches, shared stages, rounds; never a reason to stop."""

import re

import pytest
from rich.console import Console

from medtail import methods
from medtail.benchmark.execution import estimate
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.datamodules.core.contract import PK, DataRequest, DataSpec, EpisodeShape
from medtail.datamodules.core.errors import DataError

SPEC = DataSpec("fake", ("a", "b", "c"), (90, 0, 10), (8, 8), episodes=EpisodeShape(2, 3, 4))
QUICK = Budget(epochs=4, batch_size=32)


def terms(data="phantom@natural", **changes):
    given = {"data_params": {"count": 400}, "image_size": (8, 8), "budget": QUICK}
    return Terms(data=data, **(given | changes))


def cell(method="erm", seed=0, data="phantom@natural", **changes):
    params = methods.defaults(method)
    return Cell(method=method, params=params, seed=seed, terms=terms(data, **changes))


@pytest.fixture(autouse=True)
def steady(monkeypatch):
    """Every call that is timed takes a second, and is made once."""
    monkeypatch.setattr(estimate, "timed", lambda call: (call(), 1.0)[1])


def test_a_made_up_batch_has_the_shape_that_is_asked_for():
    plain = estimate.made_up(SPEC, DataRequest(), 16)
    assert plain.image.shape == (16, 3, 8, 8)
    assert set(plain.target.tolist()) == {0, 2}  # class b has no image
    both = estimate.made_up(SPEC, DataRequest(views=2, second=PK(2, 5)), 16)
    assert both.image.shape == (16, 2, 3, 8, 8)
    assert both.second.image.shape == (10, 2, 3, 8, 8)
    tasks = estimate.made_up(SPEC, DataRequest(tasks=3), 16)
    assert tasks.image.shape == (3, 14, 3, 8, 8)
    assert tasks.target[0].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]


def test_a_cell_takes_its_steps_and_a_shared_stage_is_counted_once():
    steps = len(prepared(terms()).rows("train")) // 32 * 4
    first, second, other = cell(), cell("tau_norm"), cell("tau_norm", seed=1)
    seconds = estimate.estimate([first, second, other])
    assert seconds[first.id] == pytest.approx(steps * (estimate.OVERHEAD + estimate.LOOP))
    assert seconds[second.id] == 0
    assert seconds[other.id] == seconds[first.id]


def test_what_is_not_known_is_not_told(monkeypatch):
    """What trains nothing has no estimate; without the data there is none of the whole."""
    console = Console(record=True, width=120)
    cells = [cell(m, data="phantom@oneclass") for m in ("frozen_density", "autoencoder")]
    estimate.show(cells, cells, 2, console)
    first, second = (
        line.split("to run")[1]
        for line in console.export_text().splitlines()
        if "frozen_density" in line or "autoencoder" in line
    )
    assert not re.search(r"\d", first)
    assert re.search(r"\d", second)

    def gone(_):
        raise DataError("files not found")

    monkeypatch.setattr(estimate, "estimate", gone)
    estimate.show(cells, cells, 2, console)
    told = console.export_text().splitlines()
    assert told[0] == "no estimate: files not found"
    assert told[-1] == "2 cells to run"


def test_draws_of_a_table_are_timed_once(monkeypatch):
    made = []
    monkeypatch.setattr(estimate, "timed", lambda call: made.append(call) or 1.0)
    drawn = [cell(m, draws=3, draw=n) for m in ("erm", "focal") for n in range(3)]
    seconds = estimate.estimate(drawn)
    assert list(map(seconds.get, (c.id for c in drawn))).count(None) == 0
    assert len(made) == 2


def test_stages_share_the_budget():
    one, two = cell(), cell("crt")
    alone = [estimate.estimate([c])[c.id] for c in (one, two)]
    assert alone[0] == pytest.approx(alone[1])


def test_active_learning_sums_its_rounds_and_shares_the_first():
    one = cell(data="phantom@active", rounds=3, acquire=20)
    data = prepared(one.terms)
    first, pool = len(data.rows("train")), len(data.rows("pool"))
    assert estimate.trainings(one.terms, data) == [first, first + 20, first + 40]
    steps = [
        max(1, n // min(32, n)) * 4 * estimate.OVERHEAD for n in (first, first + 20, first + 40)
    ]
    look = 3 * max(1, pool // min(32, first)) * estimate.FORWARD
    again = cell("entropy_sampling", data="phantom@active", rounds=3, acquire=20)
    seconds = estimate.estimate([one, again])
    assert seconds[one.id] == pytest.approx(sum(steps) + look, rel=0.2)
    assert seconds[again.id] < seconds[one.id]


def test_episodes_of_the_test_count():
    few, many = (cell(data="phantom@shot1", test_episodes=n) for n in (10, 510))
    seconds = estimate.estimate([few, many])
    assert seconds[many.id] - seconds[few.id] == pytest.approx(500)


def test_a_loss_that_fails_on_made_up_pixels_falls_back(monkeypatch):
    def fails(self, batch):
        raise RuntimeError("not these")

    expected = estimate.estimate([cell("focal")])
    monkeypatch.setattr(methods.get("focal"), "loss", fails)
    assert estimate.estimate([cell("focal")]) == expected


@pytest.mark.parametrize("slug", sorted(methods.registry()))
def test_every_method_is_timed_by_its_own_loss(slug, monkeypatch):
    track = methods.get(slug).tracks[0]
    regime = {"few_shot": "shot1", "one_class": "oneclass", "active": "active"}.get(track)
    one = cell(slug, data=f"phantom@{regime or 'natural'}", selection="last", image_size=(28, 28))
    plain = []
    monkeypatch.setattr(estimate, "cross_entropy", lambda *words: plain.append(words))
    assert estimate.estimate([one])[one.id] >= 0
    assert not plain
