"""Cells on features: the same as a plain loop; every method in every track, or n/a, and why."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from timm.optim import create_optimizer_v2
from torch.nn import functional as F

from medtail import methods
from medtail.benchmark.execution import worker
from medtail.benchmark.execution.store import Store
from medtail.benchmark.execution.trial import refusal
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.tracks import supervised
from medtail.datamodules.core.loading.features import views_drawn
from medtail.datamodules.core.loading.samplers import StepSampler
from medtail.methods.core.stages import learning_rate_factor
from tests.benchmark.features.own import BUDGET, features_of, on_features

REGIME = {"long_tail": "lt20", "few_shot": "shot1", "one_class": "binary20", "active": "active"}
IMAGES = {
    "mixup": "it mixes images",
    "remix": "it mixes images",
    "balanced_mixup": "it mixes images",
    "mislas": "it mixes images",  # in the stage that it shares with mixup
    "cmo": "it pastes images",
    "cutpaste": "it draws on images",
    "middle_class_occ": "it draws on images",
    "perturbation_occ": "it draws on images",
    "rotnet": "it turns images",
    "padim": "it looks at maps of images",
    "patchcore": "it looks at maps of images",
    "rd4ad": "it looks at maps of images",
    "ganomaly": "it rebuilds images",
    "autoencoder": "it needs images, not features (",
    "ae_u": "it needs images, not features (",
    "doc": "it needs images, not features (",
    "fine_tuning": "it needs images, not features (",
    **{
        name: f"it needs images, not features ({name}: needs a ResNet of timm"
        for name in ("bbn", "ride", "sade", "balpoe", "rsg")
    },
}
ABOVE = "above its backbone to train: write head: mlp"
EMBEDS = {"protonet": ABOVE, "matching_net": ABOVE}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    prepared.cache_clear()
    yield
    prepared.cache_clear()


def by_hand(cell, features, target, train):
    """Cross-entropy on the views that an epoch draws, with nothing of Lightning's."""
    data, budget = prepared(cell.terms), cell.terms.budget
    epochs = budget.epochs
    method = supervised.make("erm", {}, cell.terms, cell.seed, data)
    layer = method.classifier
    seed, size = supervised.stage_seed(cell.seed, 0), budget.batch_size
    sampler = StepSampler(target[train], ("instance",), size, seed, epochs)
    optimizer = create_optimizer_v2(
        method, opt=budget.optimizer, lr=budget.lr, weight_decay=budget.weight_decay
    )
    step, steps = 0, epochs * len(sampler)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for drawn in sampler:
            for group in optimizer.param_groups:
                group["lr"] = budget.lr * learning_rate_factor(step, steps, epochs, method.recipe)
            rows = train[[d.row for d in drawn]]
            places = np.array([d.position for d in drawn])
            view = views_drawn(seed, epoch, 0, places, features.shape[1])
            given = torch.from_numpy(features[rows, view].astype(np.float32))
            optimizer.zero_grad()
            F.cross_entropy(layer(given), torch.from_numpy(target[rows])).backward()
            optimizer.step()
            step += 1
    with torch.no_grad():
        return layer(torch.from_numpy(features[data.rows("test"), 0].astype(np.float32))).numpy()


def test_a_cell_is_a_plain_loop_to_the_last_bit(tmp_path):
    path, vectors = features_of(tmp_path)
    budget = BUDGET.model_copy(update={"epochs": 4, "lr": 0.03})
    cell = on_features("erm", path, selection="last", budget=budget)
    data = prepared(cell.terms)
    trained = supervised.train(cell, data, tmp_path, 1, lambda line: None)
    with torch.no_grad():
        found = trained.method(torch.from_numpy(vectors[data.rows("test"), 0]))
    logits = by_hand(cell, vectors, data.target, data.rows("train"))
    assert np.array_equal(found.numpy(), logits)
    assert (logits.argmax(1) == data.target[data.rows("test")]).mean() > 0.5


def slugs(track):
    return [name for name in methods.names() if track in methods.describe(name).tracks]


def small(method, path, track, head):
    terms = {"test_episodes": 8, "rounds": 2, "acquire": 20, "data_params": {"count": 600}}
    own = {"data": f"phantom@{REGIME[track]}"} | terms
    if track == "one_class":
        own["selection"] = "last"
    budget = BUDGET.model_copy(update={"epochs": 5})
    return on_features(method, path, head, **own, budget=budget)


@pytest.mark.parametrize("track", REGIME)
def test_a_method_that_cannot_do_without_images_says_so(tmp_path, track):
    path, _ = features_of(tmp_path, data=f"phantom@{REGIME[track]}", count=600)
    for method in slugs(track):
        for head in ("linear", "mlp"):
            cell = small(method, path, track, head)
            data = prepared(cell.terms)
            told = methods.get(method).refuses(data.spec) or refusal(cell, data)
            wanted = IMAGES.get(method, EMBEDS.get(method, "") if head == "linear" else "")
            assert (wanted in told) if wanted else not told, (method, head, told)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("head", ["linear", "mlp", "cosine"])
@pytest.mark.parametrize("track", REGIME)
def test_every_other_method_runs_on_them(tmp_path, track, head):
    path, _ = features_of(tmp_path, data=f"phantom@{REGIME[track]}", count=600)
    out = EMBEDS if head != "mlp" else {}
    for method in slugs(track):
        if method not in IMAGES and method not in out:
            cell = small(method, path, track, head)
            outcome = worker.run(Store(tmp_path / "runs").job(cell, 1))
            assert outcome.record.status == "ok", (method, outcome.record.reason)


def test_the_head_is_what_it_says():
    from medtail.datamodules.core.contract import DataSpec

    spec = DataSpec("x", ("a", "b", "c"), (5, 4, 3), (8, 8), features=6)
    plain = methods.build("erm", spec, backbone="nothing")
    given = torch.randn(4, 6)
    assert torch.equal(plain.features(given), given)
    torch.manual_seed(0)
    cosine = methods.build("erm", replace(spec, head="cosine"), backbone="nothing")
    weight, bias = cosine.classifier.weight, cosine.classifier.bias
    wanted = (
        30
        * (given / given.norm(dim=1, keepdim=True))
        @ (weight / weight.norm(dim=1, keepdim=True)).T
    )
    assert torch.allclose(cosine(given), wanted + bias, atol=1e-5)
    assert torch.allclose(cosine(given), cosine(7 * given), atol=1e-4)
    hidden = methods.build("erm", replace(spec, head="mlp"), backbone="nothing")
    assert hidden.features(given).shape == (4, 128)
    assert (hidden.features(given) >= 0).all()
