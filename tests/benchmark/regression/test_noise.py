"""Noise of trainings and of samples: pooled variances, and errors against closed forms."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics.few_shot import episode_aucs
from medtail.benchmark.metrics.one_class import log_odds
from medtail.benchmark.regression.noise import Noise, moderated, sample_error, training_error
from tests.benchmark.regression.grids import scored
from tests.boards import predictions


def test_variances_alike_are_pooled_and_unlike_ones_keep_their_own():
    even = np.array([1.0, 1.2, 0.9, 1.1])
    pooled, freedom = moderated(even, np.full(4, 4.0))
    assert pooled == pytest.approx(np.full(4, 1.05))
    assert freedom == pytest.approx(np.full(4, 16))
    apart = np.array([1e-4, 1e-2, 1.0, 100.0])
    found, freedom = moderated(apart, np.full(4, 50.0))
    assert found == pytest.approx(apart, rel=0.2)
    assert (freedom < 53).all()


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


def test_a_row_of_one_seed_takes_the_variance_of_its_table():
    variance, freedom = moderated(np.array([1.0, 1.1, 0.9, math.nan]), np.array([4.0, 4, 4, 0]))
    assert variance[3] == pytest.approx(1.0)
    assert freedom[3] == 12


def test_p_is_uniform_where_nothing_changed():
    """Fresh trainings on both sides, variance known from BASE alone: 5 % alarms at 5 %."""
    rng, alarms, rounds = np.random.default_rng(1), 0, 2000
    for _ in range(rounds):
        base, new = rng.normal(size=(2, 5))
        noise = Noise(training_error(base.var(ddof=1), 5), 4, 1e-9)
        alarms += noise.p(base.mean() - new.mean()) < 0.05
    assert alarms / rounds == pytest.approx(0.05, abs=0.015)


def test_the_sample_error_is_that_of_a_paired_difference():
    """Against the closed form: variance of right minus right within each class."""
    base, new = (scored(0.7, lottery=k)[1] for k in range(2))
    right = [p.probabilities.argmax(1) == p.target for p in (base, new)]
    d = right[1].astype(float) - right[0]
    classes = [d[base.target == k] for k in range(3)]
    expected = math.sqrt(sum(c.var() / len(c) for c in classes)) / 3
    assert sample_error([base], [new], "long_tail") == pytest.approx(expected, rel=0.1)
    assert sample_error([base], [base], "long_tail") == 0


def test_the_sample_error_of_an_auc_and_of_episodes():
    """Of one side against constant scores: that of the metric itself, by scikit-learn's loop."""
    made = predictions(n=300)
    target = made.target % 2
    two, flat = (
        Predictions.of(made.id, made.group, target, logits, episode=np.arange(300) // 10)
        for logits in (made.logits[:, :2], np.zeros((300, 2)))
    )
    rng = np.random.default_rng(5)
    members = [np.flatnonzero(target == k) for k in (0, 1)]
    draws = [np.concatenate([rng.choice(m, len(m)) for m in members]) for _ in range(500)]
    score = log_odds(two)
    expected = np.std([roc_auc_score(target[d], score[d]) for d in draws])
    assert sample_error([flat], [two], "one_class") == pytest.approx(expected, rel=0.15)
    values = episode_aucs(two)
    expected = values.std() / math.sqrt(len(values))
    assert sample_error([flat], [two], "few_shot") == pytest.approx(expected, rel=0.15)
    assert sample_error([flat], [two], "active") == 0
