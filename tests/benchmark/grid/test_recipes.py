"""The suite medmnist-recipe is what the code of MedMNIST's authors does.

``MedMNIST2D/train_and_eval_pytorch.py`` of github.com/MedMNIST/experiments at commit 8b0f553:
``lr = 0.001; gamma = 0.1; milestones = [0.5 * num_epochs, 0.75 * num_epochs]``, 100 epochs, batches
of 128, ``Adam(model.parameters(), lr=lr)``, ``MultiStepLR`` stepped after each epoch,
``Normalize(mean=[.5], std=[.5])``, no augmentation, float32, the epoch of the best validation AUC.
"""

import numpy as np
import torch
from timm.optim import create_optimizer_v2
from torch.optim.lr_scheduler import MultiStepLR

from medtail import methods
from medtail.benchmark.grid.files import load
from medtail.datamodules.core.contract import DataSpec
from medtail.methods.core.base import Recipe
from medtail.methods.core.stages import learning_rate_factor


def cell():
    suite = load("medmnist-recipe")
    assert len(suite.data) == 11
    return next(iter(suite.cells()))


def test_terms_are_those_of_the_recipe():
    terms = cell().terms
    assert (terms.image_size, terms.augment, terms.constants) == ((28, 28), "none", "half")
    assert (terms.selection, terms.pretrained) == ("best_macro_auc", False)
    budget = terms.budget
    assert (budget.epochs, budget.batch_size, budget.precision) == (100, 128, "32-true")
    assert budget.last_batch == "keep"  # DataLoader's drop_last is False


def test_the_optimiser_is_adam_as_pytorch_has_it():
    budget = cell().terms.budget
    method = methods.build("erm", DataSpec("two", ("a", "b"), (4, 4), (28, 28)))
    made = create_optimizer_v2(
        method,
        opt=budget.optimizer,
        lr=budget.lr,
        weight_decay=budget.weight_decay,
        momentum=budget.momentum,
    )
    wanted = torch.optim.Adam(method.parameters(), lr=0.001)
    assert type(made) is type(wanted)
    for group in made.param_groups:
        assert {k: v for k, v in group.items() if k != "params"} == {
            k: v for k, v in wanted.param_groups[0].items() if k != "params"
        }


def test_the_rate_of_every_epoch_is_that_of_the_recipe():
    budget = cell().terms.budget
    epochs, each = budget.epochs, 4
    recipe = Recipe(
        budget.optimizer, budget.lr, budget.weight_decay, budget.momentum, budget.warmup,
        budget.schedule, budget.milestones, budget.gamma,
    )  # fmt: skip
    optimizer = torch.optim.Adam(torch.nn.Linear(1, 1).parameters(), lr=0.001)
    schedule = MultiStepLR(optimizer, milestones=[0.5 * epochs, 0.75 * epochs], gamma=0.1)
    for epoch in range(epochs):
        for step in range(epoch * each, (epoch + 1) * each):
            rate = recipe.lr * learning_rate_factor(step, epochs * each, epochs, recipe)
            np.testing.assert_allclose(rate, optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
