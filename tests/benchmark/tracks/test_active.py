"""The active track's loop, on a small phantom."""

import numpy as np
import pytest
import torch

from medtail import methods
from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.metrics.long_tail import score
from medtail.benchmark.tracks import active, supervised
from medtail.datamodules.core.errors import MedtailError

QUICK = Budget(
    epochs=2, batch_size=64, optimizer="adamw", lr=0.003, weight_decay=0.05, precision="32-true"
)
ACQUIRE, ROUNDS = 6, 3


def cell(method="badge", params=None, seed=0, **changes):
    values = {"data": "phantom@active", "data_params": {"count": 1200}, "image_size": (16, 16)}
    values |= {"budget": QUICK, "selection": "last", "acquire": ACQUIRE, "rounds": ROUNDS}
    return Cell(
        method=method,
        params=methods.defaults(method) | (params or {}),
        seed=seed,
        terms=Terms(**values | changes),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Cells of this file share their data and the training of the first round."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MEDTAIL_CACHE", str(tmp_path_factory.mktemp("cache")))
    worker.prepared.cache_clear()
    yield tmp_path_factory.mktemp("runs")
    patch.undo()


def go(folder, *arguments, **changes):
    return worker.run(Store(folder).job(cell(*arguments, **changes), 1))


@pytest.fixture(scope="module")
def badge(folder):
    outcome = go(folder)
    assert outcome.record.status == "ok", outcome.traceback
    return outcome


def test_a_round_adds_what_was_chosen(folder, badge):
    record, plan = badge.record, worker.prepared(cell().terms).plan
    start = len(plan.train)
    assert [r.labelled for r in record.rounds] == [start, start + ACQUIRE, start + 2 * ACQUIRE]
    assert [sum(r.picked) for r in record.rounds] == [0, ACQUIRE, ACQUIRE]
    found = sum(r.picked[k] for r in record.rounds for k in plan.rare)
    assert record.metrics["rare_found"] == found
    available = np.isin(plan.target[plan.pool], plan.rare).sum()
    assert record.metrics["rare_found_share"] == pytest.approx(found / available)
    assert record.class_counts == tuple(np.bincount(plan.target[plan.train], minlength=7))
    assert record.cost.parameters > 1e5
    assert record.cost.images > 3 * start


def test_metrics_are_those_of_the_predictions_of_the_last_round(badge):
    record = badge.record
    spec = worker.prepared(cell().terms).spec
    expected = score(badge.test, badge.val, spec.class_counts, spec.ordinal)
    assert {name: record.metrics[name] for name in expected} == expected
    rare = [expected["recall"][k] for k in spec.rare]
    last = record.rounds[-1].metrics
    assert record.metrics["rare_accuracy"] == last["rare_accuracy"] == pytest.approx(np.mean(rare))
    assert last["macro_auc"] == expected["macro_auc"]
    assert record.balanced["balanced_accuracy"] == pytest.approx(expected["balanced_accuracy"])
    heights = [r.metrics["accuracy"] for r in record.rounds]
    area = (heights[0] / 2 + heights[1] + heights[2] / 2) / 2
    assert record.metrics["accuracy_area"] == pytest.approx(area)


def test_the_first_round_is_trained_once_and_is_the_same_for_all(folder, badge, monkeypatch):
    trained, usual = [], supervised.train

    def train(cell, data, *rest):
        trained.append((cell.method, cell.seed, data.spec.class_counts, len(data.kept)))
        return usual(cell, data, *rest)

    monkeypatch.setattr(supervised, "train", train)
    record = go(folder, "erm").record
    assert record.rounds[0] == badge.record.rounds[0]
    assert record.rounds[1:] != badge.record.rounds[1:]
    sizes = [r.labelled for r in record.rounds]
    assert [t[3] for t in trained] == sizes[1:], "the first round was trained again"
    assert {t[:2] for t in trained} == {("erm", 0)}
    assert [sum(t[2]) for t in trained] == sizes[1:], "the learner's counts follow the labels"
    clinical = go(folder, "clinical").record
    assert clinical.rounds[0] == record.rounds[0]
    assert clinical.fitted["query_images"] > 0
    assert len(list((folder / "stages").glob("start-*.pt"))) == 1
    assert not list((folder / "stages").glob(".round-*"))


def test_the_same_cell_gives_the_same_numbers(badge, tmp_path):
    again = go(tmp_path)
    assert again.record.rounds == badge.record.rounds
    assert again.record.predictions == badge.record.predictions


