"""What the page of leaks computes: tau of two orders, and what it would be without a change."""

from itertools import combinations

import numpy as np
import pytest

from tools.leaks import Leak, Side, orders

MEANS = np.array([0.3, 0.35, 0.4, 0.5, 0.6])


def side(means, noise):
    names = tuple("abcde")
    centre = np.eye(5) - 1 / 5
    return Side(names, list(names), means, np.full(5, 0.03), noise * centre)


def tau(one, other):
    signs = [np.sign((one[i] - one[j]) * (other[i] - other[j])) for i, j in PAIRS]
    return sum(signs) / len(signs)


PAIRS = list(combinations(range(5), 2))


def test_a_leak_that_moves_all_alike_changes_no_order():
    found, alike = orders(side(MEANS, 1e-6), side(MEANS + 0.4, 1e-6), 100)
    assert found == pytest.approx(1)
    assert (alike == 1).all()


def test_an_order_that_is_turned_is_below_all_that_noise_gives():
    found, alike = orders(side(MEANS, 0.05), side(1 - MEANS, 0.05), 2000)
    assert found == pytest.approx(-1)
    assert alike.min() > -1
    assert 0.3 < alike.mean() < 1


def test_tau_without_a_change_falls_with_the_noise_of_either_side():
    quiet, loud = side(MEANS, 0.01), side(MEANS, 0.1)
    medians = [orders(a, b, 2000)[1].mean() for a, b in ((quiet, quiet), (quiet, loud))]
    other = orders(loud, quiet, 2000)[1].mean()
    assert medians[0] > medians[1] + 0.1
    assert other == pytest.approx(medians[1], abs=0.05)


def test_tau_of_draws_is_that_of_their_pairs():
    honest, leaky = side(MEANS, 0.1), side(MEANS, 0.05)
    _, alike = orders(honest, leaky, 50)
    rng = np.random.default_rng(0)
    drawn = [MEANS + rng.standard_normal((50, 5)) @ s.root.T for s in (honest, leaky)]
    assert alike.tolist() == pytest.approx([tau(a, b) for a, b in zip(*drawn, strict=True)])


def test_a_gain_and_what_is_known_of_it():
    one = Leak("here", side(MEANS, 0.1), side(MEANS + 0.2, 0.1), 1.0, np.ones(1))
    assert one.gain.tolist() == pytest.approx([0.2] * 5)
    assert one.half.tolist() == pytest.approx([0.03 * 2**0.5] * 5)
