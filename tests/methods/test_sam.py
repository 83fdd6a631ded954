"""SAM and ImbSAM: steps by hand, what is seen once, and flatter minima."""

import copy

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.errors import MedtailError
from medtail.methods import imbsam
from medtail.methods.core.base import Recipe
from medtail.methods.core.sharpness import climb, climb_back
from tests.methods.test_contract import SPEC, TinyData, build

HAND = Recipe("momentum", 0.1, 0.0, 0.0, warmup=0, schedule="constant")
BATCHES = TinyData(SPEC, DataRequest()).train_batches()
TAIL = [c for c, n in enumerate(SPEC.class_counts) if n < sum(SPEC.class_counts) / 14]


def made(name, recipe=HAND, **params):
    method = build(name)
    for key, value in params.items():
        setattr(method, key, value)
    method.recipe = recipe
    return method


def fit(method, epochs=1, **arguments):
    trainer = L.Trainer(
        accelerator="cpu", devices=1, max_epochs=epochs, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, **arguments,
    )  # fmt: skip
    trainer.fit(method.begin(method.stages[0]), TinyData(SPEC, DataRequest()))
    return trainer


def gradients(method, batch, mask=None, weight=1.0):
    """Of 1/B sum_i m_i CE_i, by a graph of its own on a copy."""
    twin = copy.deepcopy(method).train()
    each = F.cross_entropy(
        twin.classifier(twin.backbone(batch.image)), batch.target, reduction="none"
    )
    loss = weight * (each if mask is None else each[mask]).sum() / len(each)
    loss.backward()
    return {name: p.grad for name, p in twin.named_parameters()}


def moved(method, by):
    twin = copy.deepcopy(method)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            parameter += by[name]
    return twin


def upwards(g, rho):
    norm = np.sqrt(sum(v.double().square().sum().item() for v in g.values()))
    return {name: rho * v / norm for name, v in g.items()}


def by_hand(method, rho, tail=None, adaptive=False):
    for batch in BATCHES:
        if tail is None:
            g = gradients(method, batch)
            if adaptive:
                w = dict(method.named_parameters())
                norm = np.sqrt(sum((w[n].abs() * v).square().sum().item() for n, v in g.items()))
                e = {n: (rho * w[n] ** 2 * v / norm).detach() for n, v in g.items()}
            else:
                e = upwards(g, rho)
            step = gradients(moved(method, e), batch)
        else:
            rare = torch.tensor([int(y) in tail for y in batch.target])
            assert 0 < rare.sum() < len(rare)
            e = upwards(gradients(method, batch, rare, 2.0), rho)
            top = gradients(moved(method, e), batch, rare, 2.0)
            step = {n: g + top[n] for n, g in gradients(method, batch, ~rare).items()}
        method = moved(method, {name: -0.1 * g for name, g in step.items()})
    return method


def close(one, other):
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-6, msg=name)


@pytest.mark.parametrize(("adaptive", "rho"), [(False, 0.5), (True, 2.0)])
def test_sams_steps_are_those_by_hand(adaptive, rho):
    method = made("sam", rho=rho, adaptive=adaptive)
    expected = by_hand(copy.deepcopy(method), rho, adaptive=adaptive)
    trainer = fit(method)
    assert trainer.global_step == len(BATCHES)
    close(method, expected)
    away = by_hand(made("sam"), 1e-9)
    difference = [
        (a - b).abs().max() for a, b in zip(method.parameters(), away.parameters(), strict=True)
    ]
    assert max(difference) > 1e-4, "else rho is not seen"


def test_imbsams_steps_are_those_by_hand():
    method = made("imbsam", rho=0.5)
    assert [c for c, rare in enumerate(method.tail) if rare] == TAIL
    expected = by_hand(copy.deepcopy(method), 0.5, TAIL)
    fit(method)
    close(method, expected)


def test_without_a_hill_sam_is_cross_entropy_to_the_last_bit():
    recipe = Recipe("adamw", 0.01, 0.05)
    plain, flat = made("erm", recipe), made("sam", recipe, rho=0)
    one, other = fit(plain, 2), fit(flat, 2)
    for key, value in plain.state_dict().items():
        assert torch.equal(value, flat.state_dict()[key]), key
    assert one.callback_metrics["train/loss"] == other.callback_metrics["train/loss"]


def test_running_statistics_and_the_logged_loss_are_of_the_first_pass():
    for name in ("sam", "imbsam"):
        method = made(name, rho=0.5)
        norm = next(m for m in method.backbone.modules() if isinstance(m, nn.BatchNorm2d))
        seen = []

        def look(module, given, seen=seen):
            if module.training:
                seen.append(given[0].detach())

        norm.register_forward_pre_hook(look)
        running, w = norm.running_mean.clone(), copy.deepcopy(method)
        trainer = fit(method, limit_train_batches=1)
        passes = 2 if name == "sam" else 3
        assert len(seen) == passes
        assert norm.num_batches_tracked == 1
        expected = 0.9 * running + 0.1 * seen[0].mean((0, 2, 3))
        torch.testing.assert_close(norm.running_mean, expected)
        assert not torch.equal(seen[0], seen[-1]), "the last pass is at the top"
        total = w.train().loss(BATCHES[0]).item()
        assert trainer.callback_metrics["train/loss"].item() == pytest.approx(total, rel=1e-5)


