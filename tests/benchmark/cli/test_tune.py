"""``medtail tune``: from a suite to a board that holds tuned against default."""

import json
import re

import pytest
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from medtail.benchmark.execution import worker
from medtail.benchmark.execution.launch import inline
from medtail.benchmark.tracks import supervised
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell, terms
from tests.benchmark.tuning.test_choice import ROW, SEARCH, reader

SUITE = """
methods: [erm, balanced_softmax]
data: [{name: phantom@lt10, params: {count: 400}}]
seeds: [0, 1]
image_size: 16
budget: {epochs: 2, batch_size: 32, optimizer: adamw, lr: 0.01, precision: 32-true, tune: frozen}
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SUITE)
    return tmp_path


def tune(*more, code=0):
    words = ["tune", "s.yaml", "--trials", "2", "--folds", "2", "--launcher", "inline", *more]
    done = CliRunner().invoke(app, words)
    if isinstance(done.exception, MedtailError):
        raise done.exception
    assert done.exit_code == code, done.output
    return " ".join(done.stdout.split())


@pytest.mark.slow
def test_from_a_suite_to_a_board_and_nothing_runs_twice(suite, monkeypatch):
    seen = []
    run = inline.run

    def watched(job):
        outcome = run(job)
        seen.append((job.cell, outcome))
        return outcome

    monkeypatch.setattr(inline, "run", watched)
    told = tune()
    assert "2 rows, 2 trials each on 2 folds of train and validation" in told
    assert "8 trainings of the search, 0 done, 8 to run" in told
    assert "2 trials for each of 2 methods, 4 in all" in told
    assert "erm (tuned, 2 trials) on phantom@lt10, seed 1" in told
    trials, rows = seen[:8], seen[8:]
    tested = {i for cell, o in rows if not cell.terms.inner_fold for i in o.test.id.tolist()}
    for _, outcome in trials:
        assert not tested & {*outcome.test.id.tolist(), *outcome.val.id.tolist()}
    assert len(rows) == 8
    assert sum(c.tuned is not None for c, _ in rows) == 4
    board = (suite / "runs/leaderboards/phantom@lt10.md").read_text()
    assert "### Tuned against default" in board
    (file,) = (suite / "runs/leaderboards/tuning").iterdir()
    assert len(json.loads(file.read_text())["rows"]) == 2
    before = board, file.read_bytes()
    again = tune()
    assert len(seen) == 16, "nothing"
    assert "8 trainings of the search, 8 done, 0 to run" in again
    assert (suite / "runs/leaderboards/phantom@lt10.md").read_text() == before[0]
    assert file.read_bytes() == before[1]
    tune("--trials", "3")
    assert len([c for c, _ in seen[16:] if c.terms.inner_fold]) == 4, "the third trial alone"


@pytest.mark.slow
def test_an_interrupt_keeps_the_trials_that_are_done(suite, monkeypatch):
    run, count = inline.run, []

    def stopped(job):
        if len(count) == 3:
            raise KeyboardInterrupt
        count.append(job)
        return run(job)

    monkeypatch.setattr(inline, "run", stopped)
    told = tune("--method", "erm", code=130)
    assert "interrupted: 3 of 4 trainings of the search are done and kept" in told
    monkeypatch.setattr(inline, "run", run)
    assert "4 trainings of the search, 3 done, 1 to run" in tune("--method", "erm", "--seed", "0")


def test_a_trial_that_diverges_is_spent_and_not_run_again(suite, monkeypatch):
    run, count = inline.run, []

    def diverges(job):
        count.append(job)
        if job.cell.terms.inner_fold and job.cell.tuned.lr != 0.01:
            return worker.failed(job.cell, MedtailError("training diverged: the loss is nan"))
        return run(job)

    monkeypatch.setattr(inline, "run", diverges)
    told = tune("--method", "erm", "--seed", "0")
    assert "erm on phantom@lt10: lr 0.01, weight decay 0.0005" in told
    assert "1 of 2 trials failed" in told
    amount = len(count)
    tune("--method", "erm", "--seed", "0")
    assert len(count) == amount


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--span", "1"), "--span 1: give a factor above 1"),
        (("--set", "folds=3"), "phantom@lt10: folds: each would need a search of its own"),
        (("--set", "draws=2"), "phantom@lt10: draws: the test of one lies in the train of others"),
        (("--launcher", "x"), "launcher"),
        (("--folds", "1000"), "too few for 1000 folds"),
    ],
)
def test_a_mistake_is_one_line(suite, more, words):
    with pytest.raises(MedtailError) as caught:
        tune(*more)
    assert re.search(re.escape(words), str(caught.value))
    assert "\n" not in str(caught.value)
    assert not (suite / "runs/cells").exists()


def test_a_tuned_row_is_trained_as_a_table_of_its_values_would_be(tmp_path):
    """Of a method whose training is no stage of another."""
    from medtail.benchmark.tuning.choice import found

    (tuned,) = found(SEARCH, ROW, reader([(0.1, 0.1), (0.2, 0.2), (0.9, 0.9), (0, 0)])).tuned([ROW])
    tuned = tuned.model_copy(update={"method": "logit_adjustment", "params": {"tau": 1.0}})
    own = {"lr": tuned.tuned.lr, "weight_decay": tuned.tuned.weight_decay}
    budget = ROW.terms.budget.model_copy(update=own)
    plain = cell("logit_adjustment", params={"tau": 1.0}, budget=budget)
    usual = cell("logit_adjustment", params={"tau": 1.0})
    data = worker.prepared(terms())
    one, other, third = (
        supervised.train(c, data, tmp_path / c.id, 1, lambda line: None).stages[0].history
        for c in (tuned, plain, usual)
    )
    assert one == other
    assert one != third
