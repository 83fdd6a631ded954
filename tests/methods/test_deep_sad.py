"""Deep SAD: its loss in loops, its limit, where abnormal images go, and where it is refused."""

import copy

import pytest
import torch

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods import deep_sad
from tests.methods.one_class import BINARY, NAMES, SPEC, batch, build, step

TARGET = torch.tensor([0, 1, 0, 0, 1, 0, 0, 0])


def mixed(seed, target=TARGET):
    return batch(BINARY, seed)._replace(target=target)


def test_the_loss_in_loops():
    squared = torch.tensor([0.5, 0.25, 3.0, 0.0, 1e-7, 2.0, 0.1, 0.7], dtype=torch.float64)
    total = 0.0
    for q, y in zip(squared.tolist(), TARGET.tolist(), strict=True):
        total += 0.3 / (q + 1e-6) if y else q
    found = deep_sad.semi_supervised_loss(squared, TARGET, 0.3).item()
    assert found == pytest.approx(total / 8, rel=1e-9)


def test_an_abnormal_image_on_the_centre_costs_much_and_is_a_number():
    squared = torch.zeros(1, requires_grad=True)
    loss = deep_sad.semi_supervised_loss(squared, torch.tensor([1]), 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(1e6, rel=1e-4)
    assert squared.grad.isfinite().all()
    assert squared.grad < 0, "it is pushed away"


def test_without_abnormal_labels_it_is_deep_svdd():
    losses = []
    for name in ("deep_svdd", "deep_sad"):
        method = build(name, spec=BINARY)
        losses.append([step(method, batch(BINARY, n)) for n in range(2)])
        loss = step(method, batch(BINARY, 1))
        loss.backward()
        losses[-1] += [method.centre.clone(), method.classifier.weight.grad.clone()]
    for mine, theirs in zip(*losses, strict=True):
        assert torch.equal(mine, theirs)


def test_the_centre_is_the_mean_of_all_outputs_at_the_start_and_stays():
    method = build("deep_sad")
    fresh = copy.deepcopy(method)
    step(method, mixed(0))
    fresh.train()
    outputs = fresh.score(fresh.features(mixed(0).image)).detach()
    mean = outputs.mean(0)
    for found, m in zip(method.centre.tolist(), mean.tolist(), strict=True):
        assert found == pytest.approx(m if abs(m) > 0.1 else 0.1 if m >= 0 else -0.1, rel=1e-3)
    centre = method.centre.clone()
    step(method, mixed(1))
    assert torch.equal(method.centre, centre)


@pytest.mark.parametrize("eta", [0.2, 1.0])
def test_the_loss_of_a_batch_is_of_all_its_images(eta):
    method = build("deep_sad", eta=eta)
    step(method, mixed(0))
    loss = step(method, mixed(1))
    with torch.no_grad():
        outputs = method.score(method.features(mixed(1).image))
    q = (outputs - method.centre).square().sum(1)
    each = [eta / (d + 1e-6) if y else d for d, y in zip(q.tolist(), TARGET.tolist(), strict=True)]
    assert loss.item() == pytest.approx(sum(each) / 8, rel=1e-3)


def test_abnormal_training_images_move_away_from_the_centre():
    """After a few steps, against the same steps of Deep SVDD, which does not see them."""
    target = torch.tensor([0] * 8 + [1] * 8)
    image = torch.cat([batch(BINARY, 3).image, batch(BINARY, 4).image + 1.0])
    images = Batch(image, target, torch.arange(16))
    ratio = {}
    for name in ("deep_svdd", "deep_sad"):
        method = build(name, spec=BINARY)
        step(method, batch(BINARY, 3))
        optimizer = torch.optim.SGD((p for p in method.parameters() if p.requires_grad), 1e-3)
        for _ in range(12):
            optimizer.zero_grad()
            step(method, images).backward()
            optimizer.step()
        with torch.no_grad():
            squared = method.squared_distance(image)
        ratio[name] = squared[8:].mean() / squared[:8].mean()
    assert ratio["deep_sad"] > 5
    assert ratio["deep_svdd"] < 2


def test_where_it_is_refused():
    refuses = methods.get("deep_sad").refuses
    assert "take binary<ratio>" in refuses(SPEC)
    assert not refuses(BINARY)
    assert "one-class track" in refuses(DataSpec("x", NAMES, (5, 5), (16, 16)))
    with pytest.raises(MedtailError, match="eta must be in"):
        build("deep_sad", eta=0)