def test_draws_are_repeated_in_every_pass_and_go_on_afterwards():
    for name in ("sam", "imbsam"):
        method, drawn = made(name), []
        usual = type(method).loss

        def loss(self, batch, drawn=drawn, usual=usual):
            drawn.append(torch.rand(()).item())
            return usual(self, batch)

        method.__class__ = type("Draws", (type(method),), {"loss": loss})
        fit(method)
        passes = len(drawn) // 2
        assert passes == (2 if name == "sam" else 3)
        assert len(set(drawn[:passes])) == len(set(drawn[passes:])) == 1
        assert drawn[0] != drawn[-1]


def test_climbing_has_the_length_rho_and_back_is_to_the_last_bit():
    layer = nn.Linear(5, 3)
    layer(torch.randn(4, 5)).square().sum().backward()
    before = [p.detach().clone() for p in layer.parameters()]
    saved = climb(layer, 0.3)
    far = sum((a - b).square().sum() for a, b in zip(layer.parameters(), before, strict=True))
    assert far.sqrt().item() == pytest.approx(0.3, rel=1e-5)
    climb_back(saved)
    assert all(torch.equal(a, b) for a, b in zip(layer.parameters(), before, strict=True))
    layer.zero_grad(set_to_none=False)
    climb(layer, 0.3)  # no gradient, no hill, no NaN
    assert all(torch.equal(a, b) for a, b in zip(layer.parameters(), before, strict=True))


class Product(nn.Module):
    """L = (u v - 1)^2: all u v = 1 are minima, whose curvature is 2 (u^2 + v^2)."""

    def __init__(self):
        super().__init__()
        self.u, self.v = nn.Parameter(torch.tensor(3.0)), nn.Parameter(torch.tensor(0.3))

    def step(self):
        loss = (self.u * self.v - 1).square()
        self.zero_grad()
        loss.backward()


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_ends_where_it_is_flatter(adaptive):
    """Of a rescaling nothing is flatter to the adaptive one, so it stays nearer."""
    curvature = {}
    for rho in (0.0, 0.3):
        network = Product()
        for _ in range(2000):
            network.step()
            saved = climb(network, rho, adaptive=adaptive)
            network.step()
            climb_back(saved)
            with torch.no_grad():
                for p in network.parameters():
                    p -= 0.01 * p.grad
        u, v = network.u.item(), network.v.item()
        assert abs(u * v - 1) < 0.3
        curvature[rho] = u * u + v * v
    assert curvature[0.3] < (0.9 if adaptive else 0.5) * curvature[0.0]


def test_head_and_tail():
    logits, target = torch.randn(6, 7), torch.tensor([1, 5, 0, 6, 1, 2])
    rare = torch.zeros(7, dtype=torch.bool)
    rare[[2, 5, 6]] = True
    log_p = logits.log_softmax(1)
    head, tail = imbsam.head_and_tail(logits, target, rare, 2.0)
    assert head.item() == pytest.approx(-(log_p[0, 1] + log_p[2, 0] + log_p[4, 1]).item() / 6)
    assert tail.item() == pytest.approx(-2 * (log_p[1, 5] + log_p[3, 6] + log_p[5, 2]).item() / 6)
    counts = torch.tensor(SPEC.class_counts)
    assert imbsam.tail_classes(counts, 0).nonzero().flatten().tolist() == [2, 3, 5, 6]
    assert imbsam.tail_classes(counts, 100).nonzero().flatten().tolist() == [5, 6]
    assert not imbsam.tail_classes(torch.tensor([40, 40, 40]), 0).any()
    assert made("imbsam").findings()["tail/DF"] == 1
    assert made("imbsam").findings()["tail/NV"] == 0


def test_limits_of_imbsam():
    """No tail: plain steps of the head; all tail with weight 1: SAM."""
    none, plain = made("imbsam", tail=torch.zeros(7, dtype=torch.bool), rho=0.5), made("erm")
    fit(none)
    fit(plain)
    close(none, plain)
    every = made("imbsam", tail=torch.ones(7, dtype=torch.bool), rho=0.5, weight=1.0)
    sam = made("sam", rho=0.5)
    fit(every)
    fit(sam)
    close(every, sam)


@pytest.mark.parametrize("name", ["sam", "imbsam"])
def test_what_would_not_be_the_method_is_refused(name):
    with pytest.raises(MedtailError, match=f"^{name}: climbs by a whole batch: write accumulate"):
        fit(made(name), accumulate_grad_batches=2)
    with pytest.raises(MedtailError, match=f"{name}: rho must be in"):
        build(name).__class__(SPEC, rho=-1)
    with pytest.raises(MedtailError, match="adaptive must be"):
        made("sam").__class__(SPEC, adaptive=1)
