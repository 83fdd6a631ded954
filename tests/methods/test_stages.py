"""Methods of several stages, and what the base does for them."""

import sys

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods.core.base import Method, Recipe
from medtail.methods.core.monitor import balanced_accuracy
from medtail.methods.ncm import class_means
from medtail.methods.tau_norm import norm_count_correlation, tau_normalised

SPEC = DataSpec("ham", tuple("abcdefg"), (778, 4693, 359, 228, 769, 80, 98), (16, 16))


def batch(seed: int = 0, size: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(size, 3, 16, 16, generator=generator)
    return Batch(image, torch.arange(size) % 7, torch.arange(size))


@pytest.fixture
def plain():
    torch.manual_seed(7)
    method = methods.build("erm", SPEC)
    with torch.no_grad():
        # Norms and biases that differ, as after a training on imbalanced data.
        method.classifier.weight.mul_(torch.linspace(0.5, 3, 7)[:, None])
        method.classifier.bias.copy_(torch.linspace(-1, 1, 7))
    return method.eval()


def second_stage(name: str, plain: nn.Module):
    torch.manual_seed(1)
    method = methods.build(name, SPEC)
    method.load_state_dict(plain.state_dict(), strict=False)
    return method.begin(method.stages[1])


def test_crt_starts_its_classifier_anew_on_the_loaded_backbone(plain):
    method = second_stage("crt", plain)
    for key, value in method.backbone.state_dict().items():
        assert torch.equal(value, plain.backbone.state_dict()[key])
    assert not torch.equal(method.classifier.weight, plain.classifier.weight)
    # Drawn as nn.Linear draws: uniform within 1 / sqrt(D).
    assert method.classifier.weight.abs().max() <= method.num_features**-0.5
    learns = {name for name, value in method.named_parameters() if value.requires_grad}
    assert learns == {"classifier.weight", "classifier.bias"}
    assert method.request(method.stages[1]).sampler == "class_balanced"


def test_lws_keeps_the_uniformly_trained_classifier_and_learns_scales_only(plain):
    """Not cRT's classifier, and with the bias it was trained with."""
    method = second_stage("lws", plain)
    assert torch.equal(method.classifier.weight, plain.classifier.weight)
    assert torch.equal(method.classifier.bias, plain.classifier.bias)
    image = batch().image
    method.eval()
    assert torch.equal(method(image), plain(image))
    assert [name for name, value in method.named_parameters() if value.requires_grad] == ["scale"]
    assert method.scale.shape == (7,)
    with torch.no_grad():
        method.scale.copy_(torch.arange(7.0))
    torch.testing.assert_close(method(image), torch.arange(7.0) * plain(image))
    assert method.findings() == {f"scale/{c}": float(i) for i, c in enumerate("abcdefg")}
    assert method.request(method.stages[1]).sampler == "class_balanced"


ADAMW = Recipe("adamw", lr=0.003, weight_decay=0.05)


def optimiser(method: Method) -> torch.optim.Optimizer:
    method.trainer = L.Trainer(max_steps=10, logger=False, accelerator="cpu", barebones=True)
    (chosen,), _ = method.configure_optimizers()
    return chosen


def test_a_stage_has_the_suites_optimiser_or_its_own(plain):
    for name in ("erm", "crt"):
        method = plain if name == "erm" else second_stage(name, plain)
        method.recipe, method.stage = ADAMW, method.stages[-1]
        assert isinstance(optimiser(method), torch.optim.AdamW)
    method = second_stage("lws", plain)
    method.recipe = ADAMW
    own = optimiser(method)
    assert isinstance(own, torch.optim.SGD)
    assert [p for group in own.param_groups for p in group["params"]] == [method.scale]
    (group,) = (group for group in own.param_groups if group["params"])
    assert group["initial_lr"] == group["lr"] == 0.05
    assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.9, False, 0)


def test_who_has_an_optimiser_of_its_own_says_so_in_its_card():
    own = {n for n in methods.registry() if any(s.recipe for s in methods.build(n, SPEC).stages)}
    assert {"lws", "mislas", "disalign", "ib_loss", "weight_balancing"} <= own
    for name in own:
        card = sys.modules[methods.get(name).__module__].__doc__
        assert "optimiser" in card.partition("Deviations:")[2], name
    assert not own & {"erm", "crt", "bbn", "mixup", "ldam"}


def test_lws_learns_its_scales_under_the_suites_adamw(plain):
    """An AdamW step is at most about its rate, 0.003: 150 of them, annealed, move by 0.24."""
    method = second_stage("lws", plain)
    features = torch.eye(7, method.num_features)
    with torch.no_grad():
        # Separable: every class has its own feature, and a row that is too short for it.
        method.classifier.weight.copy_(0.5 * features)
        method.classifier.bias.zero_()
    method.features = lambda image: features[: len(image)]
    method.recipe = ADAMW
    steps = [batch(size=7)._replace(target=torch.arange(7))] * 150
    trainer = L.Trainer(max_epochs=1, accelerator="cpu", barebones=True)
    data = L.LightningDataModule.from_datasets()
    data.train_dataloader = lambda: DataLoader(steps, batch_size=None)
    data.spec, data.ask = SPEC, lambda request, epochs: None
    trainer.fit(method, datamodule=data)
    assert ((method.scale - 1).abs() > 0.5).all()


@pytest.mark.parametrize("name", ["crt", "lws"])
def test_frozen_batch_statistics_stay(name, plain):
    method = second_stage(name, plain)
    before = {key: value.clone() for key, value in method.backbone.state_dict().items()}
    method.train()
    method.loss(batch(3)).backward()
    assert method.training
    assert all(torch.equal(before[k], v) for k, v in method.backbone.state_dict().items())
    assert not any(module.training for module in method.backbone.modules())


