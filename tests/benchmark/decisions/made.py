"""Made-up predictions whose right answer is known, and boards of them."""

import numpy as np

from medtail.benchmark.boards import leaderboard
from medtail.benchmark.evidence import samples
from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.evidence.samples import Samples
from medtail.benchmark.metrics.long_tail import score
from tests.boards import done

COUNTS = (400, 120, 60)


def made(seed=0, counts=COUNTS, sharpness=1.0, shift=(0.0, 0.0, 0.0), names="s"):
    """Three classes; at sharpness 1 and no shift the probabilities are those of nature."""
    rng = np.random.default_rng(seed)
    prior = np.array(counts) / sum(counts)
    amount = sum(counts)
    z = np.log(prior) + 1.3 * rng.normal(size=(amount, 3))
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    target = (p.cumsum(1) < rng.random((amount, 1))).sum(1).clip(0, 2)
    ids = np.array([f"{names}{n:04d}" for n in range(amount)])
    group = np.array([f"g{n // 2:04d}" for n in range(amount)])
    return Predictions.of(ids, group, target, sharpness * z + np.array(shift))


def board(root, methods=("erm", "ldam"), seeds=2, held=True, traits=True):
    """A board of predictions on the same samples; the second method is less sharp."""
    finished, validation = [], {}
    for place, method in enumerate(methods):
        for seed in range(seeds):
            rng = np.random.default_rng([place, seed])
            test = noisy(made(0), rng, place)
            val = noisy(made(1, names="v"), rng, place)
            counts = tuple(np.bincount(test.target, minlength=3).tolist())
            record, _ = done(
                method,
                seed,
                class_counts=COUNTS,
                support=counts,
                metrics=score(test, val, COUNTS, ordinal=False),
                balanced=score(test, val, COUNTS, ordinal=False, prior="balanced"),
                predictions=test.digest,
                validation=val.digest,
            )
            finished.append((record, test))
            validation[record.cell_id] = val
    leaderboard.publish(root, finished, validation if held else {})
    if traits:
        ids = finished[0][1].id.tolist()
        sexes = tuple(("female", "male", "")[n % 3] for n in range(len(ids)))
        samples.keep(root, "fake", Samples(tuple(ids), {"sex": sexes}, ("df", "mel")))
    return finished, validation


def noisy(given, rng, place):
    z = given.logits.astype(float) + (0.1 + 0.4 * place) * rng.normal(size=given.logits.shape)
    return Predictions.of(given.id, given.group, given.target, (1 + place) * z)
