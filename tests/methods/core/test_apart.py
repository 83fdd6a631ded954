"""Parameters with an optimiser of their own: its rate, its rhythm, and that it is gone on with."""

import copy
import pickle
from dataclasses import replace
from types import SimpleNamespace

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Checkpoint
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from medtail import methods
from medtail.benchmark.tracks.optimizers import own_optimizers
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core import own_trainer
from medtail.methods.core.base import Apart, Recipe, Stage
from medtail.methods.erm import ERM

SPEC = DataSpec("fake", ("a", "b"), (90, 9), (16, 16))
RECIPE = Recipe("momentum", 0.1, 0.01, 0.9, warmup=0, schedule="constant")
OWN = Recipe("momentum", 0.5, 0.0, 0.8, warmup=0, schedule="constant")


class Proxied(ERM):
    """Cross-entropy, and proxies pulled to the place of the batch's targets."""

    def __init__(self, spec):
        super().__init__(spec)
        self.proxies = nn.Parameter(torch.tensor([[1.0, -1.0], [0.5, 2.0]]))
        self.recipe, self.log_of = RECIPE, []

    def loss(self, batch):
        pull = F.mse_loss(self.proxies[batch.target], batch.image[:, :2, 0, 0])
        self.log_of.append(self.proxies.detach().clone())
        return super().loss(batch) + pull


class Data(L.LightningDataModule):
    spec = SPEC

    def ask(self, request, epochs):
        pass

    def batch(self, seed):
        image = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
        return Batch(image, torch.arange(6) % 2, torch.arange(6))

    def train_dataloader(self):
        return DataLoader([self.batch(n) for n in range(4)], batch_size=None)

    def val_dataloader(self):
        return DataLoader([self.batch(9)], batch_size=None)


def made(every="epoch", recipe=OWN, names=("proxies",)):
    L.seed_everything(0, verbose=False)
    method = Proxied(SPEC)
    method.stages = (Stage("train", apart=(Apart(names, recipe, every),)),)
    return method


def fit(method, epochs, ckpt=None, **arguments):
    trainer = L.Trainer(
        accelerator="cpu", devices=1, max_epochs=epochs, logger=False, num_sanity_val_steps=0,
        enable_checkpointing="callbacks" in arguments, enable_progress_bar=False,
        enable_model_summary=False, **arguments,
    )  # fmt: skip
    method.begin(method.stages[0])
    trainer.fit(method, Data(), ckpt_path=ckpt, weights_only=True)
    return trainer


def gradient(proxies, seed):
    """Of the mean square of the pull, in a loop: 12 numbers a batch."""
    batch, found = Data().batch(seed), np.zeros((2, 2))
    for image, y in zip(batch.image.numpy(), batch.target.tolist(), strict=True):
        found[y] += 2 * (proxies[y] - image[:2, 0, 0]) / 12
    return found


def by_hand(epochs, every, rate, momentum, cut=1):
    w, v = np.array([[1.0, -1.0], [0.5, 2.0]]), np.zeros((2, 2))
    for _ in range(epochs):
        total = np.zeros((2, 2))
        for n in range(4):
            total += gradient(w, n) / cut
            if (every == "step" and (n + 1) % cut == 0) or (every == "epoch" and n == 3):
                v = momentum * v + total
                w, total = w - rate * v, np.zeros((2, 2))
    return w


@pytest.mark.parametrize("every", ["step", "epoch"])
@pytest.mark.parametrize("cut", [1, 2])
def test_steps_are_those_by_hand(every, cut):
    method = made(every=every)
    fit(method, 3, accumulate_grad_batches=cut)
    expected = by_hand(3, every, 0.5, 0.8, cut)
    np.testing.assert_allclose(method.proxies.detach().numpy(), expected, rtol=1e-4)
    assert not np.allclose(expected, by_hand(3, every, 0.1, 0.9, cut), rtol=0.01)


def test_a_rate_may_be_a_multiple_of_the_stages():
    method = made()
    method.stages = (Stage("train", apart=(Apart(("proxies",), every="step", rate=3.0),)),)
    method.recipe = replace(RECIPE, weight_decay=0.0)
    fit(method, 2)
    expected = by_hand(2, "step", 3 * RECIPE.lr, RECIPE.momentum)
    np.testing.assert_allclose(method.proxies.detach().numpy(), expected, rtol=1e-4)
    assert (
        own_optimizers(method.stages[0]) == "proxies by the suite's optimiser at 3 times its rate"
    )


