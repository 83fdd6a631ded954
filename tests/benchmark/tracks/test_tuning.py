"""What is trained, and how: each term does what it says, and nothing at its default."""

import lightning as L
import numpy as np
import pytest
import torch

from medtail.benchmark.execution.worker import prepared
from medtail.benchmark.grid.cell import Budget
from medtail.benchmark.tracks import stages, supervised
from medtail.benchmark.tracks.averaging import averaged
from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.errors import MedtailError
from tests.benchmark.cells import cell, terms

EXACT = {"epochs": 2, "batch_size": 64, "precision": "64-true", "weight_decay": 0, "lr": 0.05}


# A method whose training is no stage of another: what is shared is kept in single precision.
PLAIN = "logit_adjustment"


def trained(folder, method=PLAIN, devices=1, backbone="test_resnet", size=16, **budget):
    """A method before and after its training, and what was kept of that."""
    one = cell(method, budget=Budget(**EXACT | budget), backbone=backbone, image_size=(size, size))
    data = prepared(one.terms)
    start = supervised.make(one.method, one.params, one.terms, one.seed, data)
    before = {k: v.detach().double().clone() for k, v in start.state_dict().items()}
    done = supervised.train(one, data, folder, devices, lambda line: None)
    return before, done


def difference(one, other):
    return max(float((one[k].double() - other[k].double()).abs().max()) for k in one)


@pytest.mark.parametrize("method", ["erm", "ldam", "mixup", "crt", "proco"])
def test_of_the_head_alone_the_backbone_stays_to_the_last_bit(tmp_path, method):
    before, done = trained(tmp_path, method, tune="head", precision="32-true", epochs=4)
    after = done.method.state_dict()
    inside = [name for name in after if name.startswith("backbone.")]
    assert any("running_var" in name for name in inside)
    for name in inside:
        assert torch.equal(before[name], after[name].double()), name
    assert not torch.equal(before["classifier.weight"], after["classifier.weight"].double())
    assert not any(p.requires_grad for p in done.method.backbone.parameters())


def test_a_method_without_a_head_says_so(tmp_path):
    params = {"data": "phantom@shot1", "data_params": {"count": 900}}
    one = cell("protonet", budget=Budget(**EXACT, tune="head"), **params)
    data = prepared(one.terms)
    with pytest.raises(MedtailError, match="protonet has nothing above its backbone to train"):
        supervised.train(one, data, tmp_path, 1, lambda line: None)
    erm = supervised.make("erm", {}, terms(), 0, prepared(terms())).freeze()
    batch = next(iter(supervised.plain(prepared(terms()), "val", erm)))
    with pytest.raises(MedtailError, match="erm: nothing that its loss depends on is trained"):
        erm.training_step(batch, 0)


@pytest.mark.parametrize("clip", [1e-3, 1e9])
def test_clipping_bounds_the_norm_of_a_step(tmp_path, clip):
    """One step of plain gradient descent with a rate of 1 moves by the gradient."""
    budget = {"epochs": 1, "batch_size": 10**6, "optimizer": "momentum", "momentum": 0, "lr": 1}
    flat = budget | {"warmup": 0, "schedule": "constant"}
    before, done = trained(tmp_path, clip=clip, **flat)
    weights = dict(done.method.named_parameters())
    moved = torch.cat([(before[k] - v.detach().double()).flatten() for k, v in weights.items()])
    free, plain = trained(tmp_path, **flat)
    gradient = torch.cat(
        [(free[k] - v.detach().double()).flatten() for k, v in plain.method.named_parameters()]
    )
    assert 1e-3 < gradient.norm() < 1e9
    share = min(1.0, clip / float(gradient.norm()))
    # Lightning's clipping divides by the norm and a millionth.
    torch.testing.assert_close(moved, share * gradient, rtol=1e-5, atol=1e-15)
    assert moved.norm() <= clip


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_parts_of_a_batch_are_the_batch_where_no_statistics_are_taken(tmp_path, parts, optimizer):
    same = {"backbone": "test_vit", "size": 32, "epochs": 1, "optimizer": optimizer}
    (_, whole), (_, cut) = (trained(tmp_path, **same, accumulate=n) for n in (1, parts))
    assert difference(whole.method.state_dict(), cut.method.state_dict()) < 1e-9
    assert whole.images == cut.images
    for one, other in zip(whole.stages[0].history, cut.stages[0].history, strict=True):
        assert one == pytest.approx(other, abs=1e-9)
    _, other = trained(tmp_path, **same | {"lr": 0.051})
    assert difference(whole.method.state_dict(), other.method.state_dict()) > 1e-6


def test_batch_statistics_are_those_of_a_part(tmp_path):
    (_, whole), (_, cut) = (trained(tmp_path, accumulate=n) for n in (1, 2))
    assert difference(whole.method.state_dict(), cut.method.state_dict()) > 1e-4


class Recorder(L.Callback):
    """Every step's network, in the place of the average."""

    steps: list[dict[str, torch.Tensor]] = []

    def __init__(self, decay):
        Recorder.steps = []

    def on_train_batch_end(self, trainer, pl_module, *_):
        if trainer.global_step > len(Recorder.steps):
            now = {k: v.detach().clone() for k, v in pl_module.state_dict().items()}
            Recorder.steps.append(now)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("method", [PLAIN, "paco"])
def test_the_average_is_its_recurrence_and_is_what_is_kept(tmp_path, monkeypatch, method, parts):
    decay, budget = 0.7, {"ema": 0.7, "accumulate": parts}
    _, kept = trained(tmp_path, method, **budget)
    monkeypatch.setattr(stages, "Average", Recorder)
    trained(tmp_path, method, **budget)
    each = len(Recorder.steps) // 2
    assert each > 1
    names = {name for name, _ in averaged(kept.method)}
    assert any("running_mean" in name for name in names)
    end = (kept.stages[0].selected + 1) * each  # of the epoch that was kept
    found = kept.method.state_dict()
    for name, value in found.items():
        series = np.array([step[name].double().numpy() for step in Recorder.steps[:end]])
        wanted = series[0]
        for new in series[1:] if name in names else []:
            wanted = decay * wanted + (1 - decay) * new
        if name not in names:
            wanted = series[-1]
        np.testing.assert_allclose(value.double().numpy(), wanted, rtol=1e-9, atol=1e-12)
    assert difference(found, Recorder.steps[end - 1]) > 1e-4


def test_what_is_validated_is_the_average(tmp_path):
    _, kept = trained(tmp_path, ema=0.9)
    stage = kept.stages[0]
    data = prepared(terms(budget=Budget(**EXACT, ema=0.9)))
    val = supervised.predict(kept.method, data, "val")
    hits = val.logits.argmax(1) == val.target
    recall = np.mean([hits[val.target == k].mean() for k in np.unique(val.target)])
    assert stage.history[stage.selected]["val/balanced_accuracy"] == pytest.approx(recall)


def test_at_their_defaults_nothing_is_asked_for():
    usual = stages.trainer(terms(), 1, 1, [])
    assert usual.gradient_clip_val is None
    assert usual.accumulate_grad_batches == 1
    data = prepared(terms())
    method = supervised.make("erm", {}, terms(), 0, data)
    assert method._frozen == ()
    assert method.recipe.layer_decay == 1
    assert method.request(method.stage) == DataRequest()
