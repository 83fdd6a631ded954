"""Meta-Baseline: cosines with class means in loops, two stages, the classifier left alone."""

import copy
import math

import numpy as np
import pytest
import torch

from medtail.datamodules.core.contract import DataRequest
from medtail.methods.core.base import Recipe
from tests.methods.few_shot import build, episodes, fit, support_of


def scores_in_loops(features, target, query, scale, ways=2):
    centres = [
        np.mean([f for f, y in zip(features, target, strict=True) if y == n], axis=0)
        for n in range(ways)
    ]
    return [
        [scale * float(q @ c) / np.linalg.norm(q) / np.linalg.norm(c) for c in centres]
        for q in query
    ]


def test_scores_and_loss_in_loops():
    method, batch = build("meta_baseline").eval(), episodes()
    with torch.no_grad():
        method.log_scale.fill_(math.log(4.0))
    each = []
    for task in range(4):
        with torch.no_grad():
            f = method.features(batch.image[task]).double().numpy()
        known = batch.target[task, :6].tolist()
        scores = scores_in_loops(f[:6], known, f[6:], 4.0)
        adapted = method.adapt(support_of(batch, task))(batch.image[task, 6:])
        np.testing.assert_allclose(adapted, scores, atol=1e-4)
        for row, y in zip(scores, batch.target[task, 6:].tolist(), strict=True):
            each.append(-math.log(math.exp(row[y]) / sum(math.exp(s) for s in row)))
    assert method.loss(batch).item() == pytest.approx(sum(each) / len(each), rel=1e-4)


def test_the_mean_is_of_features_not_of_directions():
    method = build("meta_baseline")
    support = torch.tensor([[10.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [-1.0, -1.0]])
    target, query = torch.tensor([0, 0, 1, 1]), torch.tensor([[1.0, 0.1]])
    found = method.compare(support, target, query)
    assert found[0, 0].item() == pytest.approx(10.0, abs=1e-3)


def test_stage_two_has_episodes_and_a_recipe_and_stage_one_is_shared():
    one, two = build("meta_baseline").stages
    assert (one.by, one.share, two.by, two.share) == ("erm", 0.8, None, 0.2)
    assert two.recipe == Recipe("momentum", 0.001, 5e-4, 0.9, warmup=0.0, schedule="constant")
    method = build("meta_baseline")
    assert method.request(one) == DataRequest()
    assert method.request(two) == DataRequest(tasks=4)


def test_stage_two_moves_all_but_the_classifier():
    method = build("meta_baseline")
    method.stage = method.stages[1]
    before = copy.deepcopy(method.state_dict())
    trainer = fit(method, 2)
    assert trainer.callback_metrics["train/loss"].isfinite()
    assert 0 <= trainer.callback_metrics["val/balanced_accuracy"] <= 1
    after = method.state_dict()
    for key in before:
        still = key.startswith("classifier.")
        assert torch.equal(before[key], after[key]) is still, key
    assert any("running_mean" in key for key in before), "episodes move batch statistics"


def test_the_loss_falls_by_a_step_against_its_gradient_and_scale_stays_positive():
    method, batch = build("meta_baseline").eval(), episodes()
    method.enter(method.stages[1])
    loss = method.loss(batch)
    loss.backward()
    learns = {k: p for k, p in method.named_parameters() if p.requires_grad}
    assert all(p.grad is not None for p in learns.values())
    assert learns["log_scale"].grad != 0
    with torch.no_grad():
        for p in learns.values():
            p -= 1e-4 * p.grad
    assert method.loss(batch) < loss
    with torch.no_grad():
        method.log_scale.fill_(-20.0)
    assert method.findings()["scale"] > 0


def test_without_episodes_it_is_the_nearest_mean_by_cosine_of_the_shared_stage():
    method, batch = build("meta_baseline", episodes=False).eval(), episodes()
    assert [(s.name, s.by, s.share) for s in method.stages] == [("representation", "erm", 1.0)]
    assert method.stage.by == "erm"
    assert method.findings() == pytest.approx({"scale": 10.0})
    erm = build("erm").eval()
    missing, unexpected = method.load_state_dict(erm.state_dict(), strict=False)
    assert (missing, unexpected) == (["log_scale"], [])
    with torch.no_grad():
        f = erm.features(batch.image[0]).double().numpy()
    expected = scores_in_loops(f[:6], batch.target[0, :6].tolist(), f[6:], 10.0)
    np.testing.assert_allclose(
        method.adapt(support_of(batch))(batch.image[0, 6:]), expected, atol=1e-4
    )
