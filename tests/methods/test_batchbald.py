"""BatchBALD: joint entropies over all configurations and by a sample, its limits, duplicates."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.bald import mutual_information
from medtail.methods.batchbald import Joint, consistent_passes, greedy_batch
from tests.methods.active import build, generator, scene


def drawn(t=6, n=8, k=3, seed=0, sharp=0.4):
    return torch.tensor(np.random.default_rng(seed).dirichlet(np.full(k, sharp), (t, n)))


def joint_entropy(p, rows):
    """H(y_S), a sum over all K^|S| configurations."""
    total = 0.0
    for labels in product(range(p.shape[2]), repeat=len(rows)):
        each = [
            math.prod(p[t, r, y] for r, y in zip(rows, labels, strict=True)) for t in range(len(p))
        ]
        q = float(np.mean(each))
        total -= q * math.log(q) if q > 0 else 0.0
    return total


def acquisition(p, rows):
    h = lambda q: -sum(x * math.log(x) for x in q if x > 0)  # noqa: E731
    within = sum(np.mean([h(p[t, r]) for t in range(len(p))]) for r in rows)
    return joint_entropy(p, rows) - within


def greedy(p, budget):
    picks, gains = [], []
    for _ in range(budget):
        before = acquisition(p, picks) if picks else 0.0
        left = [r for r in range(p.shape[1]) if r not in picks]
        scores = [acquisition(p, [*picks, r]) - before for r in left]
        picks.append(left[int(np.argmax(scores))])
        gains.append(max(scores))
    return picks, gains


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_greedy_batch_over_all_configurations(seed):
    p = drawn(seed=seed)
    picks, gains = greedy_batch(p, 4, 3**4, generator())
    expected = greedy(p.numpy(), 4)
    assert picks == expected[0]
    np.testing.assert_allclose(gains, expected[1], atol=1e-10)


def test_a_sample_estimates_the_same_entropies():
    p = drawn(t=10, n=6)
    joint = Joint(p, 9, generator())
    for row in (0, 3):
        joint.add(row)
    assert len(joint.likely) == 9
    exact = joint.entropy_with(torch.tensor([1, 5]))
    expected = [joint_entropy(p.numpy(), [0, 3, r]) for r in (1, 5)]
    np.testing.assert_allclose(exact, expected)
    estimates = []
    for seed in range(20):
        sample = Joint(p, 26, generator(seed))  # 3^3 configurations are too many
        sample.picks = [0, 3]
        sample.add(1)
        assert len(sample.likely) == 20  # two of each of ten passes
        with_another = float(sample.entropy_with(torch.tensor([5]))[0])
        estimates.append([sample.weight.sum().item(), sample.entropy(), with_another])
    # Of a function that is 1 the weighted sample gives the number of configurations.
    mean, error = np.mean(estimates, 0), np.std(estimates, 0) / 20**0.5
    expected = [27, *(joint_entropy(p.numpy(), [0, 3, 1, *more]) for more in ([], [5]))]
    assert (np.abs(mean - expected) < 4 * error).all()


def test_the_first_pick_is_balds_and_so_is_a_batch_of_one(learner):
    p = drawn(n=40, seed=4)
    picks, gains = greedy_batch(p, 1, 100, generator())
    information = mutual_information(p)
    assert picks[0] == int(information.argmax())
    assert gains[0] == pytest.approx(information.max().item())


def test_where_every_pass_agrees_on_all_but_one_image_gains_are_balds():
    """An image whose passes agree tells nothing of another: independent."""
    p = drawn(n=5, seed=5)
    p[:, 1:] = p[:1, 1:]
    picks, gains = greedy_batch(p, 3, 1000, generator())
    assert picks[0] == 0
    np.testing.assert_allclose(gains[1:], 0, atol=1e-12)


def test_a_duplicate_gains_less_than_by_bald():
    p = drawn(n=6, seed=6)
    best = int(mutual_information(p).argmax())
    p = torch.cat([p, p[:, best : best + 1]], 1)  # the last is the best's duplicate
    picks, gains = greedy_batch(p, 2, 1000, generator())
    single = mutual_information(p)
    assert set(picks) != {best, 6}
    assert single.topk(2).indices.sort().values.tolist() == sorted([best, 6])
    joint = Joint(p, 1000, generator())
    joint.add(best)
    within = single[best] - joint.entropy()  # minus mean H(y | t)
    twice = joint.entropy_with(torch.tensor([6]))[0] - joint.entropy() + within
    assert twice < 0.8 * single[best]
    assert gains[1] >= twice


def test_a_pass_has_one_mask_for_all_images():
    given = []

    def score(features):
        given.append(features)
        return features[:, :2]

    passes = consistent_passes(torch.ones(30, 50), score, 20, 0.25, generator())
    assert passes.shape == (20, 30, 2)
    every = torch.stack(given)
    assert (every == every[:, :1]).all()
    assert every.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (every[:, 0] == 0).float().mean() == pytest.approx(0.25, abs=0.05)
    assert not torch.equal(given[0], given[1])


def test_beyond_eight_the_rest_is_by_bald(learner):
    given, method = scene(learner), build("batchbald", passes=20)
    picks = method.acquire(learner, given, 20, generator(3))
    g = generator(3)
    order = torch.randperm(80, generator=g)
    passes = consistent_passes(given.pool.features[order], learner.score, 20, 0.5, g).detach()
    single = mutual_information(passes)
    place = {int(row): i for i, row in enumerate(order)}
    rest = [place[int(row)] for row in picks[8:]]
    assert len(set(picks.tolist())) == 20
    assert (single[rest].diff() <= 0).all()
    left = set(range(80)) - {place[int(row)] for row in picks}
    assert single[sorted(left)].max() <= single[rest].min()
    assert picks[:8].tolist() == method.acquire(learner, given, 8, generator(3)).tolist()
    by_bald = single.topk(8).indices.tolist()
    assert {place[int(row)] for row in picks[:8]} != set(by_bald)


def test_together_they_say_log_t_at_most_and_the_findings_say_how_near(learner):
    given, shares = scene(learner), []
    assert build("batchbald").findings() == {}
    for passes in (3, 10, 100):
        method = build("batchbald", passes=passes)
        method.acquire(learner, given, 8, generator(3))
        shares.append(method.findings()["information_share"])
    assert 1.0 + 1e-6 >= shares[0] > shares[1] > shares[2] > 0
    with pytest.raises(MedtailError, match=r"batchbald.*passes"):
        build("batchbald", passes=1)
