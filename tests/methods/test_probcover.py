"""ProbCover: greedy cover in loops, the radius of pure balls, its limits."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.methods import probcover
from medtail.methods.core.scene import Scene, Seen
from medtail.methods.probcover import balls, cover, pure_radius
from tests.methods.active import build, generator, scene


def unit(amount, dim=3, seed=0):
    return F.normalize(torch.randn(amount, dim, generator=generator(seed)).double())


def apart(points):
    p = points.numpy()
    return np.linalg.norm(p[:, None] - p[None], axis=2)


@pytest.mark.parametrize("block", [1024, 7])
def test_the_greedy_cover_in_loops(block, monkeypatch):
    monkeypatch.setattr(probcover, "BLOCK", block)
    points = unit(200, dim=4)
    near = apart(points) < 0.6
    assert torch.equal(balls(points, points, 0.6), torch.tensor(near))
    done = near[:5].any(0)  # five are labelled
    expected, gains = [], []
    covered = done.copy()
    for _ in range(40):
        each = [int((near[i] & ~covered).sum()) for i in range(5, 200)]
        if max(each) == 0:
            break
        best = int(np.argmax(each))
        expected.append(best)
        gains.append(max(each))
        covered |= near[best + 5]
    start = balls(points[:5], points, 0.6).any(0)
    assert start.tolist() == done.tolist()
    found = cover(balls(points[5:], points, 0.6), start, 40)
    assert found == (expected, gains)
    assert gains == sorted(gains, reverse=True)


@pytest.mark.parametrize("purity", [0.7, 0.8, 0.85, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("block", [1024, 50])
def test_the_radius_is_the_largest_of_that_purity(purity, block, monkeypatch):
    monkeypatch.setattr(probcover, "BLOCK", block)
    points = unit(80, seed=1)
    cluster = (points[:, 0] > 0).long() + 2 * (points[:, 1] > 0.3).long()
    delta = pure_radius(points, cluster, purity)
    distance, label = apart(points), cluster.numpy()

    def share(radius):
        inside = distance < radius
        return np.mean([len(set(label[row])) == 1 for row in inside])

    other = np.where(label[:, None] == label, 2.0, distance).min(1)
    assert delta == pytest.approx(np.sort(other)[round((1 - purity) * 80)], abs=1e-7)
    assert share(delta - 1e-7) >= purity
    assert share(delta + 1e-7) < purity


def test_of_one_cluster_every_ball_is_pure():
    assert pure_radius(unit(9), torch.zeros(9).long(), 0.95) == 2.0


def test_a_large_radius_is_covered_by_one_pick_and_the_rest_is_drawn(learner):
    given = scene(learner)
    none = Seen(given.labelled.features[:0], given.labelled.logits[:0])
    method = build("probcover", delta=2.1)
    answers = [
        method.acquire(learner, given._replace(labelled=none), 10, generator(s)) for s in (0, 1)
    ]
    assert set(answers[0].tolist()) != set(answers[1].tolist())
    assert method.findings()["covered"] == 1
    picks, gains = cover(torch.ones(5, 5).bool(), torch.zeros(5).bool(), 3)
    assert (picks, gains) == ([0], [5])
    assert cover(torch.ones(5, 5).bool(), torch.ones(5).bool(), 3) == ([], [])
    # What is labelled covers all: theirs takes the first image again and again.
    answers = [tuple(method.acquire(learner, given, 3, generator(s)).tolist()) for s in range(5)]
    assert len(set(answers)) == 5
    assert all(len(set(answer)) == 3 for answer in answers)


def groups():
    """Three groups of different size, the largest labelled."""
    directions = torch.eye(3, 6).repeat_interleave(torch.tensor([20, 12, 6]), 0)
    features = 7 * (directions + 0.05 * torch.randn(38, 6, generator=generator(2)))
    known = Seen(torch.eye(1, 6), torch.zeros(1, 7))
    return Scene(known, known, Seen(features, torch.zeros(38, 7)))


def test_it_covers_the_largest_group_that_is_not_labelled(learner):
    method = build("probcover", delta=0.5)
    picks = method.acquire(learner, groups(), 2, generator()).tolist()
    assert 20 <= picks[0] < 32 <= picks[1]
    assert method.findings() == {"delta": 0.5, "covered": 1.0}
    assert method.acquire(learner, groups(), 1, generator()).tolist() == picks[:1]
    assert method.findings()["covered"] == pytest.approx((1 + (39 - 6) / 39) / 2)


def test_its_own_radius_is_of_clusters_of_the_features_and_is_recorded(learner, monkeypatch):
    asked = []

    def found(points, clusters, generator):
        asked.append((points, clusters))
        return (points[:, :3]).argmax(1)

    monkeypatch.setattr(probcover, "k_means", found)
    method, given = build("probcover"), groups()
    assert method.findings() == {}
    method.acquire(learner, given, 2, generator())
    points, clusters = asked[0]
    assert clusters == 7
    assert len(points) == 39
    expected = pure_radius(points, points[:, :3].argmax(1), 0.95)
    assert method.findings()["delta"] == pytest.approx(expected)