def test_within_an_epoch_they_stay_and_at_its_end_they_step_before_the_validation():
    method = made()
    seen = []
    method.validation_step = lambda batch, batch_idx: seen.append(method.proxies.detach().clone())
    method.on_validation_epoch_end = lambda: None
    fit(method, 2)
    first, second = method.log_of[:4], method.log_of[4:]
    assert all(torch.equal(first[0], one) for one in first)
    assert all(torch.equal(second[0], one) for one in second)
    assert torch.equal(seen[0], second[0])
    assert not torch.equal(first[0], second[0])
    assert torch.equal(seen[1], method.proxies)


def test_the_rest_is_trained_as_without_them():
    alone = methods.build("erm", SPEC)
    method = made()
    alone.load_state_dict({k: v for k, v in method.state_dict().items() if k != "proxies"})
    alone.recipe = RECIPE
    for one in (alone, method):
        fit(one, 2)
    assert torch.equal(alone.classifier.weight, method.classifier.weight)
    assert torch.equal(alone.backbone.conv1[0].weight, method.backbone.conv1[0].weight)


def test_without_a_recipe_it_is_the_stages_with_its_schedule():
    method = made(every="step", recipe=None)
    method.recipe = Recipe("momentum", 0.1, 0.0, 0.0, warmup=0, schedule="step", milestones=(0.5,))
    fit(method, 2)
    w = np.array([[1.0, -1.0], [0.5, 2.0]])
    for rate in (0.1, 0.01):
        for n in range(4):
            w = w - rate * gradient(w, n)
    np.testing.assert_allclose(method.proxies.detach().numpy(), w, rtol=1e-4)


@pytest.mark.parametrize("every", ["step", "epoch"])
def test_a_training_that_was_killed_goes_on_to_the_last_bit(every, tmp_path):
    class Kill(Checkpoint):  # which comes after all other hooks of the epoch
        def on_train_epoch_end(self, trainer, pl_module):
            if trainer.current_epoch == 1:
                trainer.save_checkpoint(tmp_path / "one.ckpt")

    cosine = replace(OWN, schedule="cosine")
    whole = made(every=every, recipe=cosine)
    fit(whole, 4, callbacks=[Kill()])
    again = made(every=every, recipe=cosine)
    fit(again, 4, tmp_path / "one.ckpt")
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in whole.state_dict().items())
    state = torch.load(tmp_path / "one.ckpt", weights_only=True)["others"]
    assert state["taken"] == [2 if every == "epoch" else 8]
    # A network that is loaded and trained anew begins anew.
    loaded = copy.deepcopy(again)
    loaded._trainer = None
    loaded.on_load_checkpoint({"others": state})
    assert not loaded._resumed


def test_it_is_saved_with_the_network_and_pickles():
    method = made()
    fit(method, 1)
    assert "proxies" in method.state_dict()
    copied = pickle.loads(pickle.dumps(method))
    assert torch.equal(copied.proxies, method.proxies)


def test_what_cannot_be_is_one_line():
    with pytest.raises(MedtailError, match=r"no parameters 'prox' to train apart"):
        fit(made(names=("prox",)), 1)
    method = made()
    method.begin(method.stages[0])
    method._trainer = SimpleNamespace(max_epochs=1, precision="16-mixed")  # on a CPU it is bf16
    with pytest.raises(MedtailError, match=r"take bf16-mixed"):
        own_trainer._check_trainer(method)


def test_its_row_says_so():
    assert own_optimizers(Stage("train")) == ""
    stage = made().stages[0]
    words = "proxies by momentum lr 0.5, momentum 0.8, a step an epoch"
    assert own_optimizers(stage) == words
    both = Stage("head", recipe=RECIPE, apart=(Apart(("a", "b")), Apart(("c",), OWN)))
    assert own_optimizers(both) == (
        "momentum lr 0.1, momentum 0.9; a and b by momentum lr 0.1, momentum 0.9; "
        "c by momentum lr 0.5, momentum 0.8"
    )
    assert own_optimizers(Stage("t", apart=(Apart(("a",)),))) == "a by the suite's optimiser"
