"""Weight balancing: its loss, its limit on the norms of rows, when it is applied."""

import lightning as L
import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.weight_balancing import norm_limit, softmax_binary_loss, within
from tests.methods.long_tail import COMMON, RARE, N, batch, build, draw, effective, log_softmax

WEIGHT = torch.tensor(effective(N, 0.9999))


def spread_rows(method):
    with torch.no_grad():
        method.classifier.weight.copy_(
            F.normalize(method.classifier.weight) * torch.linspace(1, 3, 7)[:, None]
        )
    return method


def second_stage(**arguments):
    method = spread_rows(build("weight_balancing", **arguments))
    return method.begin(method.stages[1])


def test_the_loss_is_binary_cross_entropy_of_the_softmax():
    logits, target = draw(0)
    p = np.exp(log_softmax(logits.numpy()))
    total = 0.0
    for i, y in enumerate(target.tolist()):
        for c in range(7):
            total -= WEIGHT[y].item() * np.log(p[i, c] if c == y else 1 - p[i, c])
    found = softmax_binary_loss(logits, target, WEIGHT)
    assert found.item() == pytest.approx(total / (12 * 7))
    torch.testing.assert_close(
        softmax_binary_loss(logits, target, torch.ones(7)),
        F.binary_cross_entropy(logits.softmax(1), F.one_hot(target, 7).double()),
    )


def test_the_certain_have_finite_gradients():
    logits = torch.tensor([[200.0, 0, 0], [200.0, 0, 0]], requires_grad=True)
    softmax_binary_loss(logits, torch.tensor([0, 1]), torch.ones(3)).backward()
    assert logits.grad.isfinite().all()


def test_the_limit_and_the_rows_within_it():
    rows = F.normalize(torch.randn(7, 5)) * torch.linspace(1, 3, 7)[:, None]
    limit = norm_limit(rows, 0.1)
    assert limit.item() == pytest.approx(1.2)
    found = within(rows, limit)
    np.testing.assert_allclose(
        torch.linalg.vector_norm(found, dim=1), np.minimum(np.linspace(1, 3, 7), 1.2), rtol=1e-5
    )
    torch.testing.assert_close(F.normalize(found), F.normalize(rows))
    assert torch.equal(within(rows, torch.tensor(torch.inf)), rows)


def test_each_stage_has_its_loss():
    given, method = batch(), build("weight_balancing")
    plain = F.cross_entropy(method(given.image), given.target)
    assert torch.equal(method.loss(given), plain)
    logits = second_stage().eval()(given.image)
    found = second_stage().eval().loss(given)
    torch.testing.assert_close(found, softmax_binary_loss(logits, given.target, WEIGHT.float()))
    found = second_stage(loss="ce").eval().loss(given)
    each = F.cross_entropy(logits, given.target, reduction="none")
    torch.testing.assert_close(found, (WEIGHT.float()[given.target] * each).mean())
    assert build("weight_balancing").weight[RARE] > 30 * build("weight_balancing").weight[COMMON]


def test_stage_two_measures_the_limit_and_learns_the_head_alone():
    method = build("weight_balancing")
    assert method.limit == torch.inf
    assert "norm_limit" not in method.findings()
    method = second_stage()
    assert method.limit.item() == pytest.approx(1.2)
    assert "limit" in method.state_dict()
    assert method.findings() == {
        "norm_spread": pytest.approx(2.0),
        "norm_limit": pytest.approx(1.2),
    }
    learns = [name for name, value in method.named_parameters() if value.requires_grad]
    assert learns == ["classifier.weight", "classifier.bias"]
    assert "backbone" in method._frozen


class Watch(L.Callback):
    """The largest norm of a row after each step, and before each validation."""

    def __init__(self):
        self.after, self.before = [], []

    def norm(self, method):
        return torch.linalg.vector_norm(method.classifier.weight, dim=1).max().item()

    def on_before_optimizer_step(self, trainer, method, optimizer):
        self.after.append(self.norm(method))

    def on_validation_start(self, trainer, method):
        self.before.append(self.norm(method))


@pytest.mark.parametrize("stage", [0, 1])
def test_rows_are_scaled_once_an_epoch_before_its_validation(stage):
    method = second_stage() if stage else spread_rows(build("weight_balancing"))
    if not stage:
        method.begin(method.stages[0])
    bias = method.classifier.bias.detach().clone()
    watch = Watch()
    trainer = L.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[watch],
    )
    loader = DataLoader([batch(s) for s in range(3)], batch_size=None)
    trainer.fit(method, loader, loader)
    if stage:
        assert all(norm > 2 for norm in watch.after[:3])  # not within an epoch
        assert watch.before[0] == pytest.approx(1.2, abs=1e-5)
        assert watch.before[1] <= 1.2 + 1e-5
        assert method.findings()["norm_spread"] < 0.3
    else:
        assert min(watch.before) > 2
    assert not torch.equal(method.classifier.bias, bias)


def test_its_recipes_follow_its_arguments():
    method = build("weight_balancing", decay=0.001, head_decay=0.2)
    recipes = [stage.recipe for stage in method.stages]
    assert [r.weight_decay for r in recipes] == [0.001, 0.2]
    assert method.stage == method.stages[0]
    for stage, decay in zip(build("weight_balancing").stages, (0.005, 0.1), strict=True):
        recipe = stage.recipe
        assert (recipe.optimizer, recipe.lr, recipe.weight_decay) == ("momentum", 0.01, decay)
        assert stage.by is None
    assert [stage.share for stage in method.stages] == [0.8, 0.2]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"decay": -1.0}, "decay must be in"),
        ({"head_decay": -1.0}, "head_decay must be in"),
        ({"beta": 1.0}, "beta must be in"),
        ({"loss": "mse"}, "unknown loss of weight_balancing 'mse'"),
    ],
)
def test_bad_arguments(wrong, words):
    with pytest.raises(MedtailError, match=words):
        build("weight_balancing", **wrong)
