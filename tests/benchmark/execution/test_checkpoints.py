"""A cell that is killed goes on from its last epoch, and gives what it would have given."""

import random
import shutil

import numpy as np
import pytest
import torch

from medtail.benchmark.execution import worker
from medtail.benchmark.tracks import checkpoints, stages, supervised
from medtail.datamodules.core import derived
from tests import commands, few
from tests.benchmark.cells import cell

USUAL = {"epochs": 4, "batch_size": 64, "lr": 0.01}
ADAM = USUAL | {"optimizer": "adam", "lr": 0.001, "precision": "32-true"}
FEW = {"data": "phantom@shot1", "data_params": {"count": 700}, "test_episodes": 5}
POOL = {"data": "phantom@active", "data_params": {"count": 700}, "rounds": 3}
# One method of each track at least. Mixing draws from NumPy and torch, the 8 epochs of cRT are 6
# and 2 of two stages.
CELLS = {
    "mixup": cell("mixup", selection="last", budget=USUAL),
    "selected": cell("ldam", selection="best_balanced_accuracy", budget=USUAL),
    "contrast": cell("proco", selection="last", budget=USUAL | {"optimizer": "adamw"}),
    "two stages": cell("crt", selection="last", budget=USUAL | {"epochs": 8}),
    "average": cell("erm", selection="last", budget=USUAL | {"ema": 0.9}),
    "episodes": cell("protonet", backbone="conv4", selection="last", budget=ADAM, **FEW),
    "one class": cell("deep_svdd", data="phantom@oneclass", selection="last", budget=USUAL),
    "active": cell("entropy_sampling", selection="last", budget=USUAL, **POOL),
}
AFTER = [*((name, after) for name in CELLS for after in (1, 3)), ("two stages", 7), ("active", 6)]
LATE = (*((name, 3) for name in CELLS), ("two stages", 7))


class Killed(KeyboardInterrupt):
    """As SIGKILL: the worker's own handling lets it pass."""


@pytest.fixture
def every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoints, "EVERY", 0.0)


def killed_after(monkeypatch, epochs):
    """The process ends after so many checkpoints, all stages and rounds counted."""
    saved = {"amount": 0}
    write = checkpoints.Saver.on_train_epoch_end

    def on_train_epoch_end(self, trainer, pl_module):
        write(self, trainer, pl_module)
        saved["amount"] += 1
        if saved["amount"] == epochs:
            raise Killed

    monkeypatch.setattr(checkpoints.Saver, "on_train_epoch_end", on_train_epoch_end)


def epochs_trained(monkeypatch):
    """Counts what is trained from now on."""
    seen = []
    note = stages.Keeper.on_train_epoch_end

    def on_train_epoch_end(self, trainer, pl_module):
        note(self, trainer, pl_module)
        seen.append(trainer.current_epoch)

    monkeypatch.setattr(stages.Keeper, "on_train_epoch_end", on_train_epoch_end)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize(("name", "after"), few(AFTER, *LATE))
def test_what_is_gone_on_with_is_what_would_have_been(name, after, store, monkeypatch, every_epoch):
    mine = CELLS[name]
    whole = worker.run(store.job(mine, 1, keep=False))
    assert whole.record.status == "ok", whole.traceback
    checkpoints.forget(store.root / "stages")
    with monkeypatch.context() as patched:
        killed_after(patched, after)
        with pytest.raises(KeyboardInterrupt) as ended:
            worker.run(store.job(mine, 1, keep=False))
    assert isinstance(ended.value.__cause__.__context__, Killed), "what Lightning makes of it"
    assert list((store.root / "stages").rglob("*.ckpt")), "what it goes on from"
    for draw in (random.random, np.random.rand, lambda: torch.rand(3)):
        draw()  # another process draws otherwise
    seen = epochs_trained(monkeypatch)
    again = worker.run(store.job(mine, 1, keep=False))
    assert again.record.status == "ok", again.traceback
    assert again.record.predictions == whole.record.predictions, "to the last bit"
    assert again.val is None or again.val.digest == whole.val.digest
    for one, other in zip(again.record.stages, whole.record.stages, strict=True):
        assert one.history == other.history
        assert one.selected == other.selected
    assert again.record.rounds == whole.record.rounds
    rounds = len(whole.record.rounds) or 1
    assert len(seen) == rounds * mine.terms.budget.epochs - after, "and no epoch is trained twice"
    assert not list((store.root / "stages").rglob("under_way/*/*")), "nothing is left behind"


def test_seconds_of_before_the_end_are_counted(store, monkeypatch, every_epoch):
    """As if what was killed had trained for an hour."""
    mine = cell("erm", selection="last", budget=USUAL | {"epochs": 2})
    with monkeypatch.context() as patched:
        killed_after(patched, 1)
        kept = stages.Keeper.state_dict
        patched.setattr(stages.Keeper, "state_dict", lambda k: kept(k) | {"before": 3600.0})
        with pytest.raises(KeyboardInterrupt):
            worker.run(store.job(mine, 1, keep=False))
    seen = epochs_trained(monkeypatch)
    record = worker.run(store.job(mine, 1, keep=False)).record
    assert len(seen) == 1
    assert 3600 < record.cost.train_seconds < 3700


