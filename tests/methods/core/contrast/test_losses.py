"""Contrastive losses against loops over their equations, with their limits."""

import pytest
import torch
from torch.nn import functional as F

from medtail.methods.core.contrast.losses import (
    balanced_supcon_loss,
    parametric_contrastive_loss,
    supcon_loss,
)
from medtail.methods.proco import proto_instances
from tests.methods.core.contrast.loops import (
    B,
    C,
    D,
    M,
    arrays,
    balanced_by_loops,
    by_loops,
    supcon_by_loops,
)


@pytest.mark.parametrize("alpha", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("instances", [False, True])
def test_parametric_loss_is_the_equation(drawn, alpha, instances):
    logits, q, y, keys, _ = drawn
    t = torch.linspace(-2, 3, B * C, dtype=torch.float64).view(B, C)
    found = parametric_contrastive_loss(
        logits, q, y, keys, 0.2, alpha, (t, 0.3) if instances else None
    )
    expected = by_loops(
        *arrays(logits, q, y, keys), 0.2, alpha, t.numpy() if instances else None, 0.3
    )
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_without_candidates_it_is_cross_entropy(drawn):
    logits, q, y, (keys, label), _ = drawn
    none = parametric_contrastive_loss(logits[:1], q[:1], y[:1], (keys[:0], label[:0]), 0.07, 0.05)
    torch.testing.assert_close(none, F.cross_entropy(logits[:1], y[:1]))


def test_an_anchor_without_a_positive_has_a_finite_loss(drawn):
    logits, q, _, (keys, _), _ = drawn
    y, others = torch.arange(C), torch.full((M,), C)  # all differ
    q.requires_grad_()
    loss = parametric_contrastive_loss(logits[:C], q[:C], y, (keys, others), 0.07, 0.05)
    loss.backward()
    assert loss.isfinite()
    assert q.grad.isfinite().all()
    expected = by_loops(*arrays(logits[:C], q.detach()[:C], y, (keys, others)), 0.07, 0.05)
    assert loss.item() == pytest.approx(expected)


def test_supcon_is_the_equation(drawn):
    _, _, _, (z, y), _ = drawn
    assert float(supcon_loss(z, y, 0.1)) == pytest.approx(supcon_by_loops(*arrays(z, y), 0.1))
    alone = torch.cat([y[:-1], torch.tensor([99])])  # an anchor without a positive is left out
    expected = supcon_by_loops(*arrays(z, alone), 0.1)
    assert float(supcon_loss(z, alone, 0.1)) == pytest.approx(expected)
    assert supcon_loss(z[:5], torch.arange(5), 0.1) == 0


def test_balanced_supcon_is_the_equation(drawn):
    _, _, _, (z, y), p = drawn
    found = float(balanced_supcon_loss(z, y, p, 0.07))
    assert found == pytest.approx(balanced_by_loops(*arrays(z, y, p), 0.07))


def test_in_balanced_supcon_a_common_class_weighs_as_one(drawn):
    """n equal images of a class cost every anchor what one does; in SupCon they crowd out."""
    _, q, _, _, p = drawn
    p[1] = q[2]

    def total(loss, n, *rest):
        z, y = torch.cat([q[:2], q[2:3].expand(n, D)]), torch.tensor([0, 0, *[1] * n])
        return loss(z, y, *rest, 0.2).item() * (2 + n)

    balanced = [total(balanced_supcon_loss, n, p) for n in (2, 3, 12)]
    assert (balanced[2] - balanced[1]) / 9 == pytest.approx(balanced[1] - balanced[0], rel=1e-9)
    plain = [total(supcon_loss, n) for n in (2, 3, 12)]
    assert (plain[2] - plain[1]) / 9 > 1.1 * (plain[1] - plain[0])


def test_autocast_does_not_round_the_losses(drawn):
    logits, q, y, keys, p = (
        tuple(x.float() if x.is_floating_point() else x for x in v)
        if isinstance(v, tuple)
        else v.float()
        if v.is_floating_point()
        else v
        for v in drawn
    )
    calls = [
        lambda: parametric_contrastive_loss(logits, q, y, keys, 0.07, 0.05),
        lambda: supcon_loss(*keys, 0.1),
        lambda: balanced_supcon_loss(*keys, p, 0.07),
        lambda: proto_instances(q, y, p, keys, 0.5, 0.1),
    ]
    for call in calls:
        plain = call()
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(call(), plain)
