"""A method that trains nothing goes all the way: loops of tracks, record, row, network."""

import copy

import numpy as np
import pytest
import torch
from rich.console import Console

from medtail import methods
from medtail.benchmark.boards.row import Row
from medtail.benchmark.cards import method_pages
from medtail.benchmark.execution import estimate, preflight, worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.networks.network import load
from medtail.benchmark.tracks import supervised
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.ncm import NCM
from tests.benchmark.cells import QUICK, bench, cell
from tests.methods.own_trainer import data_of, trainer

DATA = {"lt20": {}, "shot3": {"test_episodes": 4}, "binary20": {"selection": "last"}}


class Still(NCM):
    """The nearest class mean of features that nothing trains."""

    stages = ()


@pytest.fixture(autouse=True)
def _registered(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(methods, "_outside", lambda: {"still": Still})
    methods.describe.cache_clear()
    worker.prepared.cache_clear()
    yield
    methods.describe.cache_clear()
    worker.prepared.cache_clear()


@pytest.fixture(params=DATA)
def done(request, tmp_path):
    """A cell of each track, as ``medtail bench`` runs it: with its outcome and its store."""
    one = cell("still", data=f"phantom@{request.param}", **DATA[request.param])
    store = Store(tmp_path / "runs")
    outcome = worker.run(store.job(one, 1))
    assert outcome.record.status == "ok", outcome.traceback
    return one, outcome, store


def test_its_record_says_that_nothing_was_trained(done):
    one, outcome, store = done
    record = outcome.record
    assert record.stages == ()
    assert (record.cost.images, record.cost.train_seconds) == (0, 0)
    assert record.predictions == outcome.test.digest
    store.write(outcome)
    assert store.done(one)
    data = worker.prepared(one.terms)
    fresh = supervised.make("still", {}, one.terms, one.seed, data)
    again = copy.deepcopy(fresh).eval()
    again.finish(*(supervised.plain(data, split, again) for split in ("train", "val")))
    kept = load(store.folder(one)).method
    for name, value in kept.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
        if name.startswith("backbone."):
            assert torch.equal(value, fresh.state_dict()[name]), "no statistic has moved"
    assert kept.means.abs().sum() > 0
    assert not list((store.root / "stages").glob("*.pt"))


def test_its_network_predicts_what_was_scored(tmp_path):
    one = cell("still", data="phantom@lt20")
    store = Store(tmp_path / "runs")
    _, failures = bench([one], store)
    assert not failures
    data = worker.prepared(one.terms)
    kept = load(store.folder(one)).method
    scored = supervised.predict(kept, data, "test")
    again = worker.run(store.job(one, 1))
    assert scored.digest == again.record.predictions
    assert len(np.unique(scored.probabilities.argmax(1))) > 1


def test_grids_with_it_are_checked_and_estimated(done):
    one, outcome, _ = done
    preflight.check([one], Console(quiet=True))
    assert estimate.estimate([one])[one.id] >= 0
    drawn = Row("still", (outcome.record,), (), frozenset({0}))
    assert drawn.extras == ["judges by weights as they are drawn, which nothing trains"]


def test_of_a_frozen_backbone_nothing_has_to_be_left_to_train(tmp_path):
    head = QUICK.model_copy(update={"tune": "head"})
    one = cell("still", data="phantom@lt20", budget=head)
    assert worker.run(Store(tmp_path).job(one, 1)).record.status == "ok"


def test_in_double_precision_it_is_double(tmp_path):
    double = QUICK.model_copy(update={"precision": "64-true"})
    one = cell("still", data="phantom@lt20", budget=double)
    store = Store(tmp_path)
    outcome = worker.run(store.job(one, 1))
    store.write(outcome)
    kept = load(store.folder(one)).method
    assert kept.means.dtype == kept.backbone.conv1[0].weight.dtype == torch.float64
    assert supervised.predict(kept, worker.prepared(one.terms), "test").digest == (
        outcome.record.predictions
    )


def test_its_page_and_a_trainer_of_ones_own_say_so():
    assert method_pages.training("still") == [
        "Nothing is trained; what it needs is fitted to the training images, seen once."
    ]
    data = data_of("phantom@lt20")
    method = methods.build("still", data.spec)
    assert method.stage.share == 0
    assert not method.request(method.stage).views > 1
    with pytest.raises(MedtailError, match=r"^test_untrained trains nothing: Trainer.predict"):
        trainer().fit(method, datamodule=data)
    assert not method.concluded
    trainer().predict(method, datamodule=data)
    assert method.concluded
