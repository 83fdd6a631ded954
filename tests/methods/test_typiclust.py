"""TypiClust: typicality and turns in loops, small and empty clusters, its direction."""

import numpy as np
import pytest
import sklearn.cluster
import torch
from torch.nn import functional as F

from medtail.methods import typiclust
from medtail.methods.core.scene import Scene, Seen
from medtail.methods.typiclust import in_turn, k_means, typicality, uncovered_first
from tests.methods.active import build, generator


def of(points):
    points = np.asarray(points, dtype=float)
    found = []
    for i in range(len(points)):
        squared = sorted(
            sum((a - b) ** 2 for a, b in zip(points[i], points[j], strict=True))
            for j in range(len(points))
            if j != i
        )
        k = min(20, len(points) // 2)
        found.append(1 / (sum(squared[:k]) / k + 1e-5))
    return found


@pytest.mark.parametrize("amount", [2, 3, 9, 60])
def test_typicality_in_loops(amount):
    points = np.random.default_rng(amount).normal(size=(amount, 4))
    np.testing.assert_allclose(typicality(torch.tensor(points)), of(points), rtol=1e-6)


def test_distances_are_squared():
    """Nearest at 0 and 1, or at .6 and .6: squares and distances order them differently."""
    wide = torch.tensor([[0.0], [0.0], [1.0], [50.0], [60.0]]).double()
    even = torch.tensor([[0.0], [0.6], [-0.6], [50.0], [60.0]]).double()
    assert typicality(wide)[0].item() == pytest.approx(1 / 0.50001)
    assert typicality(even)[0].item() == pytest.approx(1 / 0.36001)


def test_equal_points_have_the_largest_typicality():
    assert typicality(torch.zeros(4, 2)).tolist() == pytest.approx([1e5] * 4)


def test_turns_in_loops():
    rng = np.random.default_rng(0)
    points, cluster = rng.normal(size=(40, 3)), rng.integers(0, 4, 40)
    left = [[int(i) for i in np.flatnonzero(cluster == c)] for c in range(4)]
    rows = [torch.tensor(group) for group in left]
    expected: list[int] = []
    turn = 0
    while len(expected) < 30:
        group = left[turn % 4]
        turn += 1
        if len(group) > 1:
            best = group[int(np.argmax(of(points[group])))]
            group.remove(best)
            expected.append(best)
    assert in_turn(torch.tensor(points), rows, 30) == expected
    # Nothing is left to compare with in a cluster of one: it ends, wherever the budget is.
    assert len(in_turn(torch.tensor(points), rows, 100)) == 36
    assert in_turn(torch.tensor(points), [torch.tensor([3]), torch.tensor([], dtype=int)], 5) == []


def test_clusters_without_labels_come_first_then_the_larger():
    labelled = [0, 0, 1, 4]
    pool = [0] * 9 + [1] * 7 + [2] * 6 + [3] * 8 + [4] * 5 + [5] * 5
    large, small = uncovered_first(torch.tensor(labelled + pool), 4)
    names = [[pool[int(rows[0])] for rows in some] for some in (large, small)]
    # Sizes with the labelled: 11, 8, 6, 8, 6, 5; inside: 2, 1, 0, 0, 1, 0.
    assert names == [[3, 2, 1, 4, 0], [5]]
    assert large[0].tolist() == list(range(22, 30))


def test_k_means_finds_groups_and_its_seed_is_the_generators():
    centres = 10 * torch.randn(60, 5, generator=generator(1))
    group = torch.arange(300) % 60
    points = centres[group] + 0.01 * torch.randn(300, 5, generator=generator(2))
    for amount in (3, 60):
        rows = group < amount
        found = k_means(points[rows], amount, generator())
        pairs = set(zip(group[rows].tolist(), found.tolist(), strict=True))
        assert len({c for _, c in pairs}) >= 0.9 * amount
        assert len(pairs) <= 1.2 * amount
        assert torch.equal(found, k_means(points[rows], amount, generator()))


@pytest.mark.parametrize(("amount", "name"), [(50, "KMeans"), (51, "MiniBatchKMeans")])
def test_above_fifty_clusters_k_means_is_in_mini_batches(amount, name, monkeypatch):
    made = []
    kind = getattr(sklearn.cluster, name)
    monkeypatch.setattr(
        sklearn.cluster, name, lambda *given, **named: made.append(named) or kind(*given, **named)
    )
    k_means(torch.randn(60, 2, generator=generator()), amount, generator())
    assert [named.get("batch_size", 5000) for named in made] == [5000]


def clustered(labelled_group=0):
    """Four groups of twelve in directions of their own, the first labelled."""
    directions = torch.eye(4, 8).repeat_interleave(12, 0)
    noise = (
        torch.randn(48, 8, generator=generator(4))
        * torch.linspace(0.02, 0.3, 12).repeat(4)[:, None]
    )
    pool = Seen(5 * (directions + noise), torch.zeros(48, 7))
    known = directions[12 * labelled_group][None].repeat(3, 1)
    seen = Seen(known + 0.01 * torch.randn(3, 8, generator=generator(5)), torch.zeros(3, 7))
    return Scene(seen, seen, pool)


def test_the_uncovered_groups_are_picked_typical_first(learner, monkeypatch):
    given, asked = clustered(), []

    def found(points, clusters, generator):
        asked.append((points, clusters))
        return (points @ torch.eye(4, 8).double().T).argmax(1)

    monkeypatch.setattr(typiclust, "k_means", found)
    picks = build("typiclust").acquire(learner, given, 3, generator())
    assert {int(p) // 12 for p in picks} == {1, 2, 3}
    unit = F.normalize(given.pool.features.double()).numpy()
    for p in picks.tolist():
        group = list(range(p // 12 * 12, p // 12 * 12 + 12))
        assert group[int(np.argmax(of(unit[group])))] == p
    points, clusters = asked[0]
    assert clusters == 6  # three labelled and the budget
    np.testing.assert_allclose(torch.linalg.vector_norm(points, dim=1), 1)
    assert len(points) == 51
    monkeypatch.setattr(typiclust, "MOST", 4)
    build("typiclust").acquire(learner, given, 20, generator())
    assert asked[-1][1] == 4


def test_picks_are_more_typical_than_random_ones(learner):
    given = clustered()
    unit = F.normalize(given.pool.features.double())
    groups = [typicality(unit[12 * g : 12 * g + 12]) for g in range(4)]
    every = torch.cat(groups)
    picks = build("typiclust").acquire(learner, given, 6, generator())
    assert every[picks].mean() > 1.5 * every.mean()


def test_small_clusters_come_after_the_large_and_then_what_is_left(learner, monkeypatch):
    group = torch.tensor([0] * 8 + [1] * 4 + [2])
    features = F.normalize(torch.randn(13, 6, generator=generator(6)))
    monkeypatch.setattr(
        typiclust,
        "k_means",
        lambda points, *_: torch.tensor(
            [int(group[(features.double() - p).abs().sum(1).argmin()]) for p in points]
        ),
    )
    none = Seen(features[:0], torch.zeros(0, 7))
    given = Scene(none, none, Seen(features, torch.zeros(13, 7)))
    picks = build("typiclust").acquire(learner, given, 13, generator())
    assert group[picks[:7]].tolist() == [0] * 7
    assert group[picks[7:10]].tolist() == [1] * 3
    assert sorted(group[picks[10:]].tolist()) == [0, 1, 2]
