"""Our engine: vectorised gains of the functions, on which ``greedy`` searches."""

import numpy as np
import torch
from torch import Tensor

from .greedy import Floats, Growing, Rows, Search, search
from .problem import Greedy, Problem
from .similarity import Parts, inner_products

BLOCK = 1024  # candidates that are looked at together
FEW = 128  # where each has similarities to the whole pool


def maximise(
    problem: Problem,
    budget: int,
    greedy: Search = "auto",
    generator: torch.Generator | None = None,
) -> Greedy:
    """Greedy picks and gains, of equal gains the first position.

    Args:
        problem: checked by ``select``.
        budget: at most N.
        greedy: see ``medtail.methods.core.submodular.greedy``; ``auto`` for the fastest that finds
            the greedy answer.
        generator: of what is drawn.
    """
    if greedy == "auto":
        greedy = "naive" if problem.function == "logdetmi" else "lazy"
    match problem.function:
        case "flqmi":
            growing = _flqmi(problem)
        case "gcmi":
            growing = _gcmi(problem)
        case "com":
            growing = _com(problem)
        case "logdetmi":
            growing = _logdetmi(problem, budget)
        case _:
            growing = _coverage(problem)
    return search(growing, budget, greedy, generator)


def _gcmi(problem: Problem) -> Growing:
    """Modular: a gain is always the same, and all of it is its own."""
    total = problem.to_query().sum(1).cpu().numpy()
    return Growing(total, lambda j: total[j], lambda _: None, BLOCK, own=total)


def _flqmi(problem: Problem) -> Growing:
    similarity = problem.to_query().clamp_(min=0).cpu().numpy()
    own = problem.eta * similarity.max(1)
    covered = np.zeros(similarity.shape[1])

    def gains_of(j: Rows | slice) -> Floats:
        gains: Floats = np.maximum(similarity[j] - covered, 0).sum(1) + own[j]
        return gains

    def add(j: int) -> None:
        np.maximum(covered, similarity[j], out=covered)

    return Growing(similarity.sum(1) + own, gains_of, add, BLOCK, own)


def _com(problem: Problem) -> Growing:
    similarity = problem.to_query().cpu().numpy()
    own = problem.eta * np.log1p(similarity.sum(1))
    total = np.ones(similarity.shape[1])

    def gains_of(j: Rows | slice) -> Floats:
        gains: Floats = np.log1p(similarity[j] / total).sum(1) + own[j]
        return gains

    def add(j: int) -> None:
        total[:] += similarity[j]

    return Growing(np.log1p(similarity).sum(1) + own, gains_of, add, BLOCK, own)


def _coverage(problem: Problem) -> Growing:
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

    return Growing(torch.cat(first).cpu().numpy(), gains_of, add, FEW)


def _logdetmi(problem: Problem, budget: int) -> Growing:
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
    known = [own.new_empty(budget, len(own)) for _ in variance]
    picks: list[int] = []

    def gains_of(j: Rows | slice) -> Floats:
        rows = j if isinstance(j, slice) else torch.from_numpy(j)
        gains: Floats = (variance[0][rows].log() - variance[1][rows].log()).cpu().numpy()
        return gains

    def add(j: int) -> None:
        step = len(picks)
        kernel = inner_products(tuple(part[j : j + 1] for part in pool), pool)[0]
        for d, rows, k in zip(
            variance, known, (kernel, kernel - explained[:, j] @ explained), strict=True
        ):
            before = rows[:step]
            rows[step] = (k - before[:, j] @ before) / d[j].sqrt()
            d -= rows[step].square()
        picks.append(j)

    return Growing(gains_of(slice(None)), gains_of, add, len(own))