def test_another_learner_and_another_seed_start_elsewhere(folder, badge):
    enough = QUICK.model_copy(update={"epochs": 5})
    for outcome in (
        go(folder, "badge", {"learner": "crt"}, rounds=2, budget=enough),
        go(folder, seed=1, rounds=2),
        go(folder, "balanced_softmax", rounds=2),
    ):
        assert outcome.record.status == "ok", outcome.traceback
        assert outcome.record.rounds[0].metrics != badge.record.rounds[0].metrics
    stages = go(folder, "crt", rounds=1, budget=enough).record.stages
    assert [stage.name for stage in stages] == ["representation", "classifier"]


def test_what_a_method_sees_and_what_is_left_of_the_pool(folder, monkeypatch):
    data, scenes, chosen = worker.prepared(cell().terms), [], []

    def acquire(self, learner, scene, budget, generator):
        assert not learner.training
        assert not torch.is_grad_enabled()
        with torch.no_grad():
            again = learner.score(scene.pool.features)
        torch.testing.assert_close(again, scene.pool.logits)
        scenes.append(scene)
        chosen.append(generator.initial_seed())
        return torch.arange(budget) * 2

    monkeypatch.setattr(methods.get("badge"), "acquire", acquire)
    record = go(folder).record
    assert record.status == "ok", record.reason
    plan = data.plan
    first, second = scenes
    assert len(first.pool.features) == len(plan.pool)
    assert first.pool.target is None
    assert first.labelled.target.tolist() == plan.target[plan.train].tolist()
    assert set(second.query.target.tolist()) == set(plan.rare)
    # Every second of the first ones was taken and is labelled; what is left has moved up.
    taken = plan.pool[: 2 * ACQUIRE : 2]
    assert len(second.pool.features) == len(plan.pool) - ACQUIRE
    known = np.union1d(plan.train, taken)
    assert second.labelled.target.tolist() == plan.target[known].tolist()
    assert not first.chosen.any()
    assert known[second.chosen.numpy()].tolist() == np.sort(taken).tolist()
    assert chosen[0] != chosen[1]
    left = np.setdiff1d(plan.pool, taken)[: 2 * ACQUIRE : 2]
    assert record.rounds[2].picked == tuple(np.bincount(plan.target[left], minlength=7))


@pytest.mark.parametrize(
    "answer",
    [
        torch.arange(ACQUIRE - 1),
        torch.zeros(ACQUIRE, dtype=torch.int64),
        torch.arange(ACQUIRE) - 1,
        torch.arange(ACQUIRE) + 100000,
        torch.arange(ACQUIRE).float(),
        list(range(ACQUIRE)),
    ],
    ids=["few", "twice", "negative", "outside", "float", "list"],
)
def test_a_wrong_choice_is_one_line(folder, monkeypatch, answer):
    monkeypatch.setattr(methods.get("badge"), "acquire", lambda *_: answer)
    record = go(folder).record
    assert record.status == "failed"
    assert record.reason.startswith(f"badge: acquire must give {ACQUIRE} distinct positions below")


def test_a_failure_leaves_nothing_to_the_next_cell(folder, badge, monkeypatch):
    with monkeypatch.context() as broken:
        calls = []

        def acquire(*_):
            calls.append(1)
            return torch.arange(ACQUIRE if len(calls) == 1 else 0)

        broken.setattr(methods.get("badge"), "acquire", acquire)
        assert go(folder).record.status == "failed"
    assert go(folder).record.rounds == badge.record.rounds


def test_the_loop_ends_with_the_pool(folder):
    plan = worker.prepared(cell().terms).plan
    size = len(plan.pool)
    record = go(folder, "erm", acquire=size - 4, rounds=9).record
    assert record.status == "ok", record.reason
    start = len(plan.train)
    assert [r.labelled for r in record.rounds] == [start, start + size - 4, start + size]
    assert record.metrics["rare_found_share"] == 1


def test_progress_names_the_round(folder, tmp_path):
    data, told = worker.prepared(cell().terms), []
    data.keep(data.plan.train[:50])  # as another user of the data may have left it
    scored = active.run(cell(seed=3, rounds=2), data, tmp_path, 1, told.append)
    assert scored.rounds[0].labelled == len(data.plan.train)
    assert told[0] == "round 1/2, epoch 1/2"
    assert told[-1] == "round 2/2, epoch 2/2"
    assert data.kept.tolist() == data.plan.train.tolist()


def test_an_unknown_learner_is_found_before_anything_is_trained():
    with pytest.raises(MedtailError, match=r"unknown learner 'emr'.*erm"):
        supervised.make(
            "clinical", {"learner": "emr"}, cell().terms, 0, worker.prepared(cell().terms)
        )
