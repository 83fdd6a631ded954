"""RSG: its centres, pairs and rows in loops, what learns from what, before and after the switch."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.rsg import Centres, frequent_classes, in_rows, pairs, variation_loss
from tests.methods.long_tail import COMMON, COUNTS, SPEC, at, batch, build


def maps(amount=4, channels=3, height=2, width=2, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(amount, channels, height, width, generator=g, dtype=torch.float64)


def test_the_frequent_are_a_fifth_of_the_classes_and_one_at_least():
    assert frequent_classes(COUNTS).nonzero().tolist() == [[COMMON]]
    assert frequent_classes(torch.tensor([5, 9])).tolist() == [False, True]
    many = frequent_classes(torch.tensor([3, 9, 9, 1, 2, 4, 5, 6, 7, 8]))
    assert many.nonzero()[:, 0].tolist() == [1, 2]
    assert frequent_classes(torch.tensor([4] * 10)).nonzero()[:, 0].tolist() == [0, 1]


def pairs_in_loops(frequent):
    h = [i for i, f in enumerate(frequent) if f]
    r = [i for i, f in enumerate(frequent) if not f]
    n = min(len(h), len(r))
    found = []
    for j in range(max(len(h), len(r)) // n if n else 0):
        for i in range(n):
            k = j * n + i
            found.append((h[k], r[i]) if len(h) > len(r) else (h[i], r[k]))
    return found


@pytest.mark.parametrize("letters", ["hhhhhr", "hrhrhhhh", "rrhrrrhr", "hrrh", "hhh", "rrr", "h"])
def test_who_is_paired_with_whom(letters):
    frequent = [letter == "h" for letter in letters]
    h, r = pairs(torch.tensor(frequent))
    assert h.shape == r.shape
    assert list(zip(h.flatten().tolist(), r.flatten().tolist(), strict=True)) == pairs_in_loops(
        frequent
    )


@pytest.mark.parametrize("rows", ["memory", "position"])
def test_the_rows_of_maps_and_their_variation(rows):
    u, h, r = (maps(3, 4, 2, 3, seed=s) for s in range(3))

    def vectors(one):
        flat = one.numpy().ravel()  # C, H, W
        if rows == "memory":
            return [flat[k * 4 : k * 4 + 4] for k in range(6)]
        return [one.numpy()[:, y, x] for y in range(2) for x in range(3)]

    np.testing.assert_array_equal(in_rows(u, rows), [vectors(one) for one in u])
    total = 0.0
    for i in range(3):
        for a, b, c in zip(vectors(u[i]), vectors(h[i]), vectors(r[i]), strict=True):
            total += abs(np.linalg.norm(a) - np.linalg.norm(b))
            total += 1 - a @ c / np.linalg.norm(a) / np.linalg.norm(c)
    assert variation_loss(u, h, r, rows).item() == pytest.approx(total / 3)
    assert variation_loss(u, u, u, rows).item() == pytest.approx(0, abs=1e-9)


def test_in_memory_the_layout_of_a_map_does_not_count():
    u = maps(2, 4, 2, 3)
    last = u.to(memory_format=torch.channels_last)
    assert torch.equal(in_rows(last, "memory"), in_rows(u, "memory"))


def drawn_centres(amount=2):
    torch.manual_seed(1)
    module = Centres(3, amount, 4).double()
    with torch.no_grad():
        module.centre.copy_(torch.randn(3, amount, 4))
        module.bias.copy_(torch.randn(3, amount))
    return module


def test_centres_in_loops():
    module, x, target = drawn_centres(), maps(5, 4), torch.tensor([0, 2, 1, 2, 0])
    d, cesc = module(x, target)
    c, w, b = (p.detach().numpy() for p in (module.centre, module.weight, module.bias))
    total = 0.0
    for i, y in enumerate(target.tolist()):
        one = x[i].numpy()
        mean = one.mean((1, 2))
        g = np.exp([w[y, k] @ mean + b[y, k] for k in range(2)])
        g /= g.sum()
        for k in range(2):
            total += g[k] * ((one - c[y, k][:, None, None]) ** 2).sum()
        np.testing.assert_allclose(d[i].detach(), one - c[y, int(g.argmax())][:, None, None])
    assert cesc.item() == pytest.approx(total / 5)
    assert not d.requires_grad
    cesc.backward()
    assert module.centre.grad.abs().sum() > 0
    assert module.weight.grad.abs().sum() > 0


def test_one_centre_goes_to_the_mean_of_its_class():
    module, x = Centres(2, 1, 4).double(), maps(6, 4)
    target = torch.tensor([0, 0, 0, 0, 1, 1])
    optimiser = torch.optim.SGD([module.centre], lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        module(x, target)[1].backward()
        optimiser.step()
    mean = x.mean((2, 3))
    torch.testing.assert_close(module.centre[0, 0], mean[:4].mean(0))
    torch.testing.assert_close(module.centre[1, 0], mean[4:].mean(0))


def test_they_start_as_published():
    method = build("rsg")
    assert (method.centres.centre == 0).all()
    assert (method.centres.bias == 1).all()
    assert method.centres.weight.std().item() == pytest.approx(1, abs=0.05)
    assert method.centres.centre.shape[:2] == (7, 15)
    assert method.pairing.linear.weight.std().item() == pytest.approx(1, abs=0.15)
    assert (method.cesc, method.variation, method.rows) == (0.1, 0.01, "memory")


def given(size=10):
    """Six images of the frequent class, four of rare ones."""
    target = torch.tensor([1, 0, 1, 1, 5, 1, 1, 6, 1, 2])[:size]
    return batch(size=size)._replace(target=target)


@pytest.mark.parametrize("size", [10, 9])
def test_before_the_switch_the_network_is_erms_and_pairs_are_learnt(size):
    method, plain, one = at(build("rsg"), 0.79), build("erm"), given(size)
    torch.testing.assert_close(method(one.image), plain(one.image), rtol=0, atol=0)
    x = method.backbone(one.image)
    half = size // 2
    judged = method.pairing(x[:half], x[half : 2 * half])
    same = torch.tensor([int(one.target[i] == one.target[i + half]) for i in range(half)])
    expected = F.cross_entropy(plain(one.image), one.target)
    expected = expected + 0.1 * (method.centres(x, one.target)[1] + F.cross_entropy(judged, same))
    loss = method.loss(one)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert (method.transfer.weight.grad == 0).all()
    assert method.pairing.linear.weight.grad.abs().sum() > 0
    F.cross_entropy(plain(one.image), one.target).backward()
    mine = dict(method.named_parameters())
    for name, value in plain.named_parameters():
        key = name.replace("backbone.layer4", "last")
        torch.testing.assert_close(mine[key].grad, value.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("epochs", [5, 7, 15])
def test_the_optimiser_knows_nothing_of_t_at_the_switch(epochs):
    """Gradients of 0 would have left Adam with a first step of three rates."""
    method = build("rsg")
    optimizer = torch.optim.Adam(method.parameters(), lr=1e-3)
    method.trainer = SimpleNamespace(optimizers=[optimizer], max_epochs=epochs, current_epoch=0)
    known = []
    for epoch in range(epochs):
        method.trainer.current_epoch = epoch
        for value in method.parameters():
            value.grad = torch.zeros_like(value)
        optimizer.step()
        method.on_train_epoch_start()
        assert method.centres.centre in optimizer.state
        known.append(method.transfer.weight in optimizer.state)
    assert known == [epoch != math.ceil(0.8 * epochs) for epoch in range(epochs)]
    method.trainer.current_epoch = math.ceil(0.8 * epochs)
    method.on_train_epoch_start()
    before = method.transfer.weight.detach().clone()
    method.transfer.weight.grad = torch.ones_like(before)
    optimizer.step()
    torch.testing.assert_close(before - method.transfer.weight, torch.full_like(before, 1e-3))


@pytest.mark.parametrize("rows", ["memory", "position"])
def test_after_the_switch_rare_classes_get_new_maps(rows):
    method, one = at(build("rsg", rows=rows), 0.8), given()
    with torch.no_grad():
        method.centres.centre.normal_()
    x = method.backbone(one.image).detach()
    d, cesc = method.centres(x, one.target)
    h, r = (
        torch.tensor(side) for side in zip(*pairs_in_loops((one.target == 1).tolist()), strict=True)
    )
    u = method.transfer(d[h])
    label = torch.cat([one.target, one.target[r]])
    logits = method.classifier(method.pool(method.last(torch.cat([x, x[r] + u]))))
    mv = F.cross_entropy(method.pairing(x[h], u), torch.zeros(len(h)).long())
    mv = mv + variation_loss(u, d[h], d[r], rows)
    expected = F.cross_entropy(logits, label) + 0.1 * cesc + 0.01 * mv
    loss = method.loss(one)
    torch.testing.assert_close(loss, expected)
    new, classes, _ = method.generated(method.backbone(one.image), one.target)
    assert len(new) == 4
    assert not (classes == COMMON).any()
    loss.backward()
    assert (method.pairing.linear.weight.grad == 0).all()
    assert method.transfer.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("progress", [0.5, 0.9])
def test_the_modules_terms_teach_the_images_nothing(progress):
    method, one = at(build("rsg"), progress), given()
    _, _, added = method.generated(method.backbone(one.image), one.target)
    added.backward()
    assert all(p.grad is None for p in method.backbone.parameters())
    assert method.centres.centre.grad.abs().sum() > 0


@pytest.mark.parametrize("target", [[1] * 6, [0, 2, 3, 4, 5, 6]])
def test_of_one_side_alone_nothing_is_new(target):
    method = at(build("rsg"), 0.9)
    one = batch(size=6)._replace(target=torch.tensor(target))
    new, label, added = method.generated(method.backbone(one.image), one.target)
    assert len(new) == len(label) == 0
    expected = 0.1 * method.centres(method.backbone(one.image), one.target)[1]
    torch.testing.assert_close(added, expected)
    added.backward()
    assert (method.transfer.weight.grad == 0).all()


def test_steps_on_mv_turn_the_new_variation_to_the_rare_and_give_it_the_frequents_length():
    torch.manual_seed(0)
    d_h, d_r = maps(6, 8, seed=3), maps(6, 8, seed=4)
    u = (0.1 * maps(6, 8, seed=5)).requires_grad_()
    optimiser = torch.optim.Adam([u], lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        variation_loss(u, d_h, d_r, "memory").backward()
        optimiser.step()
    rows = [in_rows(one.detach(), "memory") for one in (u, d_h, d_r)]
    assert F.cosine_similarity(rows[0], rows[2], dim=2).min() > 0.97
    ratio = rows[0].norm(dim=2) / rows[1].norm(dim=2)
    assert (ratio - 1).abs().max() < 0.1
    assert math.isfinite(ratio.sum())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"centres": 0}, "centres must be in"),
        ({"cesc": -1.0}, "cesc must be in"),
        ({"variation": -1.0}, "variation must be in"),
        ({"rows": "channel"}, "unknown rows of rsg 'channel'"),
        ({"backbone": "conv4"}, "needs a ResNet of timm"),
    ],
)
def test_bad_arguments(wrong, words):
    with pytest.raises(MedtailError, match=words):
        methods.build("rsg", SPEC, **wrong)
