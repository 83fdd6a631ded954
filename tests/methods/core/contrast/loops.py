"""Contrastive losses in loops, term by term from their equations."""

import numpy as np
import torch
from torch.nn import functional as F

B, M, C, D = 8, 32, 7, 16


def unit(generator, *shape):
    value = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return F.normalize(value, dim=-1)


def by_loops(u, q, y, keys, tau, alpha, t=None, eta=0.0):
    """Section 1.4 of proco.md, term by term."""
    z, label = keys
    total = 0.0
    for i in range(len(q)):
        candidates = [(q[j], y[j]) for j in range(len(q)) if j != i]
        candidates += [(z[j], label[j]) for j in range(len(z))]
        v = [float(np.dot(q[i], a)) / tau for a, _ in candidates]
        exponentials = [np.exp(x) for x in (*u[i], *v)]
        if t is not None:
            exponentials += [np.exp(x) for x in t[i]]
        log_d = np.log(sum(exponentials))
        above, below = u[i][y[i]] - log_d, 1.0
        for (_, c), similarity in zip(candidates, v, strict=True):
            if c == y[i]:
                above, below = above + alpha * (similarity - log_d), below + alpha
        if t is not None:
            above, below = above + eta * (t[i][y[i]] - log_d), below + eta
        total -= above / below
    return total / len(q)


def instances_by_loops(q, y, p, keys, mix, eps):
    """Step 2 of the reconstruction, for one anchor and class at a time."""
    z, label = keys
    a = np.zeros((len(q), len(p), q.shape[1]))
    for i in range(len(q)):
        for c in range(len(p)):
            own = [k for k, k_label in zip(z, label, strict=True) if k_label == c]
            order = sorted(own, key=lambda k: np.dot(q[i], k))
            hardest = (order[0] if c == y[i] else order[-1]) if order else p[c]
            start = mix * p[c] + (1 - mix) * hardest
            start = start / np.linalg.norm(start)
            g = q[i] - np.dot(q[i], start) * start
            moved = start + eps * (-1 if c == y[i] else 1) * g / np.linalg.norm(g)
            a[i, c] = moved / np.linalg.norm(moved)
    return a


def arrays(*values):
    return [
        tuple(part.numpy() for part in v) if isinstance(v, tuple) else v.numpy() for v in values
    ]


def supcon_by_loops(z, y, tau):
    losses = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        below = sum(np.exp(np.dot(z[i], z[a]) / tau) for a in others)
        own = [np.log(np.exp(np.dot(z[i], z[p]) / tau) / below) for p in others if y[p] == y[i]]
        if own:
            losses.append(-sum(own) / len(own))
    return np.mean(losses)


def balanced_by_loops(z, y, prototypes, tau):
    losses = []
    for i in range(len(z)):
        members = {
            c: [z[a] for a in range(len(z)) if y[a] == c and a != i] + [prototypes[c]]
            for c in range(len(prototypes))
        }
        below = sum(
            np.mean([np.exp(np.dot(z[i], a) / tau) for a in group]) for group in members.values()
        )
        own = [np.log(np.exp(np.dot(z[i], p) / tau) / below) for p in members[y[i]]]
        losses.append(-np.mean(own))
    return np.mean(losses)
