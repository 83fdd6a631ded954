"""Few-shot methods: what all of them must hold, and the formulas of their papers."""

import copy
import math
import pickle

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import datamodules
import methods
from benchmark.cell import Budget, Cell, Terms
from benchmark.tracks import episodic
from datamodules.core.contract import Batch, DataSpec, EpisodeShape
from datamodules.core.errors import MedtailError
from methods import daml, fine_tuning, protonet, relationnet, reptile
from methods.core.base import Recipe

HAM10000 = (778, 4693, 359, 769)  # the common classes


def spec(shape=EpisodeShape(2, 3, 4), channels=3):  # noqa: B008 - a tuple
    names = ("MEL", "NV", "BCC", "BKL")
    return DataSpec(
        "fake@shot3", names, HAM10000, (16, 16), channels, track="few_shot", episodes=shape
    )


ALL = sorted(n for n, m in methods.registry().items() if not m.refuses(spec()))
EPISODIC = ["anil", "daml", "maml", "protonet", "relationnet", "reptile"]
GRADIENT = ["anil", "daml", "maml"]


def episodes(tasks=4, seed=0, shape=EpisodeShape(2, 3, 4), channels=3):  # noqa: B008
    """Classes that differ by their mean colour, another pair in each task."""
    rng = np.random.default_rng(seed)
    n, k, q = shape
    target = np.concatenate([np.arange(n).repeat(k), np.arange(n).repeat(q)])
    colour = 2 * rng.normal(size=(tasks, n, channels, 1, 1))
    noise = rng.normal(size=(tasks, len(target), channels, 16, 16))
    image = torch.tensor(noise + colour[:, target]).float()
    index = torch.arange(tasks * len(target)).view(tasks, -1)
    return Batch(image, torch.tensor(target).expand(tasks, -1), index)


def support_of(batch, task=0, size=6):
    return Batch(*(part[task, :size] for part in batch[:3]))


# Second derivatives of five steps take their time.
QUICK = {name: {"steps": 2, "test_steps": 3} for name in ("anil", "daml", "maml", "reptile")}
QUICK["fine_tuning"] = {"steps": 3}


def build(name, seed=0, given=None, **params):
    L.seed_everything(seed, verbose=False)
    backbone = "test_resnet" if name == "bbn" else "conv4"
    params = QUICK.get(name, {}) | params
    return methods.build(name, given or spec(), backbone=backbone, **params)


class Meta(L.LightningDataModule):
    def train_dataloader(self):
        return DataLoader([episodes(seed=s) for s in range(3)], batch_size=None)

    def val_dataloader(self):
        return DataLoader([episodes(seed=s) for s in (8, 9)], batch_size=None)


def fit(method, epochs=2, lr=1e-3, **arguments):
    method.recipe = Recipe("adam", lr=lr, weight_decay=0)
    method.enter(method.stage)
    trainer = L.Trainer(
        accelerator="cpu", devices=1, max_epochs=epochs, logger=False, inference_mode=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, **arguments,
    )  # fmt: skip
    trainer.fit(method, Meta())
    return trainer


def test_every_long_tail_method_is_a_feature_extractor():
    assert {"erm", "balanced_softmax", "bbn", "ncm", "fine_tuning", *EPISODIC} <= set(ALL)


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
    torch.testing.assert_close(apart, logits, rtol=1e-3, atol=1e-4)  # a query by itself
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


@pytest.mark.parametrize("name", EPISODIC)
def test_learning_shows(name):
    """Tasks of two colours are learnt: fresh ones are solved better than at the start."""
    method = build(name)
    accuracy = []
    for _ in range(2):
        method.eval()
        right = [
            (method.adapt(support)(query.image).argmax(1) == query.target).float().mean()
            for support, query in method.halves(episodes(tasks=20, seed=77))
        ]
        accuracy.append(float(torch.stack(right).mean()))
        fit(method, epochs=6, lr=3e-3)
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
    ],
)  # fmt: skip
def test_bad_arguments_are_one_clear_line(name, params):
    with pytest.raises(MedtailError, match=next(iter(params))) as caught:
        build(name, **params)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [8, 15])
def test_conv4_refuses_images_that_it_would_halve_to_nothing(size):
    given = DataSpec("tiny", ("a", "b"), (5, 5), (size, 28))
    with pytest.raises(MedtailError, match="16 px or more"):
        methods.build("erm", given, backbone="conv4")
    with pytest.raises(MedtailError, match="no pretrained weights"):
        methods.build("erm", spec(), backbone="conv4", pretrained=True)


