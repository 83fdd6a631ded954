"""The engine of submodlib (https://github.com/decile-team/submodlib), guarded.

It reads kernels as lists of Python floats. On gains that are no numbers ``NaiveGreedy`` answers -1
and ``LazyGreedy`` never returns (its issue 8); ``submodular.select`` refuses what leads there.
What it draws it draws from one fixed seed, the same in every call.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medtail.datamodules.core.errors import MedtailError

from ..reference import reference
from .greedy import Search
from .problem import Greedy, Problem

OPTIMIZERS: dict[Search, str] = {
    "naive": "NaiveGreedy",
    "lazy": "LazyGreedy",
    "stochastic": "StochasticGreedy",
    "lazier": "LazierThanLazyGreedy",
}


def maximise(
    problem: Problem,
    budget: int,
    greedy: Search = "auto",
    generator: torch.Generator | None = None,
) -> Greedy:
    """Greedy picks and gains.

    Args:
        problem: checked by ``select``.
        budget: at most N.
        greedy: see ``medtail.methods.core.submodular.greedy``; ``auto`` for the fastest that finds
            the greedy answer.
        generator: unused: it has a seed of its own.

    Raises:
        MedtailError: submodlib gave no valid answer.
    """
    function = _build(problem)
    size = len(problem)
    if greedy == "auto":
        greedy = "naive" if problem.function == "logdetmi" else "lazy"
    # It refuses to pick the whole pool: the last one is what is left over.
    found = function.maximize(min(budget, size - 1), OPTIMIZERS[greedy], show_progress=False)
    picks, gains = [int(i) for i, _ in found], [float(g) for _, g in found]
    if budget == size:
        picks.append(next(iter(set(range(size)) - set(picks))))
        gains.append(function.evaluate(set(picks)) - function.evaluate(set(picks[:-1])))
    if len(set(picks)) < budget or min(picks) < 0 or not all(math.isfinite(g) for g in gains):
        raise MedtailError(f"submodlib found no {budget} images by {problem.function}")
    return picks, gains


def _build(problem: Problem) -> Any:  # noqa: ANN401 - untyped library
    s = reference("submodlib")
    amount = len(problem)
    if problem.function == "facility_location":
        pool = _array(problem.within_pool(slice(None)))
        return s.FacilityLocationFunction(amount, "dense", sijs=pool, separate_rep=False)
    query = _array(problem.to_query())
    sizes, eta = (amount, query.shape[1]), problem.eta
    match problem.function:
        case "flqmi":
            return s.FacilityLocationVariantMutualInformationFunction(
                *sizes, query_sijs=query, queryDiversityEta=eta
            )
        case "gcmi":
            return s.GraphCutMutualInformationFunction(*sizes, query_sijs=query)
        case "com":
            return s.ConcaveOverModularFunction(*sizes, query_sijs=query, queryDiversityEta=eta)
    pool = _array(problem.within_pool(slice(None)))
    if problem.function == "flvmi":
        return s.FacilityLocationMutualInformationFunction(
            *sizes, data_sijs=pool, query_sijs=query, magnificationEta=eta
        )
    return s.LogDeterminantMutualInformationFunction(
        *sizes,
        problem.ridge,
        data_sijs=pool,
        query_sijs=query,
        query_query_sijs=_array(problem.within_query()),
        magnificationEta=eta,
    )


def _array(kernel: Tensor) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = kernel.double().cpu().numpy()
    return array
