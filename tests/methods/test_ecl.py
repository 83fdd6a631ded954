"""ECL: its proxies, its contrast in loops, its curriculum, F1 of validation."""

import math

import lightning as L
import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from medtail.datamodules.core.contract import DataRequest
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.contrast.losses import balanced_supcon_loss
from medtail.methods.ecl import f1_of, hybrid_proxy_loss, proxy_classes
from tests.methods.long_tail import COMMON, COUNTS, RARE, N, at, batch, build, log_softmax


def unit(amount, dim=6, seed=0):
    g = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(amount, dim, generator=g, dtype=torch.float64))


def views(seed=0, size=8):
    given = batch(seed, size)
    return given._replace(image=torch.stack([given.image, batch(seed + 50, size).image], 1))


def in_loops(z, y, tau):
    """Anchors without a positive are left out."""
    losses = []
    for i in range(len(z)):
        v = [z[i] @ z[j] / tau for j in range(len(z))]
        positive = [j for j in range(len(z)) if y[j] == y[i] and j != i]
        if not positive:
            continue
        total = 0.0
        for c in sorted(set(y)):
            others = [j for j in range(len(z)) if y[j] == c and j != i]
            if others:
                total += sum(math.exp(v[j]) for j in others) / len(others)
        losses.append(np.mean([-v[p] + math.log(total) for p in positive]))
    return np.mean(losses)