def test_conv4_is_convolution_norm_relu_pool():
    method = build("erm").eval()
    assert sum(p.numel() for p in method.backbone.parameters()) == 64 * 27 + 3 * 64 * 576 + 8 * 64
    image = episodes(1).image[0]
    x = image
    for block in range(4):
        conv, norm = method.backbone[4 * block : 4 * block + 2]
        x = nn.functional.max_pool2d(norm(conv(x)).relu(), 2)
    torch.testing.assert_close(method.features(image), x.flatten(1))


def run(name, tmp_path, cache, **params):
    budget = Budget(epochs=1, batch_size=64, optimizer="adam", lr=1e-3, precision="32-true")
    terms = Terms(
        data="phantom@shot1", data_params={"count": 400}, image_size=(16, 16), backbone="conv4",
        budget=budget, test_episodes=40,
    )  # fmt: skip
    data = datamodules.build("phantom@shot1", 16, cache=cache, count=400)
    data.prepare()
    cell = Cell(method=name, params=params, seed=len(params), terms=terms)
    return data, episodic.run(cell, data, tmp_path, 1, lambda line: None)


def test_all_methods_are_tested_on_the_same_episodes(tmp_path, cache_folder):
    scored = {
        name: run(name, tmp_path, cache_folder, **params)
        for name, params in [
            ("protonet", {}), ("erm", {}), ("maml", {"steps": 1, "first_order": True}),
            ("fine_tuning", {"steps": 2}),
        ]
    }  # fmt: skip
    (data, first), *others = scored.values()
    assert first.scored_names == data.plan.sought == ("phantom_akiec", "phantom_df", "phantom_vasc")
    assert sum(first.support) == len(data.rows("test"))
    assert first.metrics["episodes"] == 40
    for _, other in others:
        for column in ("id", "group", "target", "episode", "source_class"):
            assert (getattr(other.test, column) == getattr(first.test, column)).all()
        assert other.metrics["episode_list"] == first.metrics["episode_list"]
        assert not np.array_equal(other.test.logits, first.test.logits)
    by_id = dict(zip(data.table.id, data.table.target, strict=True))
    names = [data.class_names[by_id[i]] for i in first.test.id]
    assert names == [first.scored_names[c] for c in first.test.source_class]
    # The stage of the common classes is trained once.
    assert scored["fine_tuning"][1].stages[0].shared


def test_an_episode_does_not_depend_on_those_before_it(tmp_path, cache_folder):
    data, scored = run("fine_tuning", tmp_path, cache_folder, steps=2)
    listed, lines = data.test_episodes(60), []
    method = scored.method
    whole = episodic.judge(method, data, listed, 0, lines.append)
    assert lines == ["test episode 50/60"]
    assert np.array_equal(episodic.judge(method, data, listed[:10], 0, lines.append), whole[:300])
    assert not np.array_equal(
        episodic.judge(method, data, listed[:10], 1, lines.append), whole[:300]
    )


def test_daml_is_maml_in_its_warm_up():
    methods_ = [build("maml"), build("daml", warmup=1.0), build("daml", warmup=0.0)]
    losses = []
    for method in methods_:
        method.trainer = L.Trainer(max_epochs=4, logger=False, accelerator="cpu", barebones=True)
        losses.append(method.loss(episodes()).detach())
    assert losses[0] == losses[1]
    assert losses[2] != losses[1]
    assert methods_[1].findings() == {"largest task weight": 0}
    assert methods_[2].findings()["largest task weight"] > 0


def test_daml_normalises_by_chance_and_begins_by_epochs():
    three = spec(EpisodeShape(3, 1, 2))
    plain, unit = (build("daml", given=three, normalise_loss=n, warmup=0.5) for n in (False, True))
    at = torch.tensor([math.log(3)])
    for method, epoch in ((plain, 1), (plain, 2), (unit, 2)):
        method.trainer = L.Trainer(max_epochs=4, logger=False, accelerator="cpu", barebones=True)
        method.trainer.fit_loop.epoch_progress.current.processed = epoch
        method.trainer.fit_loop.epoch_progress.current.completed = epoch
        if epoch == 1:
            assert method.objective(at) == at
        else:
            chance = 1.0 if method is unit else math.log(3)
            assert method.objective(at).item() == pytest.approx(chance**5 * 4.60517, rel=1e-4)


