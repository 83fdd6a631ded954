"""Submodular functions in loops from their definitions, and greedy searches by brute force."""

import numpy as np
import pytest
import torch

from medtail.methods.core.submodular.similarity import (
    gradient_factors,
    unit,
)

N, Q, BUDGET = 60, 5, 12
FUNCTIONS = ("flqmi", "flvmi", "gcmi", "logdetmi", "com", "facility_location")
COVERAGE = ("flvmi", "facility_location")  # images that cover each other tie
EVERY = pytest.mark.parametrize("function", FUNCTIONS)
ENGINES = pytest.mark.parametrize("engine", ["vectorised", "submodlib"])
SEEDS = pytest.mark.parametrize("seed", range(4))


def vectors(seed: int, pool: int = N, query: int = Q, classes: int = 4, features: int = 6):
    """Unit gradients of a made-up learner: similarities of both signs."""
    draw = torch.Generator().manual_seed(seed)

    def some(amount, target=None):
        logits = 2 * torch.randn(amount, classes, generator=draw)
        return unit(gradient_factors(logits, torch.randn(amount, features, generator=draw), target))

    return some(pool), some(query, torch.randint(2, classes, (query,), generator=draw))


def kernels(pool, query):
    """The similarities as NumPy arrays, from gradients that are written down."""
    whole = [
        np.einsum("nk,nd->nkd", *(p.numpy() for p in parts)).reshape(len(parts[0]), -1)
        for parts in (pool, query)
    ]
    a, b = whole
    return a @ a.T, a @ b.T, b @ b.T


def value(function, chosen, s, sq, sqq, eta=1.0, ridge=1.0):
    """I_f(A; Q) in loops, from the definitions."""
    if not chosen:
        return 0.0
    n, q = sq.shape
    if function == "flqmi":
        first = sum(max(0.0, *(sq[j, k] for j in chosen)) for k in range(q))
        return first + eta * sum(max(0.0, *sq[j]) for j in chosen)
    if function == "flvmi":
        covered = [max(0.0, *(s[i, j] for j in chosen)) for i in range(n)]
        return sum(min(c, max(0.0, eta * max(sq[i]))) for i, c in enumerate(covered))
    if function == "facility_location":
        return sum(max(0.0, *(s[i, j] for j in chosen)) for i in range(n))
    if function == "gcmi":
        return sum(sq[j, k] for j in chosen for k in range(q))
    if function == "com":
        c = np.maximum(sq, 0)
        first = sum(np.log(1 + sum(c[j, k] for j in chosen)) for k in range(q))
        return first + eta * sum(np.log(1 + sum(c[j])) for j in chosen)
    # f(A) + f(Q) - f(A u Q) with f = log det, similarities between A and Q times eta
    cross = eta * sq[chosen]
    own = s[np.ix_(chosen, chosen)] + ridge * np.eye(len(chosen))
    other = sqq + ridge * np.eye(q)
    both = np.block([[own, cross], [cross.T, other]])
    return sum(w * np.linalg.slogdet(m)[1] for w, m in ((1, own), (1, other), (-1, both)))


def brute_force(function, pool, query, budget, eta=1.0, ridge=1.0):
    """Greedy by evaluating the whole function for every candidate; gains of all at each step."""
    given = kernels(pool, query)
    chosen, gains = [], []
    for _ in range(budget):
        before = value(function, chosen, *given, eta, ridge)
        left = [j for j in range(len(pool[0])) if j not in chosen]
        gain = [value(function, [*chosen, j], *given, eta, ridge) - before for j in left]
        best = int(np.argmax(np.round(gain, 9)))
        chosen.append(left[best])
        gains.append(gain[best])
    return chosen, gains


def replay(function, picks, pool, query, eta=1.0):
    """For each pick: by how much a better one was missed, from the definitions."""
    given, missed = kernels(pool, query), []
    for step, pick in enumerate(picks):
        before = list(picks[:step])
        gains = {
            j: value(function, [*before, j], *given, eta)
            for j in range(len(pool[0]))
            if j not in before
        }
        missed.append(max(gains.values()) - gains[pick])
    return missed