def test_freezing_without_names_freezes_all(plain):
    plain.freeze().train()
    assert not any(value.requires_grad for value in plain.parameters())
    assert not plain.backbone.training


@pytest.mark.parametrize("tau", [0.0, 0.7, 1.0, 2.0])
def test_tau_normalised(tau):
    weight = np.random.default_rng(0).normal(size=(7, 5)) * np.arange(1, 8)[:, None]
    norm = np.sqrt((weight**2).sum(1, keepdims=True))
    got = tau_normalised(torch.tensor(weight), tau).numpy()
    np.testing.assert_allclose(got, weight / norm**tau, rtol=1e-9)
    # At 0 as it was, at 1 of norm 1, beyond it the small are the largest.
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), norm[:, 0] ** (1 - tau), rtol=1e-9)


def test_tau_is_chosen_by_validation_without_the_bias(plain):
    method = methods.build("tau_norm", SPEC)
    method.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        # Directions are right, norms grow with the class: only a tau near 1 finds all classes.
        method.classifier.weight.copy_(torch.eye(7, method.num_features))
        method.classifier.weight.mul_(torch.tensor([1.0, 2, 4, 8, 16, 32, 64])[:, None])
    val = batch(size=14)
    features = F.one_hot(val.target, method.num_features).float() + 0.6
    method.features = lambda image: features
    method.conclude([], [val])
    at = {t: method.logits_at(features, t) for t in (0.0, float(method.tau))}
    assert balanced_accuracy(at[0.0], val.target) < 0.5
    assert balanced_accuracy(at[float(method.tau)], val.target) == 1
    assert 0.5 < method.findings()["tau"] < 1.5
    # No smaller one of the grid does as well.
    smaller = method.logits_at(features, float(method.tau) - 0.1)
    assert balanced_accuracy(smaller, val.target) < 1
    torch.testing.assert_close(method(val.image), at[float(method.tau)])


def test_tau_is_not_chosen_among_rounded_logits():
    """In bfloat16 both logits are 1 at tau 0 and at 0.1: of equal taus the smallest would win."""
    method = methods.build("tau_norm", DataSpec("two", ("a", "b"), (60, 40), (16, 16)))
    with torch.no_grad():
        method.classifier.weight.zero_()[:, :2] = torch.tensor([[1.0, 0], [0, 1.001]])
    features = F.pad(torch.tensor([[1.0005, 1], [0.5, 1]]), (0, method.num_features - 2))
    method.features = lambda image: features
    val = batch(size=2)
    assert method.logits_at(features, 0.0)[0].diff() > 0, "wrong by 0.0005 at tau 0"
    with torch.autocast("cpu", torch.bfloat16):
        first, second = (method.logits_at(features, tau) for tau in (0.0, 1.0))
        assert torch.equal(first, second), "else this tests nothing"
        method.finish([], [val])
    exact = float(method.tau)
    method.conclude([], [val])
    assert exact == float(method.tau) > 0.4


def test_tau_norm_tells_whether_norms_follow_counts(plain):
    method = methods.build("tau_norm", SPEC)
    method.load_state_dict(plain.state_dict(), strict=False)
    norm = np.linalg.norm(plain.classifier.weight.detach().numpy(), axis=1)
    expected = np.corrcoef(np.log(SPEC.class_counts), norm)[0, 1]
    method.tau.fill_(0.7)
    found = method.findings()
    assert found["norm_count_correlation"] == pytest.approx(expected, rel=1e-5)
    assert found["tau"] == pytest.approx(0.7)
    counts = torch.tensor(SPEC.class_counts)
    grown = torch.eye(7) * counts.log()[:, None]
    assert norm_count_correlation(grown, counts) == pytest.approx(1)
    assert norm_count_correlation(8 * torch.eye(7) - 0.5 * grown, counts) == pytest.approx(-1)
    # Without imbalance there is nothing to follow, and no NaN in a record.
    assert norm_count_correlation(grown, torch.full((7,), 40)) is None
    assert norm_count_correlation(torch.eye(7), counts) is None
    balanced = DataSpec("balanced", tuple("abc"), (40, 40, 40), (16, 16))
    assert methods.build("tau_norm", balanced).findings().keys() == {"tau"}


def test_tau_norm_drops_the_bias(plain):
    method = methods.build("tau_norm", SPEC).eval()
    method.load_state_dict(plain.state_dict(), strict=False)
    image = batch().image
    torch.testing.assert_close(method(image), plain(image) - plain.classifier.bias)


def test_class_means():
    rng = np.random.default_rng(0)
    features, target = rng.normal(size=(20, 5)), rng.integers(0, 3, 20)
    got = class_means(torch.tensor(features), torch.tensor(target), 4)
    for c in range(3):
        np.testing.assert_allclose(got[c].numpy(), features[target == c].mean(0), rtol=1e-9)
    assert (got[3] == 0).all()


def test_ncm_answers_the_nearest_mean_by_cosine(plain):
    method = methods.build("ncm", SPEC)
    method.load_state_dict(plain.state_dict(), strict=False)
    train = [batch(seed, 14) for seed in range(3)]
    method.conclude(train, [])
    with torch.no_grad():
        features = plain.backbone(torch.cat([b.image for b in train])).numpy()
    target = torch.cat([b.target for b in train]).numpy()
    means = np.stack([features[target == c].mean(0) for c in range(7)])
    query = train[0]
    q = features[:14]
    cosine = (q @ means.T) / np.outer(np.linalg.norm(q, axis=1), np.linalg.norm(means, axis=1))
    scores = method(query.image).detach().numpy()
    np.testing.assert_allclose(scores, 30 * cosine, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(method.means, torch.zeros_like(method.means))