def test_rare_classes_have_more_proxies():
    ham10000 = torch.tensor([1113, 6705, 514, 327, 1099, 115, 142])
    amount = proxy_classes(ham10000).bincount().tolist()
    assert amount == [2, 1, 3, 4, 2, 7, 6]
    assert proxy_classes(torch.tensor([5, 5, 5])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("tau", [0.1, 1.0])
@pytest.mark.parametrize("label", [[0, 1, 2, 3] * 3, [0] * 5 + [1] * 2 + [2] + [4] * 4])
def test_the_contrast_in_loops(tau, label):
    """In the second batch a class has one point, and one class is absent."""
    z = unit(12)
    loss = hybrid_proxy_loss(z.requires_grad_(), torch.tensor(label), tau)
    assert loss.item() == pytest.approx(in_loops(z.detach().numpy(), label, tau))
    loss.backward()
    assert z.grad.isfinite().all()


def test_with_one_proxy_each_and_anchors_without_them_it_is_bcls():
    """The sum over anchors that are no proxies, from the two losses that differ by the others."""
    z, label = unit(9), torch.tensor([0, 0, 1, 1, 2, 2, 2, 0, 1])
    proxies = unit(3, seed=1)
    z_all, y_all = torch.cat([z, proxies]), torch.cat([label, torch.arange(3)])
    whole = 12 * hybrid_proxy_loss(z_all, y_all, 0.1)
    for i in range(9, 12):
        one = z_all[i].numpy(), y_all[i].item()
        v = z_all.numpy() @ one[0] / 0.1
        own = [j for j in range(12) if y_all[j] == one[1] and j != i]
        total = sum(
            np.mean([math.exp(v[j]) for j in range(12) if y_all[j] == c and j != i])
            for c in range(3)
        )
        whole -= np.mean([-v[j] + math.log(total) for j in own])
    expected = balanced_supcon_loss(z, label, proxies, 0.1)
    assert whole.item() / 9 == pytest.approx(expected.item())


@pytest.mark.parametrize(
    ("progress", "power"), [(0.0, 0), (0.2, 0), (0.35, 0.5), (0.5, 1), (0.7, 1), (0.99, 1)]
)
def test_the_curriculum_of_counts(progress, power):
    found = at(build("ecl"), progress).class_weights()
    w = 1 / N / (1 / N).sum() * 7
    np.testing.assert_allclose(found, w**power, rtol=1e-5)
    assert (found[RARE] > found[COMMON]) == (power > 0)


@pytest.mark.parametrize(("progress", "power"), [(0.49, None), (0.5, 0.0), (0.75, 0.5)])
def test_the_curriculum_of_validation(progress, power):
    method = at(build("ecl", difficulty="validation"), progress)
    method.f1.copy_(torch.tensor([0.9, 0.8, 0.5, 0.0, 0.4, 0.005, 0.2]))
    found = method.class_weights()
    if power is None:
        torch.testing.assert_close(found, at(build("ecl"), progress).class_weights())
        return
    hard = 1 / np.maximum([0.9, 0.8, 0.5, 0.0, 0.4, 0.005, 0.2], 0.01)
    np.testing.assert_allclose(found, (hard / hard.sum() * 7) ** power, rtol=1e-5)


def test_f1():
    confusion = torch.tensor([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    precision, recall = (3 / 5, 4 / 5), (3 / 4, 4 / 6)
    expected = [2 * p * r / (p + r) for p, r in zip(precision, recall, strict=True)]
    assert f1_of(confusion).tolist() == pytest.approx([*expected, 0])


@pytest.mark.parametrize("progress", [0.0, 0.9])
def test_the_loss_is_both_terms(progress):
    method, given = at(build("ecl", weight=0.7), progress), views()
    w = (1 / N / (1 / N).sum() * 7) ** (progress > 0.5)
    first, second = given.image.unbind(1)
    likely = log_softmax(method(first).detach().double().numpy())
    target = given.target.tolist()
    ce = np.mean([-w[y] * row[y] for row, y in zip(likely, target, strict=True)])
    z = [method.projection(method.features(image)) for image in (first, second)]
    z = torch.cat([*z, F.normalize(method.proxies)]).detach().double().numpy()
    label = target * 2 + method.label.tolist()
    expected = 2 * ce + 0.7 * in_loops(z, label, 0.1)
    assert method.loss(given).item() == pytest.approx(expected, rel=1e-4)
    asked = method.request(method.stages[0])
    assert (asked.views, asked.sampler, method.weight) == (2, "instance", 0.7)
    assert build("ecl").weight == 1.0


def train(method, epochs=2, steps=3):
    seen = []
    method.request = lambda stage: DataRequest()  # its loader has the views

    class Watch(L.Callback):
        def on_train_batch_start(self, *_):
            seen.append(method.proxies.detach().clone())

    trainer = L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[Watch()],
    )
    loader = DataLoader([views(s) for s in range(steps)], batch_size=None)
    val = DataLoader([batch(9)], batch_size=None)
    trainer.fit(method.begin(method.stages[0]).train(), loader, val)
    return seen


def test_proxies_are_stepped_once_an_epoch():
    seen = train(build("ecl"))
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], seen[2])
    assert not torch.equal(seen[2], seen[3])
    assert torch.equal(seen[3], seen[5])


@pytest.mark.parametrize("difficulty", ["counts", "validation"])
def test_the_f1_is_of_the_last_validation(difficulty):
    method = build("ecl", difficulty=difficulty)
    train(method, epochs=1)
    given = batch(9)
    predicted = method.eval()(given.image).argmax(1).tolist()
    confusion = torch.zeros(7, 7).long()
    for y, p in zip(given.target.tolist(), predicted, strict=True):
        confusion[y, p] += 1
    expected = f1_of(confusion).float() if difficulty == "validation" else torch.ones(7)
    torch.testing.assert_close(method.f1, expected)
    assert "f1" in method.state_dict()
    assert COUNTS.argmax() == COMMON


@pytest.mark.parametrize("wrong", [{"tau": 0.0}, {"weight": 0.0}, {"dim": 0}])
def test_bad_arguments(wrong):
    with pytest.raises(MedtailError, match=f"{next(iter(wrong))} must be in"):
        build("ecl", **wrong)
    with pytest.raises(MedtailError, match="unknown difficulty of ecl 'test'"):
        build("ecl", difficulty="test")
