"""Two processes that train together: what they were is gone on with, what is trained is one's."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from medtail import methods
from medtail.benchmark.evidence.record import read_lines
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.grid.cell import Budget
from medtail.benchmark.tracks import supervised
from tests import few
from tests.benchmark.cells import cell

EXACT = {"epochs": 2, "batch_size": 64, "precision": "64-true", "optimizer": "sgd", "lr": 0.1}
# In float64 the sums of two halves differ from that of the whole by nothing a few steps could show.
CLOSE = 1e-6

TERMS = {
    "none": {},
    "clip": {"clip": 0.05},
    "average": {"ema": 0.8},
    "parts": {"accumulate": 2},
    "rates by layer": {"layer_decay": 0.5, "optimizer": "adamw", "lr": 0.003},
    "head": {"tune": "head"},
    "all but the head": {"layer_decay": 0.7, "ema": 0.8, "accumulate": 2, "clip": 0.1},
}


def difference(one, other):
    return max(float((one[k].double() - other[k].double()).abs().max()) for k in one)


@pytest.mark.slow
@pytest.mark.parametrize("name", few(TERMS, "all but the head"))
def test_what_is_trained_and_how_is_that_of_one_process(tmp_path, name):
    # Batch statistics are those of a part, and two processes have other parts than one.
    more = {"backbone": "test_vit", "image_size": (32, 32)} if "accumulate" in TERMS[name] else {}
    budget = Budget(**EXACT | TERMS[name])
    asked = cell("logit_adjustment", budget=budget, **more)
    one, two = (
        supervised.train(asked, prepared(asked.terms), tmp_path / str(n), n, len) for n in (1, 2)
    )
    state, other = one.method.state_dict(), two.method.state_dict()
    assert {v.dtype for v in other.values() if v.is_floating_point()} == {torch.float64}
    assert difference(state, other) < CLOSE
    for mine, theirs in zip(one.stages[0].history, two.stages[0].history, strict=True):
        assert mine == pytest.approx(theirs, abs=CLOSE)
    assert one.images == two.images
    if set(TERMS[name]) - {"accumulate"}:  # which alone is the whole batch, but for rounding
        plain = cell("logit_adjustment", budget=Budget(**EXACT), **more)
        usual = supervised.train(plain, prepared(plain.terms), tmp_path / "usual", 1, len)
        assert difference(state, usual.method.state_dict()) > 100 * CLOSE, "and it does something"


PROGRAM = """
import os, sys
from medtail.benchmark.tracks import checkpoints, stages
from medtail.benchmark.cli.main import app

checkpoints.EVERY = 0.0
if __name__ == "__main__":
    os.environ["BENCH"] = str(os.getpid())
    app()
elif os.environ.get("DIE_AFTER"):

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == int(os.environ["DIE_AFTER"]):
            if trainer.global_rank == 0:
                os.kill(int(os.environ["BENCH"]), 9)
            os.kill(os.getpid(), 9)

    stages.Keeper.on_train_epoch_start = on_train_epoch_start
elif os.environ.get("ROOM"):
    import torch
    from medtail.methods.core.lightning_hooks import LightningHooks
    step = LightningHooks.training_step

    def training_step(self, batch, number):
        if len(batch.target) > int(os.environ["ROOM"]):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return step(self, batch, number)

    LightningHooks.training_step = training_step
"""
SUITE = """
methods: [{method}]
image_size: 16
selection: last
data: [{{name: phantom@natural, params: {{count: 400}}}}]
budget: {{epochs: 4, batch_size: 64, lr: 0.01, precision: 32-true, ema: 0.9}}
"""


@pytest.fixture
def bench(tmp_path):
    """Runs ``mine.yaml`` into a folder, with two processes and what they are told."""
    program = tmp_path / "run.py"
    program.write_text(PROGRAM)
    words = ["bench", "mine.yaml", "--devices", "2", "--launcher", "inline", "--wandb", "disabled"]

    def run(out, **told):
        return subprocess.run(
            [sys.executable, str(program), *words, "--out", out],
            capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ | told,
        )  # fmt: skip

    return run


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("method", ["mixup", "ldam"])
def test_two_processes_that_were_killed_go_on_where_they_were(tmp_path, bench, method):
    """Both of them and their parent, by SIGKILL; each has drawn its own numbers."""
    (tmp_path / "mine.yaml").write_text(SUITE.format(method=method))
    whole = bench("whole")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert bench("cut", DIE_AFTER="2").returncode == -signal.SIGKILL
    (checkpoint,) = (tmp_path / "cut/stages/under_way").rglob("*.ckpt")
    kept = torch.load(checkpoint, weights_only=False)
    assert kept["epoch"] == 1
    done = bench("cut")
    assert done.returncode == 0, done.stdout + done.stderr
    one, other = (
        next((tmp_path / out).rglob("predictions.parquet")).read_bytes() for out in ("whole", "cut")
    )
    assert one == other, "to the last bit"
    first, second = (
        read_lines(next((tmp_path / out / "leaderboards").rglob("*.jsonl")))[0]
        for out in ("whole", "cut")
    )
    assert first.stages[0].history == second.stages[0].history


@pytest.mark.thorough
@pytest.mark.slow
def test_memory_that_another_process_lacks_is_noticed(tmp_path, bench):
    (tmp_path / "mine.yaml").write_text(SUITE.format(method="ldam"))
    done = bench("short", ROOM="16")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "out of memory with accumulate 1: trained with accumulate 2, 32 images" in done.stdout
    failed = bench("none", ROOM="8")
    assert failed.returncode == 1
    assert "OutOfMemoryError: CUDA out of memory" in failed.stdout


def test_a_shared_stage_is_taken_over_in_its_own_precision(tmp_path):
    """Of a method that concludes, which float64 images would stop in a network of float32."""
    budget = Budget(**EXACT)
    asked = cell("tau_norm", params=methods.defaults("tau_norm"), budget=budget)
    for _ in ("trained", "loaded"):
        done = supervised.train(asked, prepared(asked.terms), tmp_path, 1, len)
        state = done.method.state_dict()
        assert {v.dtype for v in state.values() if v.is_floating_point()} == {torch.float64}
    (kept,) = tmp_path.glob("erm-*.pt")
    saved = torch.load(kept, weights_only=True)["state"]
    assert done.stages[0].shared
    for name, value in saved.items():
        if name.startswith("backbone."):
            assert torch.equal(state[name], value), "and no digit is lost"
