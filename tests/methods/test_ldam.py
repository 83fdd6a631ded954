"""LDAM: its margins, its cosine classifier, its deferred weights."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods.ldam import ldam_margins, with_margins

COUNTS = torch.tensor([778, 4693, 359, 228, 769, 80, 98])
N = COUNTS.numpy().astype(float)
COMMON, RARE = 1, 5
SPEC = DataSpec("ham", tuple("abcdefg"), tuple(COUNTS.tolist()), (16, 16))


@given(st.integers(0, 2**31), st.floats(0, 3))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_ldam(seed, most):
    rng = np.random.default_rng(seed)
    cosine = torch.tensor(rng.uniform(-1, 1, (12, 7)))
    target = torch.tensor(np.concatenate([np.arange(7), rng.integers(0, 7, 5)]))
    d = N**-0.25 * most / 2 / (N**-0.25).max()
    z = cosine.numpy().copy()
    expected = []
    for row, y in zip(z, target.tolist(), strict=True):
        own = np.exp(30 * (row[y] - d[y]))
        others = sum(np.exp(30 * row[j]) for j in range(7) if j != y)
        expected.append(-np.log(own / (own + others)))
    margins = 30 * ldam_margins(COUNTS, most / 2)
    loss = F.cross_entropy(with_margins(30 * cosine, target, margins), target)
    assert loss.item() == pytest.approx(np.mean(expected), rel=1e-4)
    assert torch.equal(with_margins(cosine, target, torch.zeros(7)), cosine)


def ldam_loss(epoch: int, image: torch.Tensor, target: torch.Tensor, **params) -> torch.Tensor:
    torch.manual_seed(0)
    method = methods.build("ldam", SPEC, **params)
    method.__class__ = type("AtEpoch", (type(method),), {"epoch_progress": epoch / 10})
    return method.eval().loss(Batch(image, target, target))


def test_ldam_has_a_cosine_head_with_its_scale():
    method = methods.build("ldam", SPEC).eval()
    features = torch.randn(5, method.num_features)
    logits = method.score(features)
    weight = method.classifier.weight.detach().numpy()
    f = features.numpy()
    cosine = (f @ weight.T) / (np.linalg.norm(f, axis=1)[:, None] * np.linalg.norm(weight, axis=1))
    np.testing.assert_allclose(logits.detach().numpy(), 30 * cosine, atol=1e-4)
    torch.testing.assert_close(method.score(7 * features), logits, rtol=1e-4, atol=1e-5)
    assert not [name for name, _ in method.classifier.named_parameters() if "bias" in name]
    with torch.no_grad():
        method.classifier.weight.mul_(5)
    torch.testing.assert_close(method.score(features), logits, rtol=1e-4, atol=1e-5)


def test_ldam_takes_the_margin_in_units_of_the_scaled_cosine():
    image, target = torch.randn(8, 3, 16, 16), torch.tensor([0, 1, 2, 3, 4, 5, 6, 5])
    torch.manual_seed(0)
    plain = methods.build("ldam", SPEC).eval()
    cosine = plain(image).detach().double().numpy() / 30
    d = 0.5 * N**-0.25 / (N**-0.25).max()
    rows = np.arange(8)
    cosine[rows, target.numpy()] -= d[target.numpy()]
    e = np.exp(30 * cosine)
    expected = -np.log(e[rows, target.numpy()] / e.sum(1)).mean()
    assert ldam_loss(0, image, target).item() == pytest.approx(expected, rel=1e-4)
    without = ldam_loss(0, image, target, max_margin=0.0).item()
    assert without == pytest.approx(F.cross_entropy(plain(image), target).item(), rel=1e-5)
    assert without < expected


def test_ldam_defers_its_weights_to_the_last_fifth():
    image = torch.randn(4, 3, 16, 16)
    rare, common = torch.full((4,), RARE), torch.full((4,), COMMON)
    for target in (rare, common):
        early = [ldam_loss(e, image, target) for e in (0, 7)]
        assert torch.equal(*early)
    for target, direction in ((rare, 1), (common, -1)):
        change = ldam_loss(8, image, target) - ldam_loss(7, image, target)
        assert change * direction > 0
        off = [ldam_loss(e, image, target, drw=False) for e in (7, 8)]
        assert torch.equal(*off)


def test_margins_follow_the_fourth_root():
    margins = ldam_margins(torch.tensor([16, 1]), 0.5)
    torch.testing.assert_close(margins, torch.tensor([0.25, 0.5]))
