"""A linear machine of frozen features: its objective, its symmetry, its price."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn import functional as F

from medtail.methods import frozen_svm
from tests.methods.few_shot import build, episodes, support_of


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def objective(w, b, features, sign, c):
    losses = [max(0.0, 1 - y * (f @ w + b)) for f, y in zip(features, sign, strict=True)]
    return w @ w / 2 + c * sum(losses)


@pytest.mark.parametrize("c", [0.1, 1.0, 100.0])
def test_it_minimises_the_primal(c):
    features, target = drawn(9, 3), torch.arange(9) % 3
    weight, bias = frozen_svm.margins(features, target, c)
    rows = features.numpy()
    for n in range(3):
        sign = np.where(target.numpy() == n, 1, -1)
        found = objective(weight[n].numpy(), float(bias[n]), rows, sign, c)

        def primal(x, sign=sign):
            return objective(x[:3], x[3], rows, sign, c)

        starts = [np.zeros(4), np.r_[weight[n].numpy(), float(bias[n])]]
        best = min(minimize(primal, x, method="Nelder-Mead").fun for x in starts)
        assert found <= best * (1 + 1e-3)
        nothing = objective(np.zeros(3), -1.0, rows, sign, c)
        assert found <= nothing * (1 + 1e-9)


def test_two_classes_mirror_each_other_and_the_widest_gap_wins():
    features = torch.tensor([[0.0, 0.0], [0.0, 1.0], [4.0, 0.0], [4.0, 1.0]])
    weight, bias = frozen_svm.margins(features, torch.tensor([0, 0, 1, 1]), 1e3)
    torch.testing.assert_close(weight[0], -weight[1])
    wanted = torch.tensor([0.5, 0.0], dtype=torch.float64)
    torch.testing.assert_close(weight[1], wanted, atol=1e-4, rtol=0)
    assert bias[1].item() == pytest.approx(-1, abs=1e-4)


def test_an_episode_has_machines_of_directions_of_frozen_features():
    method, batch = build("frozen_svm", c=0.7).eval(), episodes()
    erm = build("erm").eval()
    assert not method.load_state_dict(erm.state_dict(), strict=False).unexpected_keys
    with torch.no_grad():
        f = F.normalize(erm.features(batch.image[0]))
    weight, bias = frozen_svm.margins(f[:6], batch.target[0, :6], 0.7)
    expected = [[float(q.double() @ w + b) for w, b in zip(weight, bias, strict=True)]
                for q in f[6:]]  # fmt: skip
    found = method.adapt(support_of(batch))(batch.image[0, 6:])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert [(s.by, s.share) for s in method.stages] == [("erm", 1.0)]
