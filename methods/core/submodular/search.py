"""Our engine: vectorised gains, lazily evaluated where the function is submodular.

A gain of a submodular function only falls as the set grows, so an old gain is a bound: candidates
are looked at from the largest bound down until a fresh gain beats all bounds that are left (Minoux
1978). Equal gains go to the first position, as without the shortcut.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .problem import Greedy, Problem
from .similarity import Parts, inner_products

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
BLOCK = 1024  # candidates that are looked at together
FEW = 128  # where each has similarities to the whole pool


def maximise(problem: Problem, budget: int) -> Greedy:
    """Greedy picks and gains, of equal gains the first position.

    Args:
        problem: checked by ``select``.
        budget: at most N.
    """
    match problem.function:
        case "flqmi":
            return _flqmi(problem, budget)
        case "gcmi":
            gains, picks = problem.to_query().sum(1).sort(descending=True, stable=True)
            return picks[:budget].tolist(), gains[:budget].tolist()
        case "com":
            return _com(problem, budget)
        case "logdetmi":
            return _logdetmi(problem, budget)
    return _coverage(problem, budget)


def lazy_greedy(
    first: Floats,
    gains_of: Callable[[Rows | slice], Floats],
    add: Callable[[int], None],
    budget: int,
    block: int,
) -> Greedy:
    """The greedy answer for a monotone submodular function.

    Args:
        first: [N] gains of single candidates.
        gains_of: [M] gains of candidates [M], given what was added.
        add: take a candidate into the set.
        budget: at most N.
        block: candidates that are evaluated at once, at most.
    """
    bound, age = first.copy(), np.zeros(len(first), np.int64)
    picks: list[int] = []
    gains: list[float] = []
    for step in range(budget):
        best = int(bound.argmax())
        while age[best] < step and bound[best] > 0:  # what cannot gain needs no second look
            one = slice(best, best + 1)
            bound[one] = gains_of(one)
            age[best] = step
            beaten_by = int(bound.argmax())
            if age[beaten_by] < step:
                rivals = np.flatnonzero((bound > bound[best]) & (age < step))
                if len(rivals) > block:
                    rivals = rivals[np.argpartition(-bound[rivals], block)[:block]]
                bound[rivals] = gains_of(rivals)
                age[rivals] = step
                beaten_by = int(bound.argmax())
            best = beaten_by
        picks.append(best)
        gains.append(float(bound[best]))
        bound[best] = -np.inf
        add(best)
    return picks, gains


def _promising(first: Floats, own: Floats, budget: int) -> Rows:
    """Candidates that can be picked at all.

    While fewer than ``budget`` are picked, one of the ``budget`` with the largest ``own``, a share
    of the gain that no pick takes away, is left: what gains less from the start never comes first.
    """
    least = np.partition(own, -budget)[-budget]
    return np.flatnonzero(first >= least)


def _flqmi(problem: Problem, budget: int) -> Greedy:
    similarity = problem.to_query().clamp_(min=0).cpu().numpy()
    own = problem.eta * similarity.max(1)
    first = similarity.sum(1) + own
    rows = _promising(first, own, budget)
    similarity, own = similarity[rows], own[rows]
    covered = np.zeros(similarity.shape[1])

    def gains_of(j: Rows | slice) -> Floats:
        gains: Floats = np.maximum(similarity[j] - covered, 0).sum(1) + own[j]
        return gains

    def add(j: int) -> None:
        np.maximum(covered, similarity[j], out=covered)

    picks, gains = lazy_greedy(first[rows], gains_of, add, budget, BLOCK)
    return rows[picks].tolist(), gains


def _com(problem: Problem, budget: int) -> Greedy:
    similarity = problem.to_query().cpu().numpy()
    own = problem.eta * np.log1p(similarity.sum(1))
    first = np.log1p(similarity).sum(1) + own
    rows = _promising(first, own, budget)
    similarity, own = similarity[rows], own[rows]
    total = np.ones(similarity.shape[1])

    def gains_of(j: Rows | slice) -> Floats:
        gains: Floats = np.log1p(similarity[j] / total).sum(1) + own[j]
        return gains

    def add(j: int) -> None:
        total[:] += similarity[j]

    picks, gains = lazy_greedy(first[rows], gains_of, add, budget, BLOCK)
    return rows[picks].tolist(), gains


def _coverage(problem: Problem, budget: int) -> Greedy:
    """``flvmi``, and ``facility_location`` as its form without a cap."""
    amount, cap = len(problem), None
    active: Tensor | slice = slice(None)
    if problem.function == "flvmi":
        cap = (problem.eta * problem.to_query().amax(1)).clamp(min=0)
        active = cap.nonzero().squeeze(1)  # the others' minima stay 0
        cap = cap[active].float()
    # In float32, of which N = 10,000 needs 400 MB; a row per candidate, so that a gain reads one.
    pool = Problem(problem.function, tuple(part.float() for part in problem.pool), ())
    covers = pool.pool[0].new_empty(amount, len(pool.pool[0][active]))
    covered = problem.covered().float()[active]
    first = []
    for start in range(0, amount, BLOCK):
        block = pool.within_pool(slice(start, start + BLOCK), active).clamp_(min=0)
        covers[start : start + BLOCK] = block if cap is None else torch.minimum(block, cap)
        gains = (covers[start : start + BLOCK] - covered).clamp_(min=0)
        first.append(gains.sum(1, dtype=torch.float64))

    def gains_of(j: Rows | slice) -> Floats:
        rows = covers[j if isinstance(j, slice) else torch.from_numpy(j)]
        gains: Floats = (rows - covered).clamp_(min=0).sum(1, dtype=torch.float64).cpu().numpy()
        return gains

    def add(j: int) -> None:
        torch.maximum(covered, covers[j], out=covered)

    return lazy_greedy(torch.cat(first).cpu().numpy(), gains_of, add, budget, FEW)


def _logdetmi(problem: Problem, budget: int) -> Greedy:
    """Conditional variances d of two kernels, from Cholesky factors that grow by a row a pick.

    The second kernel is S + r I - eta^2 S_Q (S_QQ + r I)^-1 S_Q^T, and the gain of a candidate is
    log d_1 - log d_2. No kernel is ever written down: a pick needs one row of each, and of that not
    the ridge, which is on its own place only.
    """
    similarity = problem.eta * problem.to_query().double()
    pool: Parts = tuple(part.double() for part in problem.pool)
    within = problem.within_query().double()
    within.diagonal().add_(problem.ridge)
    # ||L^-1 S_Q^T||^2 with L L^T = S_QQ + r I is the part of the variance that the query explains.
    explained = torch.linalg.solve_triangular(
        torch.linalg.cholesky(within), similarity.T, upper=False
    )
    own = torch.stack([part.square().sum(1) for part in pool]).prod(0) + problem.ridge
    variance = [own.clone(), own - explained.square().sum(0)]
    rows = [own.new_empty(budget, len(own)) for _ in variance]
    picks: list[int] = []
    gains: list[float] = []
    for step in range(budget):
        gain = variance[0].log() - variance[1].log()
        gain[picks] = -torch.inf
        best = int(gain.argmax())
        gains.append(float(gain[best]))
        kernel = inner_products(tuple(part[best : best + 1] for part in pool), pool)[0]
        for d, row, k in zip(
            variance, rows, (kernel, kernel - explained[:, best] @ explained), strict=True
        ):
            known = row[:step]
            row[step] = (k - known[:, best] @ known) / d[best].sqrt()
            d -= row[step].square()
        picks.append(best)
    return picks, gains