def test_daml_clips_the_gradient():
    norms = []

    class Watch(L.Callback):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            norms.append(float(nn.utils.get_total_norm([p.grad for p in pl_module.parameters()])))

    fit(build("daml", clip=1e-3, warmup=0.0), 1, callbacks=[Watch()])
    assert norms == pytest.approx([1e-3] * 3, rel=1e-2)


def test_symmetries_of_the_support_images():
    torch.manual_seed(0)
    image = torch.arange(16.0).view(1, 1, 4, 4).expand(400, 1, 4, 4)
    turned = fine_tuning.symmetric(image)
    assert len({tuple(t.flatten().tolist()) for t in turned}) == 8
    assert turned.sort(-1).values.sum() >= 0
    wide = fine_tuning.symmetric(torch.arange(8.0).view(1, 1, 2, 4).expand(200, 1, 2, 4))
    assert len({tuple(t.flatten().tolist()) for t in wide}) == 4
    assert wide.shape == (200, 1, 2, 4)


# The formulas of the papers.


@pytest.mark.parametrize(
    ("loss", "eta", "value"),
    [(0.9, 3, 1.679), (1.0, 5, 4.605), (0.99, 1, 4.559), (0.5, 5, 0.02166), (2.0, 1, 9.210)],
)
def test_difficulty_aware_loss(loss, eta, value):
    got = float(daml.difficulty_aware(torch.tensor(loss, dtype=torch.float64), eta, 0.01))
    assert got == pytest.approx(-(loss**eta) * math.log(max(0.01, 1 - loss)), rel=1e-9)
    assert got == pytest.approx(value, rel=1e-3)


# Table of papers/daml.md, section A2: f'(L).
WEIGHTS = {
    1: [0.216, 0.473, 0.785, 1.69, 3.44, 11.3, 22, 4.6, 4.6],
    3: [0.0043, 0.037, 0.135, 0.77, 2.79, 12.9, 25, 16.7, 31],
    5: [6e-5, 0.0022, 0.018, 0.279, 1.88, 13.5, 28, 33.5, 117],
    7: [8e-7, 1e-4, 0.0021, 0.091, 1.17, 13.3, 29, 57, 367],
}


@pytest.mark.parametrize("eta", WEIGHTS)
def test_task_weight_is_the_derivative(eta):
    at = torch.tensor([0.1, 0.2, 0.3, 0.5, math.log(2), 0.9, 0.95, 1.10, 1.5]).double()
    got = daml.task_weight(at, eta, 0.01)
    np.testing.assert_allclose(got, WEIGHTS[eta], rtol=0.16)  # the table has one or two digits
    at.requires_grad_()
    (slope,) = torch.autograd.grad(daml.difficulty_aware(at, eta, 0.01).sum(), at)
    torch.testing.assert_close(got, slope)


def test_daml_prefers_difficult_tasks_and_the_cliff_is_where_the_paper_has_it():
    losses = torch.tensor([0.2, 0.4, 0.6, 0.9])
    share = {eta: daml.task_weight(losses, eta, 0.01) for eta in (1, 5)}
    share = {eta: (100 * w / w.sum()).tolist() for eta, w in share.items()}
    assert share[1] == pytest.approx([3, 8, 16, 74], abs=0.7)
    assert share[5] == pytest.approx([0.02, 0.6, 5.5, 94], abs=0.5)
    edge = daml.task_weight(torch.tensor([0.98999, 0.99001]).double(), 5, 0.01)
    assert edge.tolist() == pytest.approx([116, 22], rel=0.02)


def test_prototypes_and_distances():
    rng = np.random.default_rng(0)
    features, target, query = (
        rng.normal(size=(6, 4)),
        np.array([2, 0, 1, 2, 1, 0]),
        rng.normal(size=(5, 4)),
    )
    centres = np.stack([features[target == n].mean(0) for n in range(3)])
    got = protonet.prototypes(torch.tensor(features), torch.tensor(target), 3)
    np.testing.assert_allclose(got, centres, rtol=1e-6)
    expected = [[-(np.linalg.norm(q - c) ** 2) for c in centres] for q in query]
    logits = protonet.negative_distances(torch.tensor(query), torch.tensor(centres))
    np.testing.assert_allclose(logits, expected)
    assert logits.argmax(1).tolist() == np.argmin(-np.array(expected), 1).tolist()


def test_pairs_are_every_class_beside_every_query():
    query, classes = torch.arange(6.0).view(3, 2), 10 * torch.arange(4.0).view(2, 2)
    got = relationnet.pairs(query, classes)
    for q in range(3):
        for n in range(2):
            assert got[q, n].tolist() == [*classes[n].tolist(), *query[q].tolist()]


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
