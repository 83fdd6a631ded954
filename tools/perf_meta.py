"""DAML's meta-step beside the same step written with learn2learn, over sizes of tasks.

Both sides have the same Conv-4 at 28 px and the same tasks of two classes with 15 queries each;
both give the meta-gradient of the difficulty-aware loss, second order. They take turns, and their
gradients are asserted to be equal in float64 at every size.
"""

import copy
import statistics
import time
from collections.abc import Callable

import torch
from learn2learn.algorithms import MAML
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.methods.core.backbones import conv4
from medtail.methods.core.few_shot.inner import Inner, Parts
from medtail.methods.core.few_shot.meta import fastest, meta_gradient
from medtail.methods.core.few_shot.norm import statistics_of, switch_norms
from medtail.methods.daml import difficulty_aware

SIZES = [(tasks, shots, steps) for tasks in (4, 16) for shots in (1, 5) for steps in (1, 5)]
QUERIES, RATE, ROUNDS = 15, 0.01, 5
LEAST_RATIO = 0.95  # "never slower", within what two runs of the same code differ by


def objective(loss: Tensor) -> Tensor:
    """Eq. 3 at the paper's setting."""
    return difficulty_aware(loss, 5.0, 0.01)


def network(device: str) -> nn.Sequential:
    """A Conv-4 and a head, norms as episodes need them; the same weights at every call."""
    torch.manual_seed(0)
    body = conv4(3)
    switch_norms(body)
    return nn.Sequential(body, nn.Linear(64, 2)).to(device, memory_format=torch.channels_last)


def tasks(amount: int, shots: int, device: str) -> tuple[Tensor, Tensor]:
    """Random images [T, M, 3, 28, 28], channels last as medtail's loaders give them, and labels."""
    labels = torch.tensor([0, 1])
    target = torch.cat([labels.repeat_interleave(shots), labels.repeat_interleave(QUERIES)])
    flat = torch.randn(amount * len(target), 3, 28, 28)
    image = flat.contiguous(memory_format=torch.channels_last)
    image = image.view(amount, len(target), 3, 28, 28).to(device)
    return image, target.expand(amount, -1).to(device)


def by_learn2learn(net: nn.Module, image: Tensor, target: Tensor, inner: Inner) -> list[Tensor]:
    """A meta-step as its users write it: clone, adapt, backward."""
    maml, support = MAML(net, lr=inner.lr), inner.support
    net.zero_grad()
    for one, labels in zip(image, target, strict=True):
        clone = maml.clone()
        for _ in range(inner.steps):
            clone.adapt(F.cross_entropy(clone(one[:support]), labels[:support]))
        with statistics_of(support, clone):
            logits = clone(one)[support:]
        (objective(F.cross_entropy(logits, labels[support:])) / len(image)).backward()
    return [p.grad for p in net.parameters() if p.grad is not None]


def by_medtail(net: nn.Module, image: Tensor, target: Tensor, inner: Inner) -> list[Tensor]:
    """A meta-step of ours, engine chosen by itself."""
    return meta_gradient(Parts(nn.Identity(), net), image, target, inner, objective)[1]


def seconds(step: Callable[..., object], *given: object) -> float:
    """Wall-clock time of a step, until the device is done."""
    started = time.perf_counter()
    step(*given)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compare(console: Console, sizes: list[tuple[int, int, int]] = SIZES) -> float:
    """Print the table; the least ratio of the sizes (above 1: ours is faster)."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    table = Table("tasks", "shots", "steps", "engine", "medtail, ms", "learn2learn, ms", "ratio")
    ratios = []
    for amount, shots, steps in sizes:
        net, inner = network(device), Inner(2 * shots, steps, RATE)
        image, target = tasks(amount, shots, device)
        exact = copy.deepcopy(net).double()
        pair = (by_medtail, by_learn2learn)
        for a, b in zip(
            *(side(exact, image.double(), target, inner) for side in pair), strict=True
        ):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)
        times: list[list[float]] = [[], []]
        for number in range(2 * ROUNDS + 2):
            for side in (0, 1) if number % 2 else (1, 0):  # neither is always first
                spent = seconds(pair[side], net, image, target, inner)
                if number > 1:
                    times[side].append(spent)
        ours, theirs = (statistics.median(t) for t in times)
        ratios.append(theirs / ours)
        words = (str(n) for n in (amount, shots, steps))
        engine = fastest(image)
        table.add_row(
            *words, engine, f"{1e3 * ours:.0f}", f"{1e3 * theirs:.0f}", f"{ratios[-1]:.2f}"
        )
    console.print(table)
    return min(ratios)
