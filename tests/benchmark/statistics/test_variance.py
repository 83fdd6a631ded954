"""Two variances: against textbook formulas, by their limits and directions, and by simulation."""

import math

import numpy as np
import pytest
from scipy.stats import binom, norm, ttest_1samp, ttest_ind
from scipy.stats import t as student

from medtail.benchmark.statistics.variance import (
    Estimate,
    Variance,
    combined,
    moderated,
    of_differences,
    over_samples,
    share,
    share_difference,
)

UNKNOWN = Variance(math.nan, math.nan)


def test_with_seeds_alone_it_is_students_test():
    values = np.array([0.1, 0.3, 0.2, 0.25])
    found = combined(values.mean(), None, Variance(values.var(ddof=1) / 4, 3.0))
    known = ttest_1samp(values, 0)
    assert found.p == pytest.approx(known.pvalue)
    assert (found.interval.low, found.interval.high) == pytest.approx(
        tuple(known.confidence_interval(0.95))
    )


def test_with_samples_alone_it_is_the_normal_one():
    known = Variance(0.01, math.inf)
    found = combined(0.3, known, Variance(0.0, 2.0))
    assert found.freedom == math.inf
    assert found.interval.low == pytest.approx(0.3 - 1.959964 * 0.1)
    assert found.p == pytest.approx(2 * norm.sf(3))
    assert combined(0.3, known, UNKNOWN) == found  # one seed tells of no other


