"""The time limit of a cell: what a suite says, or a generous estimate; it is no term."""

import os
import signal
import sys
import time
from dataclasses import replace

import pytest

from medtail.benchmark.execution import limit, worker
from medtail.benchmark.grid.suite import Suite
from medtail.benchmark.grid.time_limit import seconds_of
from medtail.benchmark.tracks import checkpoints
from tests.benchmark.cells import cell


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90 s", 90), ("90s", 90), ("1.5 min", 90), ("2 h", 7200), ("1 d", 86400), ("auto", None)],
)
def test_a_time_is_a_number_with_its_unit(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "2 hours", "0 s", "-1 h", "soon", "none"])
def test_what_is_no_time_is_one_clear_line(text):
    with pytest.raises(ValueError, match="is no time: write one such as 90 s, 30 min, 2 h or 1 d"):
        Suite(methods=["erm"], data=["phantom@natural"], time_limit=text)


def test_it_is_no_term():
    each = [
        [one.id for one in Suite(methods=["erm"], data=["phantom@natural"], **more).cells()]
        for more in ({}, {"time_limit": "2 h"})
    ]
    assert each[0] == each[1]


@pytest.mark.parametrize(
    ("seconds", "words"), [(20, "20 s"), (90, "1.5 min"), (3600, "1 h"), (100000, "27.8 h")]
)
def test_a_limit_is_told_in_words(seconds, words):
    assert limit.in_words(seconds) == words


def run_long(job, seconds):
    with limit.limited(job):
        time.sleep(seconds)


def test_a_cell_ends_at_its_limit_and_not_before(store):
    job = store.job(cell(), 1, limit=0.3)
    with pytest.raises(limit.TimeLimitError, match=r"ran longer than its limit of 0\.3 s: raise"):
        run_long(job, 60)
    before = signal.getsignal(limit.INTERRUPT)
    run_long(job, 0.05)
    assert signal.getsignal(limit.INTERRUPT) is before
    time.sleep(0.5)  # and nothing comes after it


def test_a_cell_that_ended_in_the_last_moment_is_left_alone(store, monkeypatch):
    watch = limit.Watch(store.job(cell(), 1, limit=0.3))
    watch.end()
    monkeypatch.setattr(watch, "_ends_within", lambda seconds: False)
    monkeypatch.setattr(signal, "pthread_kill", lambda *_: pytest.fail("it is over"))
    watch.run()


def test_its_time_runs_from_its_beginning(store):
    watch = limit.Watch(store.job(cell(), 1, limit=60))
    watch.began -= 60
    started = time.monotonic()
    assert not watch._ends_within(60.1)
    assert time.monotonic() - started < 30


def test_a_process_that_does_not_answer_ends_and_says_where_it_hung(store, monkeypatch, capsys):
    job = store.job(cell(), 1, limit=20)
    assert limit.ended(job) is None
    status = []
    monkeypatch.setattr(os, "_exit", status.append)
    limit.Watch(job)._end_the_process()
    assert status == [1]
    assert limit.reason(20) in capsys.readouterr().err
    error, trace = limit.ended(job)
    assert str(error) == limit.reason(20)
    assert "in test_a_process_that_does_not_answer" in trace
    assert limit.ended(job) is None, "told once"


def test_without_a_limit_an_estimate_is_asked_for_late_and_is_generous(store, monkeypatch):
    job = store.job(cell(), 1)
    monkeypatch.setattr(limit, "FLOOR", 0.3)
    monkeypatch.setattr(limit, "ESTIMATE", "print('a library says'); print(0.05)")
    started = time.monotonic()
    with pytest.raises(limit.TimeLimitError, match="limit of 1 s"):
        run_long(job, 60)
    assert time.monotonic() - started > 1, "20 times the estimate"
    monkeypatch.setattr(limit, "ESTIMATE", "print(1)")
    run_long(job, 2)


@pytest.mark.parametrize("what", ["raise ValueError", "import os; os.abort()", "while True: pass"])
def test_without_an_estimate_a_day_is_given(store, monkeypatch, what):
    monkeypatch.setattr(limit, "ESTIMATE", what)
    monkeypatch.setattr(limit, "PATIENCE", 1.0)
    assert limit.Watch(store.job(cell(), 1)).generous() == limit.UNKNOWN


@pytest.mark.slow
def test_the_estimate_is_that_of_the_cell(store, monkeypatch):
    monkeypatch.setattr(limit, "FLOOR", 0.0)
    long = cell(budget=cell().terms.budget.model_copy(update={"epochs": 10_000}))
    found = limit.Watch(store.job(long, 1)).generous()
    assert 100 < found < limit.UNKNOWN


def test_a_cell_at_its_limit_fails_and_keeps_its_checkpoints(store, monkeypatch):
    kept = checkpoints.folder_of(store.job(cell(), 1).store, cell().id)
    kept.mkdir(parents=True)

    def hang(*_):
        time.sleep(60)

    monkeypatch.setattr(worker, "_run", hang)
    outcome = worker.run(replace(store.job(cell(), 1), limit=0.3))
    assert outcome.record.status == "failed"
    assert outcome.record.reason == limit.reason(0.3)
    assert kept.is_dir(), "with more time it goes on from them"
    monkeypatch.setattr(worker, "_run", lambda *_: sys.exit(0))
    assert worker.run(store.job(cell(), 1)).record.reason == "SystemExit: 0"
    assert not kept.is_dir()
