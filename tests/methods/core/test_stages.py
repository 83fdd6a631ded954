"""The learning rate of a stage."""

import numpy as np
import pytest

from medtail.methods.core.stages import learning_rate_factor


def test_learning_rate_rises_and_falls():
    rate = [learning_rate_factor(step, 100, 0.1) for step in range(101)]
    np.testing.assert_allclose(np.diff(rate[:11]), 1 / 11)
    assert rate[10] == 1
    assert rate[55] == pytest.approx(0.5)
    assert (np.diff(rate[10:]) < 0).all()
    assert rate[100] == pytest.approx(0, abs=1e-12)
    assert learning_rate_factor(0, 100, 0.0) == 1
    assert learning_rate_factor(5, 1, 0.0) == pytest.approx(0)
