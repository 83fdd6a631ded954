"""GLISTER: the greedy descent in loops, with gradients that are written down."""

import numpy as np
import torch

from medtail.methods.core.scene import Seen
from medtail.methods.glister import greedy_descent


def test_greedy_descent_in_loops_with_written_gradients():
    rng = np.random.default_rng(0)
    n, v, k, d, step = 15, 8, 3, 4, 0.7
    weight, bias = rng.normal(size=(k, d)), rng.normal(size=k)
    pool, validation = rng.normal(size=(n, d)), rng.normal(size=(v, d))
    target = rng.integers(0, k, v)

    def softmax(z):
        e = np.exp(z - z.max())
        return e / e.sum()

    def gradient(w, h, t):
        return np.outer(softmax(w @ np.r_[h, 1]) - np.eye(k)[t], np.r_[h, 1])

    start = np.c_[weight, bias]
    of_pool = [gradient(start, h, np.argmax(start @ np.r_[h, 1])) for h in pool]
    moved, chosen = start.copy(), []
    for _ in range(6):
        pairs = zip(validation, target, strict=True)
        mean = np.mean([gradient(moved, h, t) for h, t in pairs], axis=0)
        promise = [-np.inf if j in chosen else (mean * of_pool[j]).sum() for j in range(n)]
        chosen.append(int(np.argmax(promise)))
        moved = moved - step * of_pool[chosen[-1]]
    unlabelled = Seen(torch.tensor(pool), torch.tensor(pool @ weight.T + bias))
    labelled = Seen(
        torch.tensor(validation), torch.tensor(validation @ weight.T + bias), torch.tensor(target)
    )
    assert greedy_descent(unlabelled, labelled, 6, step).tolist() == chosen
    assert greedy_descent(unlabelled, labelled, 6, 1e-9).tolist() != chosen
