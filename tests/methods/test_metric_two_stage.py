"""Metric learning in stage one: losses against loops, stage two against the methods it runs."""

import copy
import pickle
from itertools import permutations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail import methods
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import supervised
from medtail.datamodules.core.contract import PK, Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Method
from medtail.methods.core.contrast.metric_losses import METRIC_LOSSES

HAM10000 = (778, 4693, 359, 228, 769, 80, 98)
SPEC = DataSpec("ham", tuple("abcdefg"), HAM10000, (16, 16))
REBALANCE = ["crt", "lws", "tau_norm", "balanced_softmax", "ncm"]
D = 8


def embedded(seed=0, apart=0.0, close=0.0):
    """Three images of each of four classes, moved towards one place a class, or all together."""
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(4).repeat_interleave(3)
    z = torch.randn(12, D, generator=g, dtype=torch.float64)
    return F.normalize(z + apart * torch.eye(D).double()[y] + close), y


def dist(a, b):
    return np.sqrt(((a - b) ** 2).sum())


def triplets(y):
    return [
        (a, p, n) for a, p, n in permutations(range(len(y)), 3) if y[a] == y[p] and y[a] != y[n]
    ]


def hard(z, y):
    each = []
    for a in range(len(z)):
        positive = max(dist(z[a], z[p]) for p in range(len(z)) if y[p] == y[a] and p != a)
        negative = min(dist(z[a], z[n]) for n in range(len(z)) if y[n] != y[a])
        each.append(max(0, 0.3 + positive - negative))
    return np.mean(each)


def all_active(z, y):
    each = [0.05 + dist(z[a], z[p]) - dist(z[a], z[n]) for a, p, n in triplets(y)]
    return np.mean([v for v in each if v > 0])


def balanced(z, y):
    of_class = []
    for c in sorted(set(y.tolist())):
        each = [0.3 + dist(z[a], z[p]) - dist(z[a], z[n]) for a, p, n in triplets(y) if y[a] == c]
        active = [v for v in each if v > 0]
        of_class.append(np.mean(active) if active else 0)
    return np.mean(of_class)


def centres(z, y):
    return {
        c: np.mean([v for v, k in zip(z, y, strict=True) if k == c], 0) for c in set(y.tolist())
    }


def triplet_centre(z, y):
    mu = centres(z, y)
    each = [
        0.3 + dist(v, mu[c]) - min(dist(v, mu[other]) for other in mu if other != c)
        for v, c in zip(z, y.tolist(), strict=True)
    ]
    return np.mean(np.maximum(each, 0))


def centre(z, y):
    mu = centres(z, y)
    return np.mean([((v - mu[c]) ** 2).sum() / 2 for v, c in zip(z, y.tolist(), strict=True)])


def pairs(z, y):
    """Per anchor: similarities to the others of its class, and to those of other classes."""
    for i in range(len(z)):
        s = [(np.dot(z[i], z[j]), y[j] == y[i]) for j in range(len(z)) if j != i]
        yield [v for v, same in s if same], [v for v, same in s if not same]


def contrastive(z, y):
    d = [(dist(z[i], z[j]), y[i] == y[j]) for i, j in permutations(range(len(z)), 2)]
    near, far = [v for v, same in d if same], [1 - v for v, same in d if not same]
    near, far = ([v for v in part if v > 0] for part in (near, far))
    return sum(np.mean(part) for part in (near, far) if part)


def multi_similarity(z, y):
    return np.mean(
        [
            np.log(1 + sum(np.exp(-2 * (s - 0.5)) for s in own)) / 2
            + np.log(1 + sum(np.exp(50 * (s - 0.5)) for s in other)) / 50
            for own, other in pairs(z, y)
        ]
    )


def circle(z, y):
    each = []
    for own, other in pairs(z, y):
        n = sum(np.exp(80 * max(0, s + 0.4) * (s - 0.4)) for s in other)
        p = sum(np.exp(-80 * max(0, 1.4 - s) * (s - 0.6)) for s in own)
        each.append(np.log1p(n * p))
    return np.mean(each)


def supcon(z, y):
    return -np.mean(
        [
            np.mean([s / 0.1 - np.log(sum(np.exp(v / 0.1) for v in own + other)) for s in own])
            for own, other in pairs(z, y)
        ]
    )


