"""Two variances of a number: pure functions from them to estimates with their intervals.

A number of a board is a mean over S trainings, scored on one test set. Other samples would have
given another one (``samples``: the variance of the bootstrap of ``intervals``), and so would other
trainings (``training``: the variance between seeds over S). Their sum has the degrees of freedom of
Satterthwaite (1946, https://doi.org/10.2307/3002019): few where the seeds matter, as three of them
tell little about a variance, and many where the samples do. To tell more, the rows of a table share
what they have in common (``moderated``). docs/coverage.md has how often the intervals hold.

It treats test set and trainings as samples; it knows nothing of another hospital or budget.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, ndtr, ndtri, polygamma, stdtr, stdtrit
from scipy.stats import f as fisher

from .intervals import LEVEL, Floats, Interval

# What is believed of the variances of rows before any is seen: as if of so many rows, which follow
# a scaled inverse chi-squared law of so many degrees of freedom. See docs/coverage.md.
BELIEVED_ROWS = 4
BELIEVED_FREEDOM = 3.0
SMALLEST = 1e-5  # of a row's variance over the table's median (limma's ``fitFDist``)
PSEUDO = 1.92  # right and wrong units each, half of 1.96 squared (Agresti and Coull 1998)
POWER = 0.8


@dataclass(frozen=True)
class Estimate:
    """A number, or a difference of two, with its standard error.

    Attributes:
        value: of the number.
        error: of a t distribution about it; not a number where nothing is known of it.
        freedom: degrees of freedom.
    """

    value: float
    error: float
    freedom: float

    @property
    def interval(self) -> Interval:
        """Of 95 %; infinite where nothing is known."""
        if math.isnan(self.error):
            return Interval(self.value, -math.inf, math.inf)
        half = self.quantile(LEVEL) * self.error
        return Interval(self.value, self.value - half, self.value + half)

    @property
    def p(self) -> float:
        """Two-sided, of no difference; 1 where nothing is known."""
        return 2 * self._beyond(abs(self.value))

    @property
    def negative(self) -> float:
        """How sure it is that the true number is below zero, from 0 to 1; a half if unknown."""
        return self._beyond(self.value)

    def _beyond(self, distance: float) -> float:
        """The share of the distribution that is farther than so much to one side of its middle."""
        if math.isnan(self.error) or (self.error == 0 and distance == 0):
            return 0.5
        if self.error == 0:
            return float(distance < 0)
        return _below(-distance / self.error, self.freedom)

    @property
    def doubt(self) -> float:
        """How sure it is that the true number has the other sign; 0 to a half."""
        return self.p / 2

    def chances(self, alike: float) -> tuple[float, float, float]:
        """How sure it is that the true number is below, within and above so much of zero.

        A region of practical equivalence (Kruschke 2018, https://doi.org/10.1177/2515245918771304),
        with the t distribution of the estimate in the place of a posterior.
        """
        below, above = self._beyond(self.value + alike), self._beyond(alike - self.value)
        return below, max(0.0, 1 - below - above), above

    @property
    def detectable(self) -> float:
        """The true difference that a test at 5 % would find four times in five."""
        beyond = _quantile(POWER, self.freedom)
        return (self.quantile(LEVEL) + beyond) * self.error

    def quantile(self, level: float) -> float:
        """Errors on either side that hold a share ``level``."""
        return _quantile((1 + level) / 2, self.freedom)


def _below(value: float, freedom: float) -> float:
    """The t distribution function; scipy.stats checks its arguments fifty times as long."""
    return float(ndtr(value) if math.isinf(freedom) else stdtr(freedom, value))


def _quantile(level: float, freedom: float) -> float:
    """Its inverse."""
    return float(ndtri(level) if math.isinf(freedom) else stdtrit(freedom, level))


@dataclass(frozen=True)
class Variance:
    """A variance that was estimated.

    Attributes:
        size: of it; not a number where nothing is known.
        freedom: degrees of freedom.
    """

    size: float
    freedom: float


def over_samples(drawn: float, units: Sequence[int]) -> Variance:
    """Of a bootstrap within classes, which of n units has only (n - 1) / n of the variance.

    Args:
        drawn: variance over draws.
        units: that were drawn from in each class; what they add to it is taken to go by 1 / n.
    """
    n = np.array(units, dtype=np.float64)
    each, rest = 1 / n, np.maximum(n - 1, 0.5)
    short = (each * rest / n).sum() / each.sum()
    return Variance(float(drawn / short), float(each.sum() ** 2 / (each**2 / rest).sum()))


def combined(value: float, samples: Variance | None, training: Variance) -> Estimate:
    """A number from its two variances.

    Args:
        value: the number.
        samples: over other samples; None where they do not vary.
        training: over other trainings; not a number where one seed tells nothing of it, so that
            the estimate is of these very trainings.
    """
    parts = [v for v in (samples, training) if v and not math.isnan(v.size)]
    total = sum(v.size for v in parts)
    if not parts:
        return Estimate(value, math.nan, math.inf)
    if not total:
        return Estimate(value, 0.0, parts[-1].freedom)
    spread = sum(v.size**2 / v.freedom for v in parts)
    return Estimate(value, math.sqrt(total), total**2 / spread if spread else math.inf)


def share(value: float, samples: Variance, training: Variance, units: int) -> Interval:
    """95 % about a share of units, such as a recall or an AUC, which 20 images may tell.

    After Agresti and Coull (1998, https://doi.org/10.1080/00031305.1998.10480550): about two units
    of either kind are added to those that the variance over samples stands for, value (1 - value)
    over it; without variance, to those that there are. It is clipped to 0 and 1.

    Args:
        value: from 0 to 1.
        samples: see ``combined``.
        training: see ``combined``.
        units: groups of samples that could have been drawn.
    """
    spread = value * (1 - value)
    amount = spread / samples.size if samples.size > 0 and spread > 0 else float(units)
    whole = amount + 2 * PSEUDO
    centre = (amount * value + PSEUDO) / whole
    more = Variance(centre * (1 - centre) / whole, samples.freedom)
    found = combined(centre, more, training).interval
    return Interval(value, min(max(found.low, 0.0), value), max(min(found.high, 1.0), value))


def share_difference(value: float, samples: Variance, training: Variance, units: int) -> Estimate:
    """A paired difference of two such shares, never surer than if one unit more might differ.

    Args:
        value: from -1 to 1.
        samples: see ``combined``.
        training: see ``combined``.
        units: groups of samples that could have been drawn.
    """
    least = 1 / (units + 1) ** 2
    return combined(value, Variance(max(samples.size, least), samples.freedom), training)


def moderated(
    variance: Floats,
    freedom: Floats,
    family: NDArray[np.bool_] | None = None,
    total: float | None = None,
) -> tuple[Floats, Floats]:
    """Variances [R] of rows drawn together as far as they are alike, and degrees of freedom.

    Smyth 2004 (https://doi.org/10.2202/1544-6115.1027): the true variances follow a scaled inverse
    chi-squared law. Its degrees of freedom are fitted to the observed logarithms (his section 6.2)
    and to ``BELIEVED_ROWS`` more rows, because a small table tells little of them; its scale is at
    the median row, so that a row which hardly varies does not move it. Fewer than three rows stay
    as they are. No row gets more degrees of freedom than all were observed with (the cap of
    limma's ``eBayes``): rows that happen to be alike do not make a variance exactly known.

    Args:
        variance: [..., R], anything for a row without freedom.
        freedom: [R].
        family: [R] rows that tell what the law is; all, where not said.
        total: degrees of freedom of these rows together, where they have fewer than their sum
            because they are not independent, such as differences.

    Returns:
        Both as [..., R]; not a number for what nothing is known of.
    """
    known = freedom > 0
    variance = np.where(known, variance, math.nan)
    told = known if family is None else known & family
    own, mine = variance[..., told], freedom[told]
    if told.sum() < 3 or not own.any():
        return variance, np.broadcast_to(np.where(known, freedom, math.nan), variance.shape)
    middle = np.median(own, -1, keepdims=True)
    logs = np.log(np.maximum(own, np.maximum(SMALLEST * middle, np.finfo(float).tiny)))
    logs -= digamma(mine / 2) - np.log(mine / 2)
    more = told.sum() - 1
    excess = logs.var(-1, ddof=1, keepdims=True) - polygamma(1, mine / 2).mean()
    believed = BELIEVED_ROWS * polygamma(1, BELIEVED_FREEDOM / 2)
    excess = np.maximum((more * excess + believed) / (more + BELIEVED_ROWS), SMALLEST)
    prior = 2 * _inverse_trigamma(excess)
    centre = np.median(own / fisher.ppf(0.5, mine, prior), -1, keepdims=True)
    squares = np.where(known, variance, 0.0) * freedom
    most = np.maximum(mine.sum() if total is None else total, freedom)
    return (prior * centre + squares) / (prior + freedom), np.minimum(prior + freedom, most)


def of_differences(freedom: Floats) -> float:
    """Of all paired differences of rows [M] together: (M - 1) (S - 1) for S seeds of each.

    That is what is left of a two-way table without its rows and seeds, whatever the pairs.
    """
    return float(freedom.sum() - freedom.max(initial=0.0))


def _inverse_trigamma(value: Floats) -> Floats:
    """By Newton's method on 1 / trigamma, which is convex (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(20):
        trigamma = polygamma(1, x)
        step = trigamma * (1 - trigamma / value) / polygamma(2, x)
        x = x + step
        if (np.abs(step) < 1e-9 * x).all():
            break
    return x
