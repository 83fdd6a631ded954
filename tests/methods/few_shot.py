"""Made-up episodes, and few-shot methods trained on them."""

import lightning as L
import numpy as np
import torch
from torch.utils.data import DataLoader

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec, EpisodeShape
from medtail.methods.core.base import Recipe
from medtail.methods.core.parts.experts import Experts

HAM10000 = (778, 4693, 359, 769)  # the common classes


def spec(shape=EpisodeShape(2, 3, 4), channels=3):  # noqa: B008 - a tuple
    names = ("MEL", "NV", "BCC", "BKL")
    return DataSpec(
        "fake@shot3", names, HAM10000, (16, 16), channels, track="few_shot", episodes=shape
    )


def episodes(tasks=4, seed=0, shape=EpisodeShape(2, 3, 4), channels=3):  # noqa: B008
    """Classes that differ by their mean colour, another pair in each task."""
    rng = np.random.default_rng(seed)
    n, k, q = shape
    target = np.concatenate([np.arange(n).repeat(k), np.arange(n).repeat(q)])
    colour = 2 * rng.normal(size=(tasks, n, channels, 1, 1))
    noise = rng.normal(size=(tasks, len(target), channels, 16, 16))
    image = torch.tensor(noise + colour[:, target]).float()
    index = torch.arange(tasks * len(target)).view(tasks, -1)
    return Batch(image, torch.tensor(target).expand(tasks, -1), index)


def support_of(batch, task=0, size=6):
    return Batch(*(part[task, :size] for part in batch[:3]))


# Second derivatives of five steps take their time.
QUICK = {name: {"steps": 2, "test_steps": 3} for name in ("anil", "daml", "maml", "reptile")}
QUICK["fine_tuning"] = {"steps": 3}


def build(name, seed=0, given=None, **params):
    L.seed_everything(seed, verbose=False)
    needs_stages = name in ("bbn", "rsg") or issubclass(methods.get(name), Experts)
    backbone = "test_resnet" if needs_stages else "conv4"
    params = QUICK.get(name, {}) | params
    return methods.build(name, given or spec(), backbone=backbone, **params)


class Meta(L.LightningDataModule):
    def __init__(self, spec):
        super().__init__()
        self.spec = spec

    def ask(self, request, epochs):
        assert request.tasks

    def train_dataloader(self):
        return DataLoader([episodes(seed=s) for s in range(3)], batch_size=None)

    def val_dataloader(self):
        return DataLoader([episodes(seed=s) for s in (8, 9)], batch_size=None)


def fit(method, epochs=2, lr=1e-3, **arguments):
    method.recipe = Recipe("adam", lr=lr, weight_decay=0)
    method.begin(method.stage)
    trainer = L.Trainer(
        accelerator="cpu", devices=1, max_epochs=epochs, logger=False, inference_mode=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, **arguments,
    )  # fmt: skip
    trainer.fit(method, Meta(method.spec))
    return trainer
