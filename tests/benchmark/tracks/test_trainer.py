"""What Lightning is asked for: each setting that decides a number, seen on a real Trainer."""

from types import SimpleNamespace

import lightning.pytorch as L
import pytest
import torch

from medtail.benchmark.tracks import stages
from tests.benchmark.cells import terms

BUDGET = {"epochs": 12, "batch_size": 64, "lr": 0.01}


def made(devices=1, callbacks=(), **changes):
    budget = BUDGET | changes.pop("budget", {})
    return stages.trainer(terms(budget=budget, **changes), 12, devices, list(callbacks))


@pytest.mark.parametrize(
    ("selection", "until", "every"),
    [("last", 0, 12), ("last", 0.99, 1), ("best_balanced_accuracy", 0, 1)],
)
def test_epochs_are_validated_where_one_is_chosen(selection, until, every):
    asked = made(selection=selection, budget={"until": until})
    assert asked.check_val_every_n_epoch == every
    assert asked.max_epochs == 12


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_the_precision_is_the_budgets(precision):
    assert made(budget={"precision": precision}).precision == precision


def test_the_gradient_is_clipped_and_gathered_as_the_budget_says():
    asked = made(budget={"clip": 0.5, "accumulate": 4})
    assert (asked.gradient_clip_val, asked.accumulate_grad_batches) == (0.5, 4)
    plain = made()
    assert (plain.gradient_clip_val, plain.accumulate_grad_batches) == (None, 1)


def test_nothing_is_validated_before_the_first_epoch_and_validation_may_learn():
    asked = made()
    assert asked.num_sanity_val_steps == 0
    seen = []

    class Learns(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(1))

        def training_step(self, batch, number):
            seen.append("train")
            return self.weight.sum()

        def validation_step(self, batch, number):
            seen.append("validate")
            with torch.enable_grad():
                (2 * self.weight).sum().backward()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    loader = torch.utils.data.DataLoader(torch.ones(1, 1))
    stages.trainer(terms(budget=BUDGET), 1, 1, []).fit(Learns(), loader, loader)
    assert seen == ["train", "validate"]


def test_no_file_log_or_bar_is_made_that_was_not_asked_for(capfd):
    asked = made()
    assert asked.loggers == []
    names = {type(one).__name__ for one in asked.callbacks}
    assert not names & {"ModelCheckpoint", "TQDMProgressBar", "RichProgressBar", "ModelSummary"}


def test_ranks_take_our_samplers_and_networks_with_parts_that_do_not_learn():
    asked = made(devices=2)
    assert asked.world_size == 2
    assert asked.strategy._ddp_kwargs["find_unused_parameters"] is True
    assert asked._accelerator_connector.use_distributed_sampler is False
    assert asked.strategy._process_group_backend == (
        "nccl" if torch.cuda.is_available() else "gloo"
    )


def kept(tmp_path, selection, *scores):
    """What a keeper has after epochs with these scores, in which a weight counts the epochs."""
    keeper, network = stages.Keeper(tmp_path / "x", selection, print), torch.nn.Linear(1, 1)
    for epoch, score in enumerate(scores):
        metrics = {"val/balanced_accuracy": torch.tensor(score), "val/macro_auc": torch.tensor(0.5)}
        now = SimpleNamespace(current_epoch=epoch, callback_metrics=metrics, is_global_zero=True)
        network.weight.data.fill_(epoch)
        keeper.on_validation_end(now, network)
    network.weight.data.fill_(-1)
    return keeper.selected, keeper.state["weight"].item()


def test_the_first_of_equally_good_epochs_is_kept_as_it_was(tmp_path):
    assert kept(tmp_path, "best_balanced_accuracy", 0.3, 0.5, 0.5, 0.4) == (1, 1)
    assert kept(tmp_path, "best_balanced_accuracy", 0.3, 0.2) == (0, 0)
    assert kept(tmp_path, "best_macro_auc", 0.3, 0.5, 0.4) == (0, 0), "all the same by that metric"
    assert kept(tmp_path, "last", 0.3, 0.5, 0.4) == (2, 2)
