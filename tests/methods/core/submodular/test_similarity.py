"""Gradients and their products, against autograd and written gradients."""

import numpy as np
import torch
from torch.nn import functional as F

from medtail.methods.core.submodular.similarity import (
    gradient_factors,
    inner_products,
    squared_norms,
    unit,
)


def test_gradient_factors_are_those_of_autograd():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(5, 3, generator=draw, dtype=torch.float64)
    target = torch.tensor([0, 3, 1, 1, 2])
    layer = torch.nn.Linear(3, 4).double()
    for labels in (target, None):
        logits = layer(features)
        used = logits.argmax(1) if labels is None else labels
        d, h = gradient_factors(logits.detach(), features, labels)
        _, plain = gradient_factors(logits.detach(), features, labels, bias=False)
        for i in range(5):
            layer.zero_grad()
            F.cross_entropy(layer(features[i : i + 1]), used[i : i + 1]).backward()
            torch.testing.assert_close(torch.outer(d[i], h[i])[:, 0], layer.bias.grad)
            torch.testing.assert_close(torch.outer(d[i], h[i])[:, 1:], layer.weight.grad)
            torch.testing.assert_close(torch.outer(d[i], plain[i]), layer.weight.grad)


def test_products_of_factors_are_products_of_gradients():
    draw = torch.Generator().manual_seed(1)
    a = (torch.randn(6, 3, generator=draw), torch.randn(6, 4, generator=draw))
    b = (torch.randn(5, 3, generator=draw), torch.randn(5, 4, generator=draw))
    left, right = (
        np.array([np.kron(u, v) for u, v in zip(*map(np.array, p), strict=True)]) for p in (a, b)
    )
    np.testing.assert_allclose(inner_products(a, b), left @ right.T, atol=1e-5)
    np.testing.assert_allclose(squared_norms(a), (left**2).sum(1), rtol=1e-5)
    cosine = left @ right.T / np.outer(np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1))
    np.testing.assert_allclose(inner_products(unit(a), unit(b)), cosine, atol=1e-6)


def test_a_confident_image_still_has_a_direction():
    """1 - p rounds to 0 where the other classes' probabilities do not."""
    logits = torch.tensor([[50.0, 0.0, 0.0], [50.0, 0.0, -300.0]], dtype=torch.float64)
    d, _ = unit(gradient_factors(logits, torch.ones(2, 2)))
    expected = torch.tensor([[-2.0, 1.0, 1.0], [-1.0, 1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(d, F.normalize(expected, dim=1), atol=1e-12, rtol=0)


def test_similarity_to_a_wrong_query_has_the_sign_of_the_prediction():
    """A rare query called common is like images called rare, and unlike images called common."""
    query = gradient_factors(torch.tensor([[3.0, 0.0]]), torch.ones(1, 2), torch.tensor([1]))
    pool = gradient_factors(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.ones(2, 2))
    similarity = inner_products(unit(pool), unit(query))[:, 0]
    torch.testing.assert_close(similarity, torch.tensor([1.0, -1.0], dtype=torch.float64))
