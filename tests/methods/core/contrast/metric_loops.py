"""Metric losses in loops, from their definitions."""

from itertools import permutations

import numpy as np
import torch
from torch.nn import functional as F

D = 8


def embedded(seed=0, apart=0.0, close=0.0):
    """Three images of each of four classes, moved towards one place a class, or all together."""
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(4).repeat_interleave(3)
    z = torch.randn(12, D, generator=g, dtype=torch.float64)
    return F.normalize(z + apart * torch.eye(D).double()[y] + close), y


def dist(a, b):
    return np.sqrt(((a - b) ** 2).sum())


def triplets(y):
    return [
        (a, p, n) for a, p, n in permutations(range(len(y)), 3) if y[a] == y[p] and y[a] != y[n]
    ]


def hard(z, y):
    each = []
    for a in range(len(z)):
        positive = max(dist(z[a], z[p]) for p in range(len(z)) if y[p] == y[a] and p != a)
        negative = min(dist(z[a], z[n]) for n in range(len(z)) if y[n] != y[a])
        each.append(max(0, 0.3 + positive - negative))
    return np.mean(each)


def all_active(z, y):
    each = [0.05 + dist(z[a], z[p]) - dist(z[a], z[n]) for a, p, n in triplets(y)]
    return np.mean([v for v in each if v > 0])


def balanced(z, y):
    of_class = []
    for c in sorted(set(y.tolist())):
        each = [0.3 + dist(z[a], z[p]) - dist(z[a], z[n]) for a, p, n in triplets(y) if y[a] == c]
        active = [v for v in each if v > 0]
        of_class.append(np.mean(active) if active else 0)
    return np.mean(of_class)


def centres(z, y):
    return {
        c: np.mean([v for v, k in zip(z, y, strict=True) if k == c], 0) for c in set(y.tolist())
    }


def triplet_centre(z, y):
    mu = centres(z, y)
    each = [
        0.3 + dist(v, mu[c]) - min(dist(v, mu[other]) for other in mu if other != c)
        for v, c in zip(z, y.tolist(), strict=True)
    ]
    return np.mean(np.maximum(each, 0))


def centre(z, y):
    mu = centres(z, y)
    return np.mean([((v - mu[c]) ** 2).sum() / 2 for v, c in zip(z, y.tolist(), strict=True)])


def pairs(z, y):
    """Per anchor: similarities to the others of its class, and to those of other classes."""
    for i in range(len(z)):
        s = [(np.dot(z[i], z[j]), y[j] == y[i]) for j in range(len(z)) if j != i]
        yield [v for v, same in s if same], [v for v, same in s if not same]


def contrastive(z, y):
    d = [(dist(z[i], z[j]), y[i] == y[j]) for i, j in permutations(range(len(z)), 2)]
    near, far = [v for v, same in d if same], [1 - v for v, same in d if not same]
    near, far = ([v for v in part if v > 0] for part in (near, far))
    return sum(np.mean(part) for part in (near, far) if part)


def multi_similarity(z, y):
    return np.mean(
        [
            np.log(1 + sum(np.exp(-2 * (s - 0.5)) for s in own)) / 2
            + np.log(1 + sum(np.exp(50 * (s - 0.5)) for s in other)) / 50
            for own, other in pairs(z, y)
        ]
    )


def circle(z, y):
    each = []
    for own, other in pairs(z, y):
        n = sum(np.exp(80 * max(0, s + 0.4) * (s - 0.4)) for s in other)
        p = sum(np.exp(-80 * max(0, 1.4 - s) * (s - 0.6)) for s in own)
        each.append(np.log1p(n * p))
    return np.mean(each)


def supcon(z, y):
    return -np.mean(
        [
            np.mean([s / 0.1 - np.log(sum(np.exp(v / 0.1) for v in own + other)) for s in own])
            for own, other in pairs(z, y)
        ]
    )


LOOPS = {
    "triplet_hard": hard,
    "triplet_all": all_active,
    "triplet_balanced": balanced,
    "triplet_center": triplet_centre,
    "contrastive": contrastive,
    "multi_similarity": multi_similarity,
    "circle": circle,
    "supcon": supcon,
    "center": centre,
}
