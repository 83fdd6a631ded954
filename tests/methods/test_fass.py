"""FASS: the filter, and facility location within hypothesised classes, in loops."""

import math

import numpy as np
import pytest
import torch

from medtail.methods import fass
from medtail.methods.core.scene import Scene, Seen
from tests.methods.active import build, generator, scene


def drawn(amount, seed=0):
    rng = np.random.default_rng(seed)
    features = torch.tensor(rng.normal(size=(amount, 3)))
    return Seen(features, torch.tensor(rng.normal(size=(amount, 3))))


def value(seen, chosen):
    h, classes = seen.features.numpy(), seen.logits.argmax(1).tolist()
    total = 0.0
    for i, x in enumerate(h):
        same = [h[j] for j in chosen if classes[i] == classes[j]]
        near = [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in same]
        total += max([0.0, *near])
    return total


def assert_greedy(seen, picks):
    """Each pick gains as much as any would; of gains that differ by rounding alone any may come."""
    for n, pick in enumerate(picks):
        others = set(range(len(seen.features))) - set(picks[:n])
        best = max(value(seen, [*picks[:n], j]) for j in others)
        assert pick in others
        assert value(seen, [*picks[:n], pick]) == pytest.approx(best, abs=1e-9)


def test_representatives_in_loops():
    seen = drawn(25)
    assert_greedy(seen, fass.representatives(seen, 8).tolist())


@pytest.mark.parametrize("beta", [1.0, 2.5, 5.0])
def test_only_the_most_uncertain_pass_the_filter(learner, beta):
    pool = drawn(60)
    picks = build("fass", beta=beta).acquire(learner, Scene(pool, pool, pool), 6, generator())
    uncertain = []
    for z in pool.logits:
        p = z.softmax(0).tolist()
        uncertain.append(-sum(x * math.log(x) for x in p))
    order = np.argsort(uncertain)[::-1][: int(6 * beta)].copy()
    kept = Seen(pool.features[order], pool.logits[order])
    assert len(picks) == 6
    assert_greedy(kept, [order.tolist().index(pick) for pick in picks.tolist()])


def test_one_for_each_is_entropy_sampling_and_more_is_not(learner):
    given = scene(learner)
    known = set(build("entropy_sampling").acquire(learner, given, 10, generator()).tolist())
    assert set(build("fass", beta=1).acquire(learner, given, 10, generator()).tolist()) == known
    assert set(build("fass").acquire(learner, given, 10, generator()).tolist()) != known


def test_of_uncertain_copies_one_is_taken_and_classes_stand_for_themselves(learner):
    """Three clusters, two hypothesised classes: a choice for each pair that occurs."""
    centres = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    logits = torch.tensor([[0.1, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0]])
    pool = Seen(centres.repeat_interleave(9, 0), logits.repeat_interleave(9, 0))
    picks = build("fass", beta=9).acquire(learner, Scene(pool, pool, pool), 3, generator())
    assert sorted((picks // 9).tolist()) == [0, 1, 2]
