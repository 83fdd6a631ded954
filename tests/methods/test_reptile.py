"""Reptile: its inner Adam without momentum, by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from medtail.methods import reptile


def test_reptile_trains_with_adam_without_momentum():
    torch.manual_seed(0)
    net = nn.Linear(3, 2).double()
    batches = [(torch.randn(4, 3).double(), torch.tensor([0, 1, 0, 1])) for _ in range(3)]
    got, met = reptile.trained(net, batches, 0.01)
    weight, bias = (p.detach().numpy().copy() for p in (net.weight, net.bias))
    seen, losses = [np.zeros((2, 3)), np.zeros(2)], []
    for step, (x, y) in enumerate(batches, 1):
        z = x.numpy() @ weight.T + bias
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        losses.append(-np.log(p[range(4), y]).mean())
        error = (p - np.eye(2)[y]) / 4
        for k, slope in enumerate((error.T @ x.numpy(), error.sum(0))):
            seen[k] = 0.999 * seen[k] + 0.001 * slope**2
            move = 0.01 * slope / (np.sqrt(seen[k] / (1 - 0.999**step)) + 1e-8)
            weight, bias = (weight - move, bias) if k == 0 else (weight, bias - move)
    np.testing.assert_allclose(got["weight"], weight, rtol=1e-6)
    np.testing.assert_allclose(got["bias"], bias, rtol=1e-6)
    assert met == pytest.approx(np.mean(losses))