LOOPS = {
    "triplet_hard": hard,
    "triplet_all": all_active,
    "triplet_balanced": balanced,
    "triplet_center": triplet_centre,
    "contrastive": contrastive,
    "multi_similarity": multi_similarity,
    "circle": circle,
    "supcon": supcon,
    "center": centre,
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("place", [{}, {"apart": 3.0}, {"close": 5.0}], ids=str)
def test_losses_are_their_definitions(name, place):
    z, y = embedded(1, **place)
    found = METRIC_LOSSES[name](7, D).double()(z, y)
    assert found.item() == pytest.approx(LOOPS[name](z.numpy(), y.numpy()), rel=1e-6)


def test_proxy_anchor_is_its_definition():
    z, y = embedded()
    torch.manual_seed(0)
    loss = METRIC_LOSSES["proxy_anchor"](7, D).double()
    p = F.normalize(loss.proxies.detach()).numpy()
    s, own, other = z.numpy() @ p.T, [], []
    for c in range(7):
        same = y.numpy() == c
        own.append(np.log1p(np.exp(-32 * (s[same, c] - 0.1)).sum()) if same.any() else 0)
        other.append(np.log1p(np.exp(32 * (s[~same, c] + 0.1)).sum()))
    assert loss(z, y).item() == pytest.approx(sum(own) / 4 + sum(other) / 7)


def test_every_loss_is_covered():
    assert METRIC_LOSSES.keys() == LOOPS.keys() | {"proxy_anchor", "soft_triple"}


@pytest.mark.parametrize("name", METRIC_LOSSES)
def test_a_step_down_a_loss_parts_the_classes(name):
    """Steps against its gradient halve the loss and raise cos(own) - cos(others)."""
    z, y = embedded()
    torch.manual_seed(0)
    loss = METRIC_LOSSES[name](7, D).double()

    def contrast(z):
        s, same = z @ z.T, y[:, None] == y
        return (s[same].mean() - s[~same].mean()).item()

    raw = z.clone().requires_grad_()
    learnt = torch.optim.Adam([raw, *loss.parameters()], lr=0.05)
    first = loss(z, y).item()
    for _ in range(30):
        learnt.zero_grad()
        value = loss(F.normalize(raw), y)
        assert value.isfinite()
        value.backward()
        assert raw.grad.isfinite().all()
        learnt.step()
    assert value.item() < first / 2
    # With ten centres a class every image may have one for itself.
    if name != "soft_triple":
        assert contrast(F.normalize(raw.detach())) > contrast(z) + 0.2


@pytest.mark.parametrize("name", METRIC_LOSSES)
def test_collapsed_and_single_class_batches_are_finite(name):
    loss = METRIC_LOSSES[name](7, D)
    for z, y in (
        (torch.ones(6, D) / D**0.5, torch.arange(6) % 3),
        (embedded()[0].float(), torch.zeros(12).long()),
    ):
        z = z.clone().requires_grad_()
        loss(z, y).backward()
        assert z.grad is None or z.grad.isfinite().all()


def test_centres_are_running_means():
    loss, mu = METRIC_LOSSES["center"](7, D).double(), {}
    for seed in range(3):
        z, y = embedded(seed)
        loss(z, y)
        for c, mean in centres(z.numpy(), y.numpy()).items():
            mu[c] = mean if c not in mu else 0.9 * mu[c] + 0.1 * mean
    for c in range(4):
        np.testing.assert_allclose(loss.means[c], mu[c])
    assert loss.seen.tolist() == [True] * 4 + [False] * 3
    again = METRIC_LOSSES["center"](7, D).double()
    again.load_state_dict(loss.state_dict())
    assert torch.equal(again.means, loss.means)


def step(seed=0):
    g = torch.Generator().manual_seed(seed)
    image = torch.randn(8, 3, 16, 16, generator=g), torch.randn(12, 3, 16, 16, generator=g)
    second = Batch(image[1], torch.arange(12) // 4, torch.arange(12))
    return Batch(image[0], torch.arange(8) % 7, torch.arange(8), second)


def build(seed=0, **arguments):
    torch.manual_seed(seed)
    return methods.build("metric_two_stage", SPEC, **arguments)


@pytest.fixture
def progress(monkeypatch):
    """How far the stage is, for methods that no Trainer runs."""
    state = {"value": 0.5}
    monkeypatch.setattr(Method, "epoch_progress", property(lambda _: state["value"]))
    return state


@pytest.mark.parametrize(("place", "share"), [(0.0, 0.0), (0.1, 0.3), (0.4, 1.0), (0.9, 1.0)])
def test_stage_one_is_its_two_terms(progress, place, share):
    method = build(weight=0.5).double().eval()
    progress["value"] = place
    batch = step()
    batch = batch._replace(
        image=batch.image.double(), second=batch.second._replace(image=batch.second.image.double())
    )
    z = F.normalize(method.embedding(method.backbone(batch.second.image))).detach()
    expected = share * 0.5 * hard(z.numpy(), batch.second.target.numpy())
    expected += F.cross_entropy(method(batch.image), batch.target).item()
    assert method.loss(batch).item() == pytest.approx(expected, rel=1e-6)
    each = [dist(a, b) for a, b in permutations(z.numpy(), 2)]
    assert method.findings()["pairwise_distance"] == pytest.approx(np.mean(each))
    assert build(dim=0).metric_loss(torch.randn(4, 64), torch.arange(4) // 2).isfinite()


def test_requests():
    method = build(classes=5, images=3)
    first, second = method.stages
    assert method.request(first).second == PK(5, 3)
    assert method.request(first).sampler == "instance"
    assert method.request(second).second is None


@pytest.mark.parametrize("rebalance", REBALANCE)
@pytest.mark.parametrize("weight", [0, 1])
def test_stage_two_is_that_of_the_method_it_names(rebalance, weight):
    method = build(rebalance=rebalance, weight=weight)
    twin = rebalance if rebalance != "balanced_softmax" else "crt"
    torch.manual_seed(0)
    other = methods.build(twin, SPEC)
    assert [s.by for s in method.stages] == [None if weight else "erm", None][: len(other.stages)]
    assert [(s.name, s.share, s.recipe) for s in method.stages[1:]] == [
        (s.name, s.share, s.recipe) for s in other.stages[1:]
    ]
    assert method.stages[0].share == other.stages[0].share
    # The same draws: backbone, classifier, and the new classifier of stage two.
    for key, value in other.state_dict().items():
        assert torch.equal(method.state_dict()[key], value)
    if len(method.stages) == 1:
        return
    stage = method.stages[1]
    for one in (method, other):
        one.stage = stage
        one.enter(stage)
    learns = [
        {name for name, value in one.named_parameters() if value.requires_grad}
        for one in (method, other)
    ]
    assert learns[0] == learns[1]
    plain = step()._replace(second=None)
    if rebalance == "balanced_softmax":
        assert method.request(stage).sampler == "instance"
        shifted = other(plain.image) + torch.tensor(HAM10000).log()
        torch.testing.assert_close(method.loss(plain), F.cross_entropy(shifted, plain.target))
    else:
        assert method.request(stage) == other.request(stage)
        assert torch.equal(method.loss(plain), other.loss(plain))


@pytest.mark.parametrize("rebalance", ["tau_norm", "ncm"])
def test_what_is_fitted_at_the_end_leaves_stage_one_plain(rebalance):
    method = build(rebalance=rebalance).eval()
    image, before = step().image, copy.deepcopy(method)
    plain = method.classifier(method.backbone(image))
    assert torch.equal(method(image), plain)
    batches = [step(seed)._replace(second=None) for seed in range(2)]
    method.conclude(batches, batches)
    torch.manual_seed(0)
    twin = methods.build(rebalance, SPEC).eval()
    twin.conclude(batches, batches)
    assert torch.equal(method(image), twin(image))
    assert not torch.equal(method(image), plain)
    before.load_state_dict(method.state_dict())
    assert torch.equal(before(image), method(image))
    assert method.findings().keys() == twin.findings().keys() | {"pairwise_distance"}


def test_scales_stay_one_in_stage_one(progress):
    method = build(rebalance="lws")
    method.enter(method.stages[0])
    method.loss(step()).backward()
    assert method.scale.grad is None
    method.enter(method.stages[1])
    assert method.scale.requires_grad


@pytest.mark.parametrize("metric", METRIC_LOSSES)
def test_every_metric_loss_trains_in_mixed_precision_and_pickles(progress, metric):
    method = build(metric=metric)
    with torch.autocast("cpu", torch.bfloat16):
        loss = method.loss(step())
    assert loss.dtype == torch.float32
    loss.backward()
    unused = [k for k, p in method.named_parameters() if p.requires_grad and p.grad is None]
    assert not unused
    copied = pickle.loads(pickle.dumps(method))
    assert type(copied) is type(method)
    assert copied.state_dict().keys() == method.state_dict().keys()
    proxies = {name for name, _ in method.metric.named_parameters()}
    assert method.no_weight_decay() == {f"metric.{name}" for name in proxies}


@pytest.mark.parametrize("control", ["crt", "tau_norm"])
def test_without_the_metric_loss_it_is_the_method_of_stage_two(control, tmp_path):
    """The lambda = 0 control shares its first stage and predicts what that method predicts."""
    budget = Budget(epochs=5, batch_size=64, optimizer="adamw", lr=0.003, weight_decay=0.05)
    terms = Terms(
        data="phantom@natural", data_params={"count": 300}, image_size=(16, 16), budget=budget
    )
    data, logits = prepared(terms), []
    for slug, params in ((control, {}), ("metric_two_stage", {"weight": 0, "rebalance": control})):
        cell = Cell(method=slug, params=params, terms=terms, seed=0)
        trained = supervised.train(cell, data, tmp_path, 1, lambda _: None)
        logits.append(supervised.predict(trained.method, data, terms, "val").probabilities)
    assert trained.stages[0].shared
    assert np.array_equal(*logits)
    cell = Cell(method=slug, params={"rebalance": control}, terms=terms, seed=0)
    trained = supervised.train(cell, data, tmp_path, 1, lambda _: None)
    learnt = supervised.predict(trained.method, data, terms, "val").probabilities
    assert not np.array_equal(learnt, logits[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": -1}, "metric_two_stage: weight must be in"),
        ({"classes": 1}, "metric_two_stage: classes must be in"),
        ({"images": 1}, "metric_two_stage: images must be in"),
        ({"metric": "triplet_herd"}, "unknown metric of metric_two_stage 'triplet_herd'.*hard"),
        ({"rebalance": "crf"}, "unknown rebalance of metric_two_stage 'crf'.*crt"),
    ],
)
def test_bad_arguments_are_one_clear_line(arguments, message):
    with pytest.raises(MedtailError, match=message):
        build(**arguments)
