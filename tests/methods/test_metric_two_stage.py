"""Metric learning in stage one, and stage two against the methods it runs."""

import copy
import pickle
from itertools import permutations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail import methods
from medtail.benchmark.execution.estimate import made_up
from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import supervised
from medtail.benchmark.tracks.amounts import images_of_epoch
from medtail.datamodules.core.contract import PK, Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.base import Apart, Method
from medtail.methods.core.contrast.metric_losses import METRIC_LOSSES
from tests.methods.core.contrast.metric_loops import dist, hard
from tests.methods.test_contract import fit

HAM10000 = (778, 4693, 359, 228, 769, 80, 98)
SPEC = DataSpec("ham", tuple("abcdefg"), HAM10000, (16, 16))
REBALANCE = ["crt", "lws", "tau_norm", "balanced_softmax", "ncm"]


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


@pytest.mark.parametrize("weight", [0, 1])
def test_fine_tuning_goes_on_from_the_classifier_of_stage_one(weight):
    method, crt = (build(rebalance=r, weight=weight) for r in ("class_balanced_ft", "crt"))
    assert [(s.name, s.share, s.by) for s in method.stages] == [
        (s.name, s.share, s.by) for s in crt.stages
    ]
    assert method.request(method.stages[1]) == crt.request(crt.stages[1])
    assert method.request(method.stages[1]).sampler == "class_balanced"
    with torch.no_grad():
        method.classifier.weight.fill_(0.25)
    method.begin(method.stages[1])
    assert (method.classifier.weight == 0.25).all(), "crt would start it anew"
    learns = {name for name, value in method.named_parameters() if value.requires_grad}
    assert learns == {"classifier.weight", "classifier.bias"}
    assert not method.train().backbone.training, "BatchNorm's statistics stay"
    plain = step()._replace(second=None)
    torch.testing.assert_close(
        method.loss(plain), F.cross_entropy(method(plain.image), plain.target)
    )


def test_none_is_stage_one_alone(progress):
    method = build(rebalance="none")
    assert [(s.name, s.share, s.by) for s in method.stages] == [("representation", 1.0, None)]
    assert method.request(method.stages[0]).second == PK(8, 4)
    batch = step()
    assert torch.equal(method.loss(batch), build(rebalance="tau_norm").loss(batch))
    assert [(s.share, s.by) for s in build(rebalance="none", weight=0).stages] == [(1.0, "erm")]


def test_a_single_stream_is_both_losses_on_one_batch(progress):
    method = build(single=True, weight=0.5, classes=3, images=4).double().eval()
    first, second = method.stages
    asked = method.request(first)
    assert (asked.sampler, asked.second) == (PK(3, 4), None)
    assert method.request(second).sampler == "class_balanced"
    batch = step().second
    batch = batch._replace(image=batch.image.double())
    z = F.normalize(method.embedding(method.backbone(batch.image))).detach()
    expected = 0.5 * hard(z.numpy(), batch.target.numpy())
    expected += F.cross_entropy(method(batch.image), batch.target).item()
    assert method.loss(batch).item() == pytest.approx(expected, rel=1e-6)


def test_a_single_stream_is_drawn_and_counted_as_such(cache_folder):
    terms = Terms(
        data="phantom@natural", data_params={"count": 300}, image_size=(16, 16),
        budget=Budget(epochs=1, batch_size=64),
    )  # fmt: skip
    data = prepared(terms)
    shown = {}
    for single in (False, True):
        torch.manual_seed(0)
        method = methods.build("metric_two_stage", data.spec, single=single, classes=3)
        request = method.request(method.stages[0])
        data.connect(request, 64, 0, 1)
        batches = list(data.train_dataloader())
        shown[single] = sum(
            len(b.target) + (0 if single else len(b.second.target)) for b in batches
        )
        assert shown[single] == images_of_epoch(request, data, terms.budget)
        estimated = made_up(data.spec, request, 64)
        assert len(estimated.target) == len(batches[0].target)
        if single:
            counts = [torch.unique(b.target, return_counts=True)[1].tolist() for b in batches]
            assert counts == [[4, 4, 4]] * len(batches)
    steps = len(batches)
    assert shown == {False: steps * (64 + 12), True: steps * 12}
    data.disconnect()


def test_proxies_may_have_an_optimiser_of_their_own(progress):
    """By default they are the suite's: at rate 1 there is no group, and steps are bit-equal."""
    plain, own = (build(metric="proxy_anchor", proxy_rate=r) for r in (1.0, 20.0))
    assert plain.stages[0].apart == ()
    assert own.stages[0].apart == (Apart(("metric",), None, "step", 20.0),)
    assert [s.apart for s in own.stages[1:]] == [()]
    moved = {}
    for method in (plain, own):
        torch.manual_seed(0)
        fit(method, method.stages[0])
        start = build(metric="proxy_anchor")
        moved[method] = {
            name: float((value - start.get_parameter(name)).detach().norm())
            for name, value in method.named_parameters()
        }
    assert moved[own]["metric.proxies"] > 5 * moved[plain]["metric.proxies"] > 0
    assert {n for n in moved[own] if moved[own][n] == 0} == set()
    assert own.no_weight_decay() == {"metric.proxies"}


@pytest.mark.parametrize("rebalance", ["tau_norm", "ncm"])
def test_what_is_fitted_at_the_end_leaves_stage_one_plain(rebalance):
    method = build(rebalance=rebalance).eval()
    image, before = step().image, copy.deepcopy(method)
    plain = method.classifier(method.backbone(image))
    assert torch.equal(method(image), plain)
    batches = [step(seed)._replace(second=None) for seed in range(2)]
    method.finish(batches, batches)
    torch.manual_seed(0)
    twin = methods.build(rebalance, SPEC).eval()
    twin.finish(batches, batches)
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


def test_what_is_new_stands_in_no_old_identity():
    told = methods.told("metric_two_stage", {"dim": 64, "single": False, "proxy_rate": 1.0})
    assert told == {"dim": 64}
    new = {"single": True, "proxy_rate": 10.0}
    assert methods.told("metric_two_stage", new) == new


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
        logits.append(supervised.predict(trained.method, data, "val").probabilities)
    assert trained.stages[0].shared
    assert np.array_equal(*logits)
    cell = Cell(method=slug, params={"rebalance": control}, terms=terms, seed=0)
    trained = supervised.train(cell, data, tmp_path, 1, lambda _: None)
    learnt = supervised.predict(trained.method, data, "val").probabilities
    assert not np.array_equal(learnt, logits[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": -1}, "metric_two_stage: weight must be in"),
        ({"classes": 1}, "metric_two_stage: classes must be in"),
        ({"images": 1}, "metric_two_stage: images must be in"),
        ({"metric": "triplet_herd"}, "unknown metric of metric_two_stage 'triplet_herd'.*hard"),
        ({"rebalance": "crf"}, "unknown rebalance of metric_two_stage 'crf'.*crt"),
        ({"proxy_rate": 0}, "metric_two_stage: proxy_rate must be in"),
        ({"proxy_rate": 10}, "'triplet_hard' learns no proxies or centres: leave proxy_rate out"),
        ({"metric": "center", "proxy_rate": 10}, "'center' learns no proxies or centres"),
        ({"weight": 0, "single": True}, "stage one is cross-entropy: leave single and proxy_rate"),
        (
            {"weight": 0, "metric": "soft_triple", "proxy_rate": 10},
            "leave single and proxy_rate out",
        ),
    ],
)
def test_bad_arguments_are_one_clear_line(arguments, message):
    with pytest.raises(MedtailError, match=message):
        build(**arguments)
