"""The mirror of finished cells in Weights & Biases."""

import sys
from types import SimpleNamespace

import pytest

from medtail.benchmark.execution import tracking
from tests.boards import active


def test_mirror_writes_offline_runs(outcome, tmp_path):
    from medtail.benchmark.execution.tracking import mirror

    mirror(outcome.record, tmp_path, "offline")
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


def test_the_mirror_logs_the_rounds(tmp_path, monkeypatch):
    logged = []
    run = SimpleNamespace(
        log=lambda values, step: logged.append((step, values)),
        define_metric=lambda *_, **__: None,
        summary={},
        finish=lambda exit_code: None,
    )
    fake = SimpleNamespace(Settings=lambda **_: None, init=lambda **_: run)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    tracking.mirror(active(final=0.4)[0], tmp_path, "offline")
    rounds = [values for _, values in logged if "round/labelled" in values]
    assert [values["round/labelled"] for values in rounds] == [100, 120, 140, 160]
    assert rounds[3]["round/rare_accuracy"] == pytest.approx(0.4)
    assert rounds[1]["round/picked/nv"] == 15
    assert [step for step, _ in logged] == sorted({step for step, _ in logged})
    assert run.summary["test/rare_found"] == 6
