"""What every few-shot method must hold, over the whole registry."""

import copy
import pickle

import lightning as L
import pytest
import torch

from medtail import methods
from medtail.datamodules.core.contract import EpisodeShape
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.few_shot.base import EpisodicMethod
from medtail.methods.core.own_trainer import halves
from tests import few
from tests.methods.few_shot import build, episodes, fit, spec, support_of

ALL = sorted(n for n, m in methods.registry().items() if not m.refuses(spec()))
EPISODIC = [n for n in ALL if issubclass(methods.get(n), EpisodicMethod) and n != "meta_baseline"]
GRADIENT = ["anil", "daml", "maml"]


def test_every_long_tail_method_is_a_feature_extractor():
    assert {"erm", "balanced_softmax", "bbn", "ncm", "fine_tuning"} <= set(ALL)
    assert {"anil", "daml", "maml", "protonet", "relationnet", "reptile"} <= set(EPISODIC)


@pytest.mark.parametrize("name", ALL)
def test_adapting_learns_an_episode_and_leaves_the_method_as_it_was(name):
    method = build(name).eval()
    before = copy.deepcopy(method.state_dict())
    batch = episodes(seed=5)
    torch.manual_seed(0)
    predict = method.adapt(support_of(batch))
    logits = predict(batch.image[0, 6:])
    assert logits.shape == (8, 2)
    assert logits.isfinite().all()
    assert not logits.requires_grad
    assert all(torch.equal(before[k], v) for k, v in method.state_dict().items())
    torch.manual_seed(0)
    assert torch.equal(method.adapt(support_of(batch))(batch.image[0, 6:]), logits)
    apart = torch.cat([predict(image[None]) for image in batch.image[0, 6:]])
    by_itself = torch.allclose(apart, logits, rtol=1e-3, atol=1e-4)
    assert by_itself is not bool(method.findings().get("transductive"))  # which its row says
    other = method.adapt(support_of(batch, 1))(batch.image[0, 6:])
    assert not torch.allclose(other, logits, atol=1e-4)


@pytest.mark.parametrize("name", EPISODIC)
def test_training_moves_every_weight_and_validation_adapts(name):
    method = build(name)
    before = copy.deepcopy(method.state_dict())
    trainer = fit(method)
    assert trainer.callback_metrics["train/loss"].isfinite()
    assert 0 <= trainer.callback_metrics["val/balanced_accuracy"] <= 1
    assert 0 <= trainer.callback_metrics["val/macro_auc"] <= 1
    for key, _ in method.named_parameters():
        assert not torch.equal(before[key], method.state_dict()[key]), key


@pytest.mark.parametrize("name", EPISODIC)
def test_the_loss_has_gradients_for_all_and_low_precision_does_not_touch_it(name):
    method = build(name)
    method.trainer = L.Trainer(max_epochs=10, logger=False, accelerator="cpu", barebones=True)
    values = []
    for low in (False, True):
        torch.manual_seed(1)
        state = copy.deepcopy(method.state_dict())
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = method.loss(episodes())
        assert loss.shape == ()
        assert loss.dtype == torch.float32
        method.zero_grad()
        loss.backward()
        values.append([loss.detach(), *(p.grad.clone() for p in method.parameters())])
        method.load_state_dict(state)
    assert all(v.isfinite().all() for v in values[0])
    assert any((v != 0).any() for v in values[0][1:])
    assert all(torch.equal(a, b) for a, b in zip(*values, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "epochs"),
    few([(n, 60 if n == "relationnet" else 6) for n in EPISODIC], ("protonet", 6)),
)
def test_learning_shows(name, epochs):
    """Tasks of two colours are learnt: fresh ones are solved better than at the start."""
    method = build(name)
    accuracy = []
    for _ in range(2):
        method.eval()
        right = [
            (method.adapt(support)(query.image).argmax(1) == query.target).float().mean()
            for support, query in halves(episodes(tasks=20, seed=77), method.support)
        ]
        accuracy.append(float(torch.stack(right).mean()))
        fit(method, epochs, lr=3e-3)
    assert accuracy[1] > max(0.7, accuracy[0] - 0.02), accuracy


@pytest.mark.parametrize("name", EPISODIC)
def test_the_state_travels(name):
    method = build(name)
    fit(method, 1)
    image, support = episodes(seed=5).image[0, 6:], support_of(episodes(seed=5))
    expected = method.eval().adapt(support)(image)
    anew = build(name, seed=1).eval()
    anew.load_state_dict(method.state_dict())
    assert torch.equal(anew.adapt(support)(image), expected)
    assert torch.equal(pickle.loads(pickle.dumps(method)).adapt(support)(image), expected)
    assert anew.findings() == method.findings()


@pytest.mark.parametrize("name", EPISODIC)
def test_three_ways_one_channel(name):
    shape = EpisodeShape(3, 1, 2)
    method = build(name, given=spec(shape, 1))
    method.trainer = L.Trainer(max_epochs=10, logger=False, accelerator="cpu", barebones=True)
    batch = episodes(shape=shape, channels=1)
    assert method.loss(batch).isfinite()
    assert method.eval().adapt(support_of(batch, size=3))(batch.image[0, 3:]).shape == (6, 3)


@pytest.mark.parametrize("name", GRADIENT)
def test_transductive_queries_feel_each_other_and_only_then(name):
    method = build(name, statistics="query").eval()
    batch = episodes()
    predict = method.adapt(support_of(batch))
    assert not torch.allclose(predict(batch.image[0, 6:])[:3], predict(batch.image[0, 6:9]))


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet"])
def test_networks_of_timm_adapt_too(backbone):
    L.seed_everything(0, verbose=False)
    method = methods.build("maml", spec(), backbone=backbone, steps=1, test_steps=1)
    batch = episodes(1)
    loss = method.loss(batch)
    loss.backward()
    assert all(p.grad.isfinite().all() for p in method.parameters())
    predict = method.eval().adapt(support_of(batch))
    apart = torch.cat([predict(image[None]) for image in batch.image[0, 6:]])
    torch.testing.assert_close(apart, predict(batch.image[0, 6:]), rtol=1e-3, atol=1e-3)


def test_anil_adapts_its_classifier_alone():
    method, batch = build("anil").eval(), episodes()
    features = []
    method.backbone.register_forward_hook(lambda *given: features.append(given[2].detach()))
    method.adapt(support_of(batch))(batch.image[0, 6:])
    assert torch.allclose(features[0], features[1][:6], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("maml", {"inner_lr": 0}), ("maml", {"steps": 0}), ("maml", {"statistics": "all"}),
        ("anil", {"engine": "fast"}), ("daml", {"eta": -1}), ("daml", {"eps": 0}),
        ("daml", {"warmup": 2}), ("daml", {"clip": 0}), ("reptile", {"test_steps": 0}),
        ("fine_tuning", {"steps": 0}), ("fine_tuning", {"lr": 0}),
        ("baseline_pp", {"epochs": 0}), ("baseline_pp", {"lr": 0}), ("frozen_knn", {"k": 0}),
        ("frozen_svm", {"c": 0}), ("matching_net", {"fce": 1}), ("meta_baseline", {"episodes": 1}),
        ("r2d2", {"ridge": 0}), ("r2d2", {"scale": -1}),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_clear_line(name, params):
    with pytest.raises(MedtailError, match=next(iter(params))) as caught:
        build(name, **params)
    assert "\n" not in str(caught.value)
