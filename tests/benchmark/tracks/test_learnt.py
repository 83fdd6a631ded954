"""A stage ends when its images are learnt, and only where that is asked for."""

import pytest

from medtail.benchmark.boards.terms import describe
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.grid.suite import Suite
from medtail.benchmark.tracks import learnt, stages, supervised
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell, terms

BUDGET = {"epochs": 6, "batch_size": 64, "lr": 0.02, "precision": "32-true"}


def trained(folder, **budget):
    one = cell("logit_adjustment", selection="last", budget=Budget(**BUDGET | budget))
    return one, supervised.train(one, prepared(one.terms), folder, 1, lambda line: None)


def test_it_ends_after_the_first_epoch_that_knows_enough(tmp_path, monkeypatch):
    seen, usual = [], learnt.counted

    def counted(method, data):
        assert method.training
        count = usual(method, data)
        assert method.training, "the next epoch trains"
        seen.append(float(count[0] / count[1]))
        return count

    monkeypatch.setattr(learnt, "counted", counted)
    _, whole = trained(tmp_path, until=1.0)
    (stage,) = whole.stages
    assert len(stage.history) == len(seen) == 6, "it was never right of all"
    assert seen[0] < max(seen[1:5])
    enough = max(seen[:5])
    ends = next(i for i, share in enumerate(seen) if share >= enough) + 1
    assert 1 < ends < 6
    seen.clear()
    one, short = trained(tmp_path, until=enough)
    (stage,) = short.stages
    assert stage.epochs == len(stage.history) == len(seen) == ends
    assert stage.selected == ends - 1, "the last epoch is scored"
    assert seen[-1] == enough
    assert short.images == whole.images * ends // 6
    assert stage.history == whole.stages[0].history[:ends], "looking changes nothing"
    data = prepared(one.terms)
    said = supervised.predict(short.method, data, "train")
    assert (said.logits.argmax(1) == said.target).mean() == pytest.approx(enough)


def test_where_it_is_not_asked_for_nothing_looks_and_old_identities_stand(tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "UntilLearnt", None)
    _, done = trained(tmp_path, epochs=1)
    assert len(done.stages[0].history) == 1
    usual = stages.trainer(terms(selection="last"), 7, 1, [])
    assert usual.check_val_every_n_epoch == 7
    identities = [
        Cell(method="erm", terms=Terms(data="phantom@natural", budget=Budget(**budget))).id
        for budget in ({}, {"until": 0}, {"until": 0.99})
    ]
    assert identities[0] == identities[1] != identities[2]


@pytest.mark.parametrize(
    ("data", "budget", "words"),
    [
        ("phantom@shot1", {"until": 0.9}, "budget.until: .*few-shot track"),
        ("phantom@oneclass", {"until": 0.9}, "budget.until: .*one-class track"),
        ("phantom@natural", {"until": 0.9, "ema": 0.9}, "until goes without ema"),
        ("phantom@natural", {"until": 1.1}, "until"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused(data, budget, words):
    with pytest.raises((MedtailError, ValueError), match=words):
        list(Suite(methods=["erm"], data=[data], seeds=[0], budget=budget).cells())


def test_a_table_says_it():
    told = describe(terms(budget=Budget(until=0.99)))[0]
    assert "until 99 % of training images are right" in told
    assert "until" not in describe(terms())[0]
