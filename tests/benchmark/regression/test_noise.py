"""Noise of trainings and of samples: pooled variances, and errors against closed forms."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from medtail.benchmark.evidence.predictions import Predictions
from medtail.benchmark.metrics.few_shot import episode_aucs
from medtail.benchmark.metrics.one_class import log_odds
from medtail.benchmark.regression.noise import Noise, sample_error, training_error
from tests.benchmark.regression.grids import scored
from tests.boards import predictions


def test_p_is_uniform_where_nothing_changed():
    """Fresh trainings on both sides, variance known from BASE alone: 5 % alarms at 5 %."""
    rng, alarms, rounds = np.random.default_rng(1), 0, 2000
    for _ in range(rounds):
        base, new = rng.normal(size=(2, 5))
        noise = Noise(training_error(base.var(ddof=1), 5), 4, 1e-9)
        alarms += noise.p(base.mean() - new.mean()) < 0.05
    assert alarms / rounds == pytest.approx(0.05, abs=0.015)


def test_the_interval_is_of_the_larger_error():
    wide = [Noise(*errors).interval(0.1) for errors in ((0.03, 9, 0.01), (0.01, 9, 0.03))]
    assert wide[0] == wide[1]
    assert wide[0].mean == 0.1
    assert wide[0].high - 0.1 == pytest.approx(2.2622 * 0.03, abs=1e-5), "Student's t of 9"
    assert 0.1 - wide[0].low == pytest.approx(2.2622 * 0.03, abs=1e-5)


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
