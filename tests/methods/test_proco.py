"""ProCo: its instances against loops, and the whole method against its parts."""

import numpy as np
import pytest
import torch

from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Recipe, Stage
from medtail.methods.core.contrast.losses import (
    parametric_contrastive_loss,
)
from medtail.methods.proco import proto_instances
from tests.methods.contrastive import PRIOR, build, exact
from tests.methods.core.contrast.loops import B, C, D, arrays, by_loops, instances_by_loops
from tests.twins import TWINS


@pytest.mark.parametrize("missing", [False, True])
def test_proto_instances_are_the_equations(drawn, missing):
    _, q, y, (keys, label), p = drawn
    if missing:  # a class without a key, its own or another's
        label = torch.where(label == y[0], (y[0] + 1) % C, label)
    found = proto_instances(q, y, p, (keys, label), 0.6, 0.1)
    expected = instances_by_loops(*arrays(q, y, p, (keys, label)), 0.6, 0.1)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    norm = torch.linalg.vector_norm(found, dim=2)
    torch.testing.assert_close(norm, torch.ones_like(norm))


def test_proto_instances_before_any_key_are_moved_prototypes(drawn):
    _, q, y, (keys, label), p = drawn
    still = proto_instances(q, y, p, (keys[:0], label[:0]), 0.5, 0.0)
    torch.testing.assert_close(still, p.expand(B, C, D))


def test_the_adversarial_step_raises_the_loss(drawn):
    logits, q, y, keys, p = drawn
    losses = []
    for eps in (0, 0.05, 0.1, 0.2, 0.5):
        a = proto_instances(q, y, p, keys, 0.5, eps)
        t = (q[:, None] * a).sum(2) / 0.07
        losses.append(float(parametric_contrastive_loss(logits, q, y, keys, 0.07, 0.05, (t, 0.05))))
    assert losses == sorted(losses)
    assert len(set(losses)) == 5


def test_proto_instances_teach_the_prototypes_only(drawn):
    _, q, y, (keys, label), p = drawn
    for value in (q, keys, p):
        value.requires_grad_()
    proto_instances(q, y, p, (keys, label), 0.5, 0.1).square().sum(2).sqrt().sum().backward()
    proto_instances(q, y, p, (keys, label), 0.5, 0.1)[:, :, 0].sum().backward()
    assert p.grad.abs().sum() > 0
    assert q.grad is None
    assert keys.grad is None


@pytest.mark.parametrize("recalibrate", ["prior", "none", "prior_on_instances"])
def test_proco_is_its_parts(recalibrate):
    """One loss of the whole method, from the encoders' outputs, by loops."""
    method = build("proco", recalibrate=recalibrate, queue=24, alpha=0.3, eta=0.7, tau=0.3)
    method.loss(exact(2))  # fills the queue
    keys_before = method.queue.filled()
    method.eval()  # so that the encoders can be asked again
    contrast = method.contrast(exact(2, 1))
    found = method.contrastive_loss(contrast).item()
    s, q, k, y = (part.detach().numpy() for part in contrast)
    w = method.classifier.weight.double()
    p = method.prototypes.layers(w)
    p = (p / p.norm(dim=1, keepdim=True)).detach().numpy()
    a = instances_by_loops(q, y, p, tuple(v.numpy() for v in keys_before), 0.5, 0.1)
    t = np.einsum("id,icd->ic", q, a) / 0.3
    u = s + (0 if recalibrate == "none" else PRIOR)
    if recalibrate == "prior_on_instances":
        t = t + np.log(7) + PRIOR
    candidates = (np.concatenate([k, keys_before[0]]), np.concatenate([y, keys_before[1]]))
    expected = by_loops(u, q, y, candidates, 0.3, 0.3, t, 0.7)
    assert found == pytest.approx(expected, rel=1e-6)


def test_proco_without_instances_is_paco():
    paco, proco = build("paco", seed=3, tau=0.07), build("proco", seed=3, eta=0)
    assert paco.state_dict().keys() == proco.state_dict().keys()
    for seed in range(3):
        assert paco.loss(exact(2, seed)).item() == proco.loss(exact(2, seed)).item()
    assert paco.loss(exact(2)).item() != build("proco", seed=3).loss(exact(2)).item()


def test_features_of_norm_one_before_the_classifier():
    plain, normed = build("proco", seed=3), build("proco", seed=3, normalize=True)
    features = torch.randn(5, plain.num_features, dtype=torch.float64)
    weight, bias = (plain.classifier.get_parameter(n).detach() for n in ("weight", "bias"))
    unit = features / features.square().sum(1, keepdim=True).sqrt()
    torch.testing.assert_close(normed.score(features), unit @ weight.T + bias)
    torch.testing.assert_close(plain.score(features), features @ weight.T + bias)
    torch.testing.assert_close(normed.score(3 * features), normed.score(features))


def test_without_the_bias_of_the_classifier():
    method = build("proco", bias=False)
    assert "classifier.bias" not in method.state_dict()
    zero = torch.zeros(1, method.num_features, dtype=torch.float64)
    assert method.score(zero).tolist() == [[0.0] * 7]
    method.loss(exact(2)).backward()
    assert method.classifier.get_parameter("weight").grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["paco", "proco"])
def test_pacos_own_optimiser(name):
    (stage,) = build(name, recipe="paco").stages
    assert stage.recipe == Recipe("momentum", 0.02, 5e-4, 0.9, warmup=10 / 400, schedule="cosine")
    assert build(name).stages[0].recipe is None
    with pytest.raises(MedtailError, match=f"unknown recipe of {name}"):
        build(name, recipe="moco")


def test_the_two_views_of_paco_by_name():
    request = build("proco", augment="randcls_sim").request(Stage("train"))
    assert (request.views, request.augment) == (2, "randcls_sim")


def test_it_trains_on_aptos_as_it_unpacks(tmp_path):
    """Its paper's second data set, on generated files."""
    TWINS["aptos2019"](tmp_path)
    budget = Budget(epochs=1, batch_size=16, optimizer="adamw", lr=0.003)
    terms = Terms(
        data="aptos2019@natural",
        local={"root": tmp_path, "cache": tmp_path / "cache"},
        image_size=(28, 28),
        budget=budget,
    )
    params = {"normalize": True, "bias": False, "augment": "randcls_sim", "recipe": "paco"}
    result = worker.run(Store(tmp_path).job(Cell(method="proco", params=params, terms=terms), 1))
    assert result.record.status == "ok", result.traceback
    assert len(result.record.metrics["recall"]) == 5
    assert "momentum" in result.record.stages[0].own_optimizer
