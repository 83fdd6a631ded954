"""The suite medmnist-recipe is what the code of MedMNIST's authors does.

``MedMNIST2D/train_and_eval_pytorch.py`` of github.com/MedMNIST/experiments at commit 8b0f553:
``lr = 0.001; gamma = 0.1; milestones = [0.5 * num_epochs, 0.75 * num_epochs]``, 100 epochs, batches
of 128, ``Adam(model.parameters(), lr=lr)``, ``MultiStepLR`` stepped after each epoch,
``Normalize(mean=[.5], std=[.5])``, no augmentation, float32, the epoch of the best validation AUC.
"""

import numpy as np
import torch
from timm.optim import create_optimizer_v2
from torch import nn
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
    assert (terms.selection, terms.weights) == ("best_macro_auc", None)
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


class Block(nn.Module):
    """BasicBlock of the recipe's ``models.py``, transcribed."""

    def __init__(self, before: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != planes:
            conv = nn.Conv2d(before, planes, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(planes))

    def forward(self, x):
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (out + self.shortcut(x)).relu()


def recipes_network(channels: int, classes: int) -> nn.Sequential:
    stem = [nn.Conv2d(channels, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    sizes = ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1))
    sizes += ((128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1))
    blocks = [Block(*size) for size in sizes]
    return nn.Sequential(
        *stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes)
    )


def test_the_network_is_that_of_the_recipe_and_starts_as_it_does():
    spec = DataSpec("two", ("a", "b"), (4, 4), (28, 28), in_channels=1)
    ours = methods.build("erm", spec, backbone=cell().terms.backbone)
    torch.manual_seed(0)
    theirs = recipes_network(1, 2)
    values = [v for k, v in ours.state_dict().items() if k.startswith(("backbone", "classifier"))]
    names = list(theirs.state_dict())
    for name, mine in zip(names, values, strict=True):
        start = theirs.state_dict()[name].float()
        assert mine.shape == start.shape
        # Of the same distribution, where there are enough values to tell; of norms all are equal.
        if mine.numel() > 512:
            assert abs(mine.float().std() - start.std()) < 0.1 * start.std(), name
        assert abs(mine.float().mean() - start.mean()) < 0.2, name
    theirs.load_state_dict(dict(zip(names, values, strict=True)))
    image = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(ours.eval()(image), theirs.eval()(image))


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
