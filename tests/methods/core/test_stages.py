"""The learning rate of a stage."""

import math

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import MultiStepLR

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods.core.stages import Recipe, learning_rate_factor

COSINE = Recipe(warmup=0.1)


def rates(recipe: Recipe, epochs: int, each: int) -> list[float]:
    steps = epochs * each
    return [learning_rate_factor(step, steps, epochs, recipe) for step in range(steps)]


def test_learning_rate_rises_and_falls():
    rate = [learning_rate_factor(step, 100, 10, COSINE) for step in range(101)]
    np.testing.assert_allclose(np.diff(rate[:11]), 1 / 11)
    assert rate[10] == 1
    assert rate[55] == pytest.approx(0.5)
    assert (np.diff(rate[10:]) < 0).all()
    assert rate[100] == pytest.approx(0, abs=1e-12)
    assert learning_rate_factor(0, 100, 10, Recipe(warmup=0)) == 1
    assert learning_rate_factor(5, 1, 1, Recipe(warmup=0)) == pytest.approx(0)


@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.3])
def test_the_cosine_is_to_the_last_bit_what_the_committed_boards_were_trained_with(warmup):
    def before(step: int, steps: int) -> float:
        warm = int(warmup * steps)
        if step < warm:
            return (step + 1) / (warm + 1)
        return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (step - warm) / max(1, steps - warm)))

    for epochs, each in ((1, 1), (3, 7), (15, 54)):
        wanted = [before(step, epochs * each) for step in range(epochs * each)]
        assert rates(Recipe(warmup=warmup), epochs, each) == wanted


def multi_step(epochs: int, each: int, at: list[int], gamma: float) -> list[float]:
    """PyTorch's own, stepped after every epoch."""
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    schedule = MultiStepLR(optimizer, at, gamma)
    found = []
    for _ in range(epochs):
        found += [optimizer.param_groups[0]["lr"]] * each
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize(
    ("epochs", "shares", "at"),
    [
        (100, (0.5, 0.75), [50, 75]),
        (30, (0.1, 0.7), [3, 21]),  # 0.1 * 30 is 3.0000000000000004
        (10, (0.5, 0.75), [5, 8]),  # no epoch begins at 7.5: from the next one on
        (2, (0.9,), [2]),
        (4, (), []),
    ],
)
@pytest.mark.parametrize("each", [1, 3])
def test_steps_are_those_of_pytorch_at_the_borders_of_epochs(epochs, shares, at, each):
    recipe = Recipe(warmup=0, schedule="step", milestones=shares, gamma=0.2)
    np.testing.assert_allclose(rates(recipe, epochs, each), multi_step(epochs, each, at, 0.2))


def test_a_warm_up_is_before_every_schedule():
    flat = rates(Recipe(warmup=0.2, schedule="constant"), 10, 5)
    np.testing.assert_allclose(flat[:10], np.arange(1, 11) / 11)
    assert set(flat[10:]) == {1.0}
    steps = rates(Recipe(warmup=0.2, schedule="step", milestones=(0.5,), gamma=0.1), 10, 5)
    assert steps[:25] == flat[:25]
    np.testing.assert_allclose(steps[25:], 0.1)


class Watch(L.Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [("step", [1e-3] * 4 + [1e-4] * 2 + [1e-5] * 2), ("constant", [1e-3] * 8)],
)
def test_a_training_runs_at_these_rates(schedule, wanted):
    method = methods.build("erm", DataSpec("two", ("a", "b"), (4, 4), (16, 16)))
    shares = (0.5, 0.75) if schedule == "step" else ()
    method.recipe = Recipe("adam", 1e-3, 0, 0.9, 0, schedule, shares)
    batches = [Batch(torch.randn(4, 3, 16, 16), torch.arange(4) % 2, torch.arange(4))] * 2
    watch = Watch()
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=4,
        limit_val_batches=0,
        logger=False,
        callbacks=[watch],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(method, torch.utils.data.DataLoader(batches, batch_size=None))
    np.testing.assert_allclose(watch.seen, wanted)