def place(tmp_path, every=0.0):
    return checkpoints.Place(tmp_path / "cell", "key", every)


def test_a_damaged_checkpoint_is_told_and_the_training_begins_anew(tmp_path):
    made = place(tmp_path)
    made.folder.mkdir()
    made.under_way.write_bytes(b"PK no checkpoint")
    with derived.collected() as told:
        assert made.resumable() is None
        assert not made.under_way.exists()
        made.done.write_bytes(b"")
        assert made.result() is None
        assert place(tmp_path / "none").resumable() is None, "an absent one is no trouble"
    says = "nothing says what it is: set aside as"
    assert told == [
        f"{made.under_way}: {says} key.damaged, made anew",
        f"{made.done}: {says} key.done.damaged, made anew",
    ]


def test_what_took_long_is_kept_and_what_did_not_is_not(tmp_path):
    made = place(tmp_path, every=60.0)
    made.keep({"state": {"w": torch.ones(2)}}, 59.9)
    assert made.result() is None
    made.keep({"state": {"w": torch.ones(2)}}, 60.0)
    assert made.result()["state"]["w"].tolist() == [1, 1]


def test_a_stage_that_ended_is_not_trained_again(store, monkeypatch, every_epoch):
    mine = CELLS["two stages"]
    seen, whole = epochs_trained(monkeypatch), stages.fit
    with monkeypatch.context() as patched:
        patched.setattr(supervised, "fit", lambda *given: killed_behind(whole(*given)))
        with pytest.raises(KeyboardInterrupt):
            worker.run(store.job(mine, 1, keep=False))
    assert len(seen) == 6
    assert worker.run(store.job(mine, 1, keep=False)).record.status == "ok"
    assert len(seen) == 8


def killed_behind(ended):
    raise Killed


def test_a_checkpoint_of_another_training_is_not_taken(tmp_path):
    made = place(tmp_path)
    made.keep({"state": {"w": torch.ones(2)}}, 1)
    other = checkpoints.Place(made.folder, "other", 0.0)
    for suffix in (".pt", ".json"):
        shutil.copy(made.done.with_suffix(suffix), other.done.with_suffix(suffix))
    with derived.collected() as told:
        assert other.result() is None
        assert made.result() is not None
    assert [line.partition(": ")[2][:20] for line in told] == ["of something else: s"]


def test_a_short_training_leaves_nothing(tmp_path):
    place(tmp_path, every=60).keep({"state": {}}, 59)
    assert not (tmp_path / "cell").exists()
    place(tmp_path, every=60).keep({"state": {"w": torch.ones(2)}}, 61)
    assert place(tmp_path).result()["state"]["w"].tolist() == [1, 1]


def test_other_data_code_or_terms_are_another_checkpoint(store, monkeypatch, every_epoch):
    keys = []

    def fit(method, data, terms, epochs, seed, devices, folder, tell, place):
        keys.append(place.key)
        raise Killed

    monkeypatch.setattr("medtail.benchmark.tracks.supervised.fit", fit)
    usual = {"epochs": 2, "batch_size": 64}
    others = [
        cell("ldam", budget=usual),
        cell("ldam", budget=usual | {"lr": 0.2}),
        cell("ldam", budget=usual, seed=1),
        cell("focal", budget=usual),
        cell("ldam", budget=usual, data_params={"count": 401}),
        cell("ldam", budget=usual, image_size=(20, 20)),
    ]
    for mine in (*others, others[0]):
        with pytest.raises(Killed):
            worker.run(store.job(mine, 1))
    assert keys[-1] == keys[0]
    assert len(set(keys)) == len(others)


@pytest.mark.slow
def test_a_killed_process_goes_on_where_it_was(tmp_path):
    """SIGKILL in the middle of an epoch; a fresh process does the rest."""
    suite = tmp_path / "mine.yaml"
    suite.write_text(
        "methods: [mixup]\nimage_size: 16\ndata: [{name: phantom@natural, params: {count: 400}}]\n"
        "budget: {epochs: 6, batch_size: 64, lr: 0.01}\n"
    )
    program = (
        "import os, sys\n"
        "from medtail.benchmark.tracks import checkpoints\n"
        "from medtail.benchmark.cli.main import app\n"
        "from medtail.methods.core.base import Method\n"
        "checkpoints.EVERY = 0.0\n"
        "if sys.argv.pop() == 'die':\n"
        "    step = Method.training_step\n"
        "    def training_step(self, batch, *more):\n"
        "        if self.current_epoch == 3:\n"
        "            os.kill(os.getpid(), 9)\n"
        "        return step(self, batch, *more)\n"
        "    Method.training_step = training_step\n"
        "app()\n"
    )
    words = ["bench", str(suite), "--launcher", "inline", "--wandb", "disabled", "--out"]

    def run(out, how):
        return commands.run("-c", program, *words, tmp_path / out, how, cwd=tmp_path)

    assert run("whole", "live").returncode == 0
    assert run("cut", "die").returncode == -9
    assert len(list((tmp_path / "cut/stages/under_way").rglob("*.ckpt"))) == 1
    done = run("cut", "live")
    assert done.returncode == 0, done.stdout + done.stderr
    one, other = (
        next((tmp_path / out).rglob("predictions.parquet")).read_bytes() for out in ("whole", "cut")
    )
    assert one == other
