"""Greedy searches: the picks of the largest gain, found in four ways.

All maximise a function of sets by one pick after the other, and differ in what they look at:

========== =====================================================================================
naive      every candidate, in every step: the greedy answer of any function
lazy       a gain of a submodular function only falls as the set grows, so an old gain is a bound:
           from the largest down until a fresh gain beats all that are left (Minoux 1978). The
           greedy answer of a submodular function; of another one it may be something else
stochastic (N / B) log(1 / e) candidates, drawn anew for every step (Mirzasoleiman et al. 2015,
           "Lazier than lazy greedy")
lazier     the same draws, looked at lazily
========== =====================================================================================

Equal gains go to the first position.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from .problem import Greedy

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Search = Literal["auto", "naive", "lazy", "stochastic", "lazier"]
EPSILON = 0.1  # e, submodlib's default: in expectation all but this share of the greedy guarantee


@dataclass(frozen=True)
class Growing:
    """A set that grows by picks, and what a candidate would add to it.

    Attributes:
        first: [N] gains of single candidates.
        gains_of: [M] gains of candidates [M], given what was added.
        add: take a candidate into the set.
        block: candidates that are evaluated at once, at most.
        own: [N] shares of the gains that no pick takes away; None where there are none.
    """

    first: Floats
    gains_of: Callable[[Rows | slice], Floats]
    add: Callable[[int], None]
    block: int
    own: Floats | None = None

    def promising(self, budget: int) -> tuple["Growing", Rows]:
        """Its candidates that can be picked at all, and their positions.

        While fewer than ``budget`` are picked, one of the ``budget`` with the largest ``own`` is
        left: what gains less from the start never comes first.
        """
        if self.own is None:
            return self, np.arange(len(self.first))
        rows = np.flatnonzero(self.first >= np.partition(self.own, -budget)[-budget])
        some = Growing(
            self.first[rows],
            lambda j: self.gains_of(rows[j]),
            lambda j: self.add(int(rows[j])),
            self.block,
        )
        return some, rows


def search(
    growing: Growing, budget: int, how: Search, generator: torch.Generator | None = None
) -> Greedy:
    """Picks and gains.

    Args:
        growing: with an empty set, of N candidates.
        budget: at most N.
        how: one of the table above.
        generator: of what ``stochastic`` and ``lazier`` draw; None for PyTorch's own.
    """
    if how in ("stochastic", "lazier"):
        return _sampled(growing, budget, how == "lazier", generator)
    some, rows = growing.promising(budget)
    if how == "naive":
        picks, gains = _naive(some, budget)
    else:
        picks, gains = lazy_greedy(some.first, some.gains_of, some.add, budget, some.block)
    return rows[picks].tolist(), gains


def lazy_greedy(
    first: Floats,
    gains_of: Callable[[Rows | slice], Floats],
    add: Callable[[int], None],
    budget: int,
    block: int,
) -> Greedy:
    """The greedy answer for a monotone submodular function; the arguments are as in ``Growing``.

    Args:
        first: [N].
        gains_of: [M] of [M].
        add: of a candidate.
        budget: at most N.
        block: candidates at once.
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


def _naive(growing: Growing, budget: int) -> Greedy:
    size, block = len(growing.first), growing.block
    picks: list[int] = []
    gains: list[float] = []
    gain = growing.first.copy()
    for step in range(budget):
        for start in range(0, size if step else 0, block):
            rows = slice(start, min(start + block, size))
            gain[rows] = growing.gains_of(rows)
        gain[picks] = -np.inf
        best = int(gain.argmax())
        picks.append(best)
        gains.append(float(gain[best]))
        growing.add(best)
    return picks, gains


def _sampled(
    growing: Growing, budget: int, lazy: bool, generator: torch.Generator | None
) -> Greedy:
    """The best of a few candidates that are drawn anew for every pick."""
    bound, age = growing.first.copy(), np.zeros(len(growing.first), np.int64)
    amount = int(len(bound) / budget * math.log(1 / EPSILON))
    picks: list[int] = []
    gains: list[float] = []
    for step in range(budget):
        left = np.flatnonzero(bound > -np.inf)
        drawn = torch.randperm(len(left), generator=generator)[:amount].numpy()
        among = left[np.sort(drawn)]
        if not lazy:
            bound[among], age[among] = growing.gains_of(among), step
        best = int(among[bound[among].argmax()])
        while age[best] < step:
            one = slice(best, best + 1)
            bound[one], age[best] = growing.gains_of(one), step
            best = int(among[bound[among].argmax()])
        picks.append(best)
        gains.append(float(bound[best]))
        bound[best] = -np.inf
        growing.add(best)
    return picks, gains
