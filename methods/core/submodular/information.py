"""Submodular mutual information: which images of a pool say most about a query set.

I_f(A; Q) = f(A) + f(Q) - f(A u Q) for a set A of the pool, in the forms of Kothawade et al.,
"SIMILAR", NeurIPS 2021 (arXiv 2107.00717), maximised greedily. S are similarities, eta weighs those
to the query, r is a ridge:

=================== =============================================================================
flqmi               sum_q max_{j in A} S_qj + eta sum_{j in A} max_q S_qj
flvmi               sum_i min(max_{j in A} S_ij, eta max_q S_iq), over the pool's i
gcmi                sum_{j in A} sum_q S_qj: modular, its greedy answer are the largest row sums
logdetmi            log det(S_A + r I) - log det(S_A + r I - eta^2 S_AQ (S_Q + r I)^-1 S_QA)
com                 sum_q log(1 + sum_{j in A} S_qj) + eta sum_{j in A} log(1 + sum_q S_qj)
facility_location   sum_i max_{j in A} S_ij, which knows no query: for comparison
=================== =============================================================================

Maxima start at 0, so that negative similarities do not count; the logarithms of ``com`` need
similarities, and theirs are clamped at 0; ``gcmi`` and ``logdetmi`` take them signed. All but the
clamp is as in submodlib 0.0.3.

How the greedy answer is searched for, and two searches that draw and only come near it, are in
``medtail.methods.core.submodular.greedy``.

``flvmi`` saturates: once every minimum is at its second argument all gains are 0, and position
decides what is picked. Shuffle the pool, and look at the gains. ``logdetmi`` is not submodular in
A, so a lazy search may miss the greedy answer.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from medtail.datamodules.core.errors import MedtailError, unknown

from ..reference import installed
from . import library, search
from .greedy import Search
from .problem import Function, Problem
from .similarity import Parts

__all__ = ["Engine", "Function", "Search", "partition", "saturated", "select"]

Engine = Literal["auto", "submodlib", "vectorised"]
ZERO = 1e-9  # of saturation: submodlib starts its maxima at the least float, 1.2e-38


def select(
    function: Function,
    pool: Parts,
    query: Parts,
    budget: int,
    *,
    eta: float = 1.0,
    ridge: float = 1.0,
    engine: Engine = "auto",
    labelled: Parts = (),
    greedy: Search = "auto",
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Maximise greedily: each pick has the largest gain, of equal ones any (ours: the first).

    Args:
        function: one of the table above.
        pool: factors of N vectors, see ``medtail.methods.core.submodular.similarity``.
        query: factors of Q vectors.
        budget: how many to pick, at most N.
        eta: weight of the similarities to the query; at most 1 for ``logdetmi``.
        ridge: added to the diagonal in ``logdetmi``.
        engine: ``submodlib``, ``vectorised``, or ``auto`` for the faster one.
        labelled: of ``facility_location``, by our engine: factors of vectors that cover already.
        greedy: ``naive``, ``lazy``, ``stochastic``, ``lazier``, or ``auto`` for the fastest that
            finds the greedy answer. Where it draws, ``auto`` is our engine.
        generator: of what our engine draws; submodlib has a seed of its own.

    Returns:
        [budget] positions in the pool, the first pick first, and their gains.

    Raises:
        MedtailError: a bad argument, or similarities that are not finite.
    """
    problem = Problem(function, pool, query, eta, ridge, labelled)
    _check(problem, budget, engine, greedy)
    if engine == "auto":
        drawn = greedy in ("stochastic", "lazier")
        engine = "vectorised" if drawn else faster(problem, budget)
    maximise = library.maximise if engine == "submodlib" else search.maximise
    picks, gains = maximise(problem, budget, greedy, generator)
    return torch.tensor(picks, dtype=torch.int64), torch.tensor(gains, dtype=torch.float64)


def faster(problem: Problem, budget: int) -> Engine:
    """The engine that was measured to be the faster one, see ``tools/perf_active.py``.

    Ours where submodlib is not installed. It costs 50 ns for each similarity that it is handed, and
    next to nothing for a pick; of the two functions that need few similarities, ours costs about
    8 us for a pick.
    """
    few = problem.function in ("flqmi", "com") and problem.pool[0].device.type == "cpu"
    many_picks = 150 * budget > len(problem) * len(problem.query[0])
    return "submodlib" if few and many_picks and installed("submodlib") else "vectorised"


def partition(amount: int, budget: int, parts: int) -> list[tuple[slice, int]]:
    """Contiguous parts of a pool, and how many to pick from each, in proportion to its size.

    As in trust's ``PartitionStrategy``: part i ends at e_i = ceil(N i / P), and up to there
    ceil(B e_i / N) are picked.

    Args:
        amount: N.
        budget: B, at most N.
        parts: P; a part that would have no pick is left out.
    """
    ends = [-(-amount * i // parts) for i in range(parts + 1)]
    until = [-(-budget * end // amount) for end in ends]
    cut = zip(ends[:-1], ends[1:], until[:-1], until[1:], strict=True)
    return [(slice(a, b), last - first) for a, b, first, last in cut if last > first]


def saturated(gains: Tensor) -> int:
    """Number of picks that gained nothing, and that position alone decided on."""
    return int((gains.abs() < ZERO).sum())


def _check(problem: Problem, budget: int, engine: str, greedy: str) -> None:
    function = problem.function
    if function not in get_args(Function):
        raise unknown("submodular function", function, get_args(Function))
    if engine not in get_args(Engine):
        raise unknown("engine", engine, get_args(Engine))
    if greedy not in get_args(Search):
        raise unknown("greedy search", greedy, get_args(Search))
    if not 0 < budget <= len(problem):
        raise MedtailError(f"{function}: {budget} images cannot be picked from {len(problem)}")
    if function != "facility_location" and not len(problem.query[0]):
        raise MedtailError(f"{function}: the query set is empty")
    if not (0 < problem.eta < float("inf") and 0 < problem.ridge < float("inf")):
        raise MedtailError(f"{function}: eta and ridge must be above 0 and finite")
    if function == "logdetmi" and problem.eta > 1:
        raise MedtailError(
            f"logdetmi: eta must be at most 1, not {problem.eta:g}: above, the second determinant "
            "may become negative"
        )
    if problem.labelled and (function != "facility_location" or engine == "submodlib"):
        raise MedtailError(
            f"{function}: only facility_location by the vectorised engine knows what is labelled"
        )
    if not all(
        part.isfinite().all() for part in (*problem.pool, *problem.query, *problem.labelled)
    ):
        raise MedtailError(f"{function}: similarities that are not finite: has training diverged?")
