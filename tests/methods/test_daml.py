"""DAML: the difficulty-aware loss against its paper's numbers, its warm-up and clipping."""

import math

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn

from medtail import methods
from medtail.datamodules.core.contract import EpisodeShape
from medtail.datamodules.core.errors import MedtailError
from medtail.methods import daml
from tests.methods.test_few_shot import build, episodes, fit, spec


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
        def on_train_batch_end(self, trainer, pl_module, *_):
            norms.append(float(nn.utils.get_total_norm([p.grad for p in pl_module.parameters()])))

    for clip in (1e-3, 1e3):
        fit(build("daml", clip=clip, warmup=0.0), 1, callbacks=[Watch()])
    assert norms[0] == pytest.approx(1e-3, rel=1e-2)
    assert max(norms[:3]) < 1.01e-3
    assert norms[3] > 0.1


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


def at_epoch(method, epoch, epochs=4):
    method.trainer = L.Trainer(max_epochs=epochs, logger=False, accelerator="cpu", barebones=True)
    method.trainer.fit_loop.epoch_progress.current.processed = epoch
    method.trainer.fit_loop.epoch_progress.current.completed = epoch
    return method


@pytest.mark.parametrize("gamma", [1, 2, 5])
def test_the_focal_control_is_its_formula(gamma):
    at = torch.tensor([0.01, 0.3, math.log(2), 1.1, 3.0]).double().requires_grad_()
    loss = daml.focal_task_loss(at, gamma)
    expected = [(1 - math.exp(-x)) ** gamma * x for x in at.tolist()]
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-12)
    (slope,) = torch.autograd.grad(loss.sum(), at)
    torch.testing.assert_close(daml.focal_task_weight(at.detach(), gamma), slope)


def test_the_focal_control_prefers_difficult_tasks_without_a_cliff():
    losses = torch.tensor([0.0, 0.2, 0.4, 0.6, 0.9, 0.98999, 0.99001, 2.0]).double()
    weight = daml.focal_task_weight(losses, 2)
    assert weight.tolist() == sorted(weight.tolist())
    assert weight[0] == 0
    assert weight[6] - weight[5] < 1e-4, "daml's jumps from 116 to 22 there"
    assert daml.focal_task_weight(torch.linspace(0, 30, 3000), 2).max() < 1.3
    plain = daml.focal_task_loss(losses, 0)
    torch.testing.assert_close(plain, losses)  # without a power it is the loss


def test_the_control_stands_in_place_of_eq_3_after_the_warm_up():
    method = build("daml", weighting="focal", gamma=3.0, warmup=0.5)
    at = torch.tensor([0.5, 0.9])
    assert torch.equal(at_epoch(method, 1).objective(at), at)
    torch.testing.assert_close(at_epoch(method, 2).objective(at), daml.focal_task_loss(at, 3.0))
    batch = episodes()
    first, second = (at_epoch(build("daml", weighting=w), 2) for w in ("difficulty", "focal"))
    losses = [float(m.loss(batch).detach()) for m in (first, second)]
    assert losses[0] != losses[1]
    steepest = [m.findings()["largest task weight"] for m in (first, second)]
    assert steepest[1] < 1.3
    three = build("daml", weighting="focal", given=spec(EpisodeShape(3, 1, 2)), normalise_loss=True)
    unit = at_epoch(three, 3).objective(torch.tensor(math.log(3)))
    assert unit.item() == pytest.approx((1 - math.exp(-1)) ** 2)


def test_a_curriculum_is_taught_by_the_training_and_leaves_the_rest_alone():
    batch = episodes()._replace(classes=torch.tensor([[1, 0], [3, 2], [0, 1], [2, 1]]))
    plain, taught = (at_epoch(build("daml", sampling=s), 0) for s in ("uniform", "curriculum"))
    losses = [m.loss(batch) for m in (plain, taught)]
    assert losses[0] == losses[1]
    assert plain.request(plain.stage).odds is None
    assert taught.request(taught.stage).odds == taught.curriculum.odds
    assert taught.request(taught.stage).tasks == 4
    assert taught.curriculum.tasks.tolist() == [2, 0, 0, 1, 0, 1]
    assert "odds of the favoured classes" not in plain.findings()
    assert taught.findings()["odds of the favoured classes"] == pytest.approx(1 / 6)
    assert set(taught.state_dict()) - set(plain.state_dict()) == {
        f"curriculum.{n}" for n in ("loss", "known", "gain", "total", "tasks")
    }


def test_what_is_new_stands_in_no_old_identity():
    new = {"weighting": "difficulty", "gamma": 2.0, "sampling": "uniform"}
    assert methods.told("daml", {"eta": 3.0, **new}) == {"eta": 3.0}
    assert methods.told("daml", {"weighting": "focal"}) == {"weighting": "focal"}
    assert {k: methods.defaults("daml")[k] for k in new} == new


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weighting": "vocal"}, "unknown weighting of daml 'vocal'.*focal"),
        ({"sampling": "even"}, "unknown sampling of daml 'even'.*curriculum"),
        ({"gamma": 0.5}, "daml: gamma must be in"),
    ],
)
def test_bad_arguments_are_one_clear_line(arguments, message):
    with pytest.raises(MedtailError, match=message) as caught:
        build("daml", **arguments)
    assert "\n" not in str(caught.value)
