"""How strongly a fitted operating point is pulled to the network's own decisions, by simulation.

    .venv/bin/python tools/operating_point.py          # some minutes of one core

Networks of known logits (a skill, a share of the log-prior that was learnt, a scale, an accident of
their own) are fitted to a validation split and scored on a large balanced test, over strengths of
the ridge. The chosen one, ``operating_point.RIDGE``, serves every method: it is best on the mean of
all settings and has the smallest loss in the worst. No real prediction takes part.
"""

import itertools
import sys

import numpy as np
from numpy.typing import NDArray

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics import operating_point

RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
COUNTS = (
    (700, 110, 110, 50, 33, 14, 11),  # HAM10000's validation
    (60, 20, 10, 6, 5, 4, 3),
    (200, 20),
    (40, 8),
    (25, 25, 25, 25),
)
SKILLS, SCALES, LEARNT = (1.0, 2.5), (0.5, 1.0, 2.0), (0.0, 0.5, 1.0)
TEST, NETWORKS = 1000, 6


def drawn(
    counts: tuple[int, ...],
    skill: float,
    offset: NDArray[np.float64],
    scale: float,
    rng: np.random.Generator,
) -> Predictions:
    """Predictions of so many images of each class."""
    target = np.repeat(np.arange(len(counts)), counts)
    logits = skill * np.eye(len(counts))[target] + offset
    logits = scale * (logits + rng.normal(size=logits.shape))
    ids = np.array([f"s{n:05d}" for n in range(len(target))])
    return Predictions.of(ids, ids, target, logits)


def accuracies(
    counts: tuple[int, ...], skill: float, scale: float, learnt: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """[R + 1] mean balanced accuracy at every ridge, and of the network's own decisions."""
    classes = len(counts)
    log_prior = np.log(np.array(counts) / sum(counts))
    found = []
    for _ in range(NETWORKS):
        offset = learnt * (log_prior - log_prior.mean()) + rng.normal(0, 0.3, classes)
        val = drawn(counts, skill, offset, scale, rng)
        test = drawn((TEST,) * classes, skill, offset, scale, rng)
        points = [operating_point.fitted(val, ridge) for ridge in RIDGES]
        points.append(np.array([1.0] + [0.0] * classes))
        one = np.ones((len(points), len(test.id)), np.float32)
        found.append(operating_point.recalls(test, np.array(points), one).mean(1))
    mean: NDArray[np.float64] = np.mean(found, 0)
    return mean


def main() -> None:
    """Print a line for every validation split, then the mean and the worst loss of all."""
    rng, every = np.random.default_rng(0), []
    sys.stdout.write("validation " + " ".join(f"{r:7g}" for r in RIDGES) + "   plain\n")
    for counts in COUNTS:
        settings = itertools.product(SKILLS, SCALES, LEARNT)
        mine = np.array([accuracies(counts, *setting, rng) for setting in settings])
        every.append(mine)
        _line(str(counts), mine.mean(0))
    whole = np.concatenate(every)
    _line("mean of all", whole.mean(0))
    _line("worst loss against the best", (whole.max(1, keepdims=True) - whole).max(0))


def _line(name: str, values: NDArray[np.float64]) -> None:
    sys.stdout.write(f"{name}\n           " + " ".join(f"{100 * v:7.2f}" for v in values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