def test_the_degrees_of_freedom_are_satterthwaites():
    """Two groups of unequal variance are the case that everybody knows: Welch's test."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=5), rng.normal(0, 3, 40)
    one, other = (Variance(x.var(ddof=1) / len(x), len(x) - 1) for x in (a, b))
    welch = ttest_ind(a, b, equal_var=False)
    found = combined(a.mean() - b.mean(), one, other)
    assert found.freedom == pytest.approx(welch.df)
    assert found.p == pytest.approx(welch.pvalue)


def test_more_of_either_variance_is_less_sure():
    def of(samples, training, freedom=4.0):
        return combined(0.1, Variance(samples, 50), Variance(training, freedom))

    sure = of(1e-3, 1e-3)
    for other in (of(4e-3, 1e-3), of(1e-3, 4e-3)):
        assert other.error > sure.error
        assert other.p > sure.p
    assert of(1e-3, 1e-3, 2.0).p > sure.p


def test_what_is_not_known_is_not_told():
    nothing = combined(0.2, None, UNKNOWN)
    assert (nothing.interval.low, nothing.interval.high) == (-math.inf, math.inf)
    assert (nothing.p, nothing.negative) == (1, 0.5)
    exact = combined(-0.1, None, Variance(0.0, 2.0))
    assert (exact.p, exact.negative, exact.interval.high) == (0, 1, -0.1)
    assert Estimate(0.0, 0.0, 2.0).p == 1


def test_a_bootstrap_of_few_units_has_all_of_the_variance():
    """Of one class, whose mean has s^2 / n, of n - 1 degrees; of several, as Welch has it."""
    x = np.random.default_rng(1).normal(size=20)
    draws = np.random.default_rng(2).choice(x, (40_000, 20)).mean(1).var()
    found = over_samples(draws, (20,))
    assert found.size == pytest.approx(x.var(ddof=1) / 20, rel=0.03)
    assert found.freedom == pytest.approx(19)
    even = over_samples(1.0, (20, 20))
    assert (even.size, even.freedom) == pytest.approx((20 / 19, 38))
    # The smallest class decides.
    assert 19 < over_samples(1.0, (20, 200, 2000)).freedom < 25
    assert over_samples(0.5, (4000,)).size == pytest.approx(0.5, rel=1e-3)
    assert math.isfinite(over_samples(0.5, (1, 9)).freedom)


@pytest.mark.parametrize("freedom", [2.0, 5.0, np.inf])
def test_the_detectable_difference_is_found_four_times_in_five(freedom):
    """About: where the error itself is estimated, power by the shifted t falls a little short."""
    rng, error = np.random.default_rng(0), 0.5
    true = Estimate(0.0, error, freedom).detectable
    noise = rng.standard_t(freedom, 40_000) if np.isfinite(freedom) else rng.normal(size=40_000)
    found = np.abs(true + error * noise) > student.ppf(0.975, freedom) * error
    assert found.mean() == pytest.approx(0.8, abs=0.02)


def binomial(p, units):
    return Variance(p * (1 - p) / units, math.inf)


CERTAIN = Variance(0.0, 2.0)


@pytest.mark.parametrize("units", [10, 20, 60])
def test_a_share_of_few_units_is_held(units):
    """Exact coverage of the binomial, over all outcomes: nothing under 92 % from .05 to .95."""
    hits = np.arange(units + 1)
    ends = []
    for h in hits:
        found = share(h / units, binomial(h / units, units), CERTAIN, units)
        assert 0 <= found.low <= h / units <= found.high <= 1
        ends.append((found.low, found.high))
    low, high = np.array(ends).T
    for true in np.linspace(0.05, 0.95, 91):
        assert binom.pmf(hits[(low <= true) & (true <= high)], units, true).sum() > 0.92


def test_a_share_is_agresti_and_coulls_interval():
    p, units, z = 18 / 20, 20, norm.ppf(0.975)
    found = share(p, binomial(p, units), CERTAIN, units)
    whole = units + z**2
    centre = (18 + z**2 / 2) / whole
    half = z * math.sqrt(centre * (1 - centre) / whole)
    assert found.low == pytest.approx(centre - half, abs=1e-3)
    assert found.high == pytest.approx(min(centre + half, 1), abs=1e-3)
    # Of many images and of a macro metric it is the plain one.
    parts = Variance(1e-5, math.inf), Variance(1e-5, 4.0)
    wide, plain = share(0.6, *parts, 2000), combined(0.6, *parts).interval
    assert (wide.low, wide.high) == pytest.approx((plain.low, plain.high), abs=1e-4)


def test_all_right_is_not_surely_right():
    found = share(1.0, binomial(1.0, 20), CERTAIN, 20)
    assert found.high == 1
    assert 0.7 < found.low < 0.9  # Clopper and Pearson: .83
    assert share(1.0, binomial(1.0, 200), CERTAIN, 200).low > 0.97
    assert share(0.0, binomial(0.0, 20), CERTAIN, 20).high == pytest.approx(1 - found.low)


def test_two_that_agree_on_few_units_may_differ_on_another():
    n = 20
    same = share_difference(0.0, binomial(0, n), CERTAIN, n)
    assert same.p == 1
    assert same.interval.high == pytest.approx(norm.ppf(0.975) / 21, rel=0.01)
    d = np.concatenate([np.ones(6), -np.ones(1), np.zeros(13)])
    seen = Variance(d.var(ddof=1) / n, n - 1)
    found = share_difference(d.mean(), seen, CERTAIN, n)
    assert found.p == pytest.approx(ttest_1samp(d, 0).pvalue)
    assert share_difference(-d.mean(), seen, CERTAIN, n).p == found.p


def test_variances_alike_are_drawn_together_and_unlike_ones_keep_their_own():
    even, own = np.array([1.0, 1.2, 0.9, 1.1]), np.full(4, 4.0)
    found, freedom = moderated(even, own)
    assert np.ptp(found) < np.ptp(even)
    assert (freedom > 4).all()
    apart = np.array([1e-2, 1e-1, 1.0, 10.0])
    found, freedom = moderated(apart, np.full(4, 200.0))
    assert found == pytest.approx(apart, rel=0.5)
    assert (freedom < 203).all()
    # More rows that are alike tell more.
    few, many = (moderated(np.tile(even, n), np.full(4 * n, 4.0))[1][0] for n in (1, 8))
    assert many > 2 * few


def test_the_law_of_variances_is_found_again():
    """Drawn from Smyth's law: its degrees of freedom and centre come back."""
    rng = np.random.default_rng(0)
    prior, centre, own = 6.0, 0.3, 4.0
    true = prior * centre / rng.chisquare(prior, 20000)
    observed = true * rng.chisquare(own, 20000) / own
    found, freedom = moderated(observed, np.full(20000, own))
    assert freedom[0] - own == pytest.approx(prior, rel=0.1)
    expected = (prior * centre + own * observed) / (prior + own)
    assert found == pytest.approx(expected, rel=0.05)


