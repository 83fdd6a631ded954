"""Weights of classes, at once or deferred, for every method of the shared base."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.weighted import WeightedMethod
from tests.methods.long_tail import N, at, batch, build, effective, log_softmax

WEIGHTS = {
    "weighted_ce": 1 / N,
    "log_weighted_ce": 1 + np.log(N.max() / N),
    "effective_number": effective(N, 0.9999),
}


def test_who_has_the_base():
    having = {n for n in methods.names() if issubclass(methods.get(n), WeightedMethod)}
    assert having == set(WEIGHTS)


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize(("drw", "progress"), [(False, 0.0), (False, 0.9), (True, 0.8)])
def test_weighted_at_once_or_from_the_last_fifth_on(name, drw, progress):
    method, given = at(build(name, drw=drw), progress), batch()
    logits = log_softmax(method(given.image).detach().double().numpy())
    w = WEIGHTS[name] * len(N) / WEIGHTS[name].sum()
    expected = -np.mean([w[y] * logits[i, y] for i, y in enumerate(given.target.tolist())])
    assert method.loss(given).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("progress", [0.0, 0.79])
def test_deferred_is_cross_entropy_before(name, progress):
    method, given = at(build(name, drw=True), progress), batch()
    torch.testing.assert_close(
        method.loss(given), F.cross_entropy(method(given.image), given.target)
    )


@pytest.mark.parametrize("name", WEIGHTS)
def test_rows_of_before_have_the_identity_of_not_deferred(name):
    assert "drw" not in methods.told(name, methods.defaults(name))
    assert methods.told(name, methods.defaults(name) | {"drw": True})["drw"] is True


@pytest.mark.parametrize("name", WEIGHTS)
def test_drw_is_true_or_false(name):
    with pytest.raises(MedtailError, match=f"{name}.*drw"):
        build(name, drw="yes")
