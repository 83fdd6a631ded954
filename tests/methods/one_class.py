"""Made-up images of the one-class track, and methods trained on them."""

from dataclasses import replace

import lightning as L
import torch
from torch.utils.data import DataLoader

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods.core.base import Method, Recipe

NAMES = ("NV", "not NV")
SPEC = DataSpec(
    "fake@oneclass",
    NAMES,
    (4693, 0),  # HAM10000's
    (20, 20),
    track="one_class",
    withheld=(0, 2312),
    modality="dermoscopy",
)
BINARY = replace(SPEC, name="fake@binary20", class_counts=(4693, 234), withheld=())


def home(name):
    """The data it is at home on: some ask for abnormal labels."""
    return BINARY if methods.get(name).refuses(SPEC) else SPEC


def batch(spec, seed, views=1, size=8, target=0):
    shape = (size, *([views] if views > 1 else []), spec.in_channels, *spec.image_size)
    image = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return Batch(image, torch.full((size,), target), torch.arange(size))


class Data(L.LightningDataModule):
    def __init__(self, spec, views):
        super().__init__()
        self.spec, self.views = spec, views

    def ask(self, request, epochs):
        assert request.views == self.views

    def train_dataloader(self):
        return DataLoader([batch(self.spec, n, self.views) for n in range(2)], batch_size=None)

    def val_dataloader(self):
        return DataLoader([batch(self.spec, 10 + n) for n in range(2)], batch_size=None)


def build(name, seed=0, spec=None, **params) -> Method:
    L.seed_everything(seed, verbose=False)
    return methods.build(name, spec or home(name), **params)


def trained(name, seed=0, spec=None, **params) -> Method:
    method = build(name, seed, spec, **params)
    spec = method.spec
    method.recipe = Recipe(lr=0.02)
    for stage in method.stages:
        method.begin(stage)
        trainer = L.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(method, Data(spec, method.request(stage).views))
        assert trainer.global_step == 2
    method.conclude([batch(spec, n) for n in range(3)], [batch(spec, 10 + n) for n in range(2)])
    return method.eval()


def step(method, given) -> torch.Tensor:
    method.trainer = L.Trainer(max_epochs=10, logger=False, accelerator="cpu", barebones=True)
    method.train()
    return method.loss(given)
