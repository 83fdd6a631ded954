"""CDT: its formula, its limit, its direction."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.datamodules.core.errors import MedtailError
from tests.methods.long_tail import COMMON, RARE, N, batch, build, log_softmax


def loss_of(method, logits, target):
    method.forward = lambda image: logits
    return method.loss(batch(size=len(target))._replace(target=target))


@pytest.mark.parametrize("gamma", [0.2, 0.4])
def test_it_is_cross_entropy_at_the_temperatures(gamma):
    method, given = build("cdt", gamma=gamma), batch()
    logits = method(given.image).detach().double().numpy()
    a = [(max(N) / n) ** gamma for n in N]
    likely = log_softmax(logits / a)
    expected = -np.mean([row[y] for row, y in zip(likely, given.target.tolist(), strict=True)])
    assert method.loss(given).item() == pytest.approx(expected, rel=1e-5)
    if gamma == 0.2:
        np.testing.assert_allclose([a[0], a[1], a[5], a[6]], [1.43, 1, 2.26, 2.17], atol=0.01)


def test_the_default_is_the_published_strength_and_zero_is_cross_entropy():
    given = batch()
    assert torch.equal(build("cdt").loss(given), build("cdt", gamma=0.2).loss(given))
    none = build("cdt", gamma=0.0)
    plain = F.cross_entropy(none(given.image), given.target)
    torch.testing.assert_close(none.loss(given), plain)
    assert not torch.allclose(build("cdt").loss(given), plain, rtol=1e-4)


def test_one_positive_logit_is_worth_less_where_the_class_is_rare():
    method = build("cdt")
    rare, common = (
        loss_of(method, 3.0 * F.one_hot(torch.tensor([c]), 7), torch.tensor([c]))
        for c in (RARE, COMMON)
    )
    assert rare > common + 0.2


def test_plain_logits_at_test():
    method, plain, image = build("cdt"), build("erm"), batch().image
    assert torch.equal(method(image), plain(image))


def test_bad_arguments():
    with pytest.raises(MedtailError, match="gamma must be in"):
        build("cdt", gamma=-0.1)