def test_no_row_knows_more_than_all_rows_were_seen_with():
    """Limma's ``eBayes``: df.total <- pmin(df.residual + df.prior, sum(df.residual))."""
    even, own = np.array([1.0, 1.02, 0.99, 1.01, 1.0]), np.array([2.0, 4.0, 2.0, 2.0, 0.0])
    _, freedom = moderated(even, own)
    assert freedom.tolist() == [10] * 5  # those alike have a prior that knows nearly all
    several = np.stack([even, np.array([0.01, 1.0, 40.0, 0.2, 1.0])])
    _, both = moderated(several, own)
    assert both[0] == pytest.approx(freedom)
    unlike = both[1] - own  # of rows that are not, the prior itself, as without a cap
    assert unlike == pytest.approx([unlike[0]] * 5)
    assert unlike[0] + 4 < 10
    # A guest learns no more from the table than its rows do, and loses nothing of its own.
    family = np.array([True, True, True, True, False])
    for seeds, known in ((3.0, 10.0), (30.0, 30.0)):
        _, guest = moderated(even, np.array([2.0, 4.0, 2.0, 2.0, seeds]), family)
        assert guest.tolist() == [10, 10, 10, 10, known]
    assert moderated(even, own, total=6.0)[1].tolist() == [6] * 5


def test_alike_rows_are_pooled_as_in_an_analysis_of_variance():
    """All pairs of M rows over S seeds have the (M - 1) (S - 1) degrees of a two-way table."""
    rows, seeds = 5, 3
    values = np.random.default_rng(3).normal(size=(rows, seeds))
    one, other = np.triu_indices(rows, 1)
    apart = values[one] - values[other]
    rank = np.linalg.matrix_rank(
        np.kron(np.eye(rows)[one] - np.eye(rows)[other], np.eye(seeds) - 1 / seeds)
    )
    assert of_differences(np.full(rows, seeds - 1.0)) == rank == 8
    left = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    mean_square = (left**2).sum() / rank
    assert apart.var(1, ddof=1).mean() == pytest.approx(2 * mean_square)
    assert of_differences(np.array([2.0, 4.0, 0.0])) == 2
    assert of_differences(np.array([])) == 0


def test_a_row_of_one_seed_takes_the_variance_of_its_table():
    variance, freedom = moderated(np.array([1.0, 1.1, 0.9, math.nan]), np.array([4.0, 4, 4, 0]))
    assert variance[3] == pytest.approx(1.2, abs=0.2)
    assert 0 < freedom[3] < freedom[0]


def test_two_rows_keep_their_own_and_none_know_nothing():
    variance, freedom = moderated(np.array([1.0, 9.0]), np.array([2.0, 2.0]))
    assert (variance.tolist(), freedom.tolist()) == ([1, 9], [2, 2])
    variance, freedom = moderated(np.zeros(2), np.zeros(2))
    assert np.isnan(variance).all()
    assert np.isnan(freedom).all()


def test_a_row_that_never_varies_does_not_make_the_others_sure():
    usual, own = np.array([1.0, 1.2, 0.9, 1.1]), np.full(5, 2.0)
    found, _ = moderated(np.append(usual, 0.0), own)
    assert (found[:4] > 0.6).all()
    assert 0 < found[4] < 1


def test_who_is_no_member_tells_nothing_of_the_family():
    variance, own = np.array([1.0, 1.2, 0.9, 50.0]), np.full(4, 2.0)
    family = np.array([True, True, True, False])
    found, freedom = moderated(variance, own, family)
    alone, known = moderated(variance[:3], own[:3])
    assert found[:3] == pytest.approx(alone)
    assert freedom[:3] == pytest.approx(known)
    assert found[3] > alone.max()


@pytest.mark.parametrize(("rows", "seeds"), [(5, 3), (17, 3), (17, 5)])
def test_where_only_seeds_vary_19_of_20_intervals_hold(rows, seeds):
    """Variances of rows from Smyth's law of 6 degrees; the prototype's setting."""
    rng, boards, single, paired = np.random.default_rng(rows + seeds), 400, [], []
    one, other = np.triu_indices(rows, 1)
    for _ in range(boards):
        sigma = np.sqrt(6 / rng.chisquare(6, rows))
        values = sigma[:, None] * rng.normal(size=(rows, seeds))
        whole, apart = rows * (seeds - 1.0), of_differences(np.full(rows, seeds - 1.0))
        for held, shown, total in (
            (single, values, whole),
            (paired, values[one] - values[other], apart),
        ):
            own = np.full(len(shown), seeds - 1.0)
            variance, freedom = moderated(shown.var(1, ddof=1), own, total=total)
            error = np.sqrt(variance / seeds)
            half = student.ppf(0.975, freedom) * error
            held.append((np.abs(shown.mean(1)) <= half).mean())
    assert 0.92 < np.mean(single) < 0.97
    assert 0.92 < np.mean(paired) < 0.97
