"""Contrastive methods: losses against loops over the equations, queue, momentum, processes."""

import copy
from collections import deque

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from medtail import methods
from medtail.benchmark.execution import worker as run
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import supervised
from medtail.benchmark.tracks.batchnorm import GlooBatchNorm
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import MedtailError
from medtail.methods.core.contrast.losses import (
    balanced_supcon_loss,
    parametric_contrastive_loss,
    supcon_loss,
)
from medtail.methods.core.contrast.momentum import LabelledQueue, MomentumCopy, Projection
from medtail.methods.proco import proto_instances

HAM10000 = (778, 4693, 359, 228, 769, 80, 98)
SPEC = DataSpec("ham", tuple("abcdefg"), HAM10000, (16, 16))
PRIOR = np.log(np.array(HAM10000) / sum(HAM10000))
B, M, C, D = 8, 32, 7, 16


def unit(generator, *shape):
    value = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return F.normalize(value, dim=-1)


@pytest.fixture
def drawn():
    """Logits, queries, targets, keys with classes, prototypes: random, in float64."""
    g = torch.Generator().manual_seed(5)
    target, label = torch.randint(0, C, (B,), generator=g), torch.randint(0, C, (M,), generator=g)
    logits = torch.randn(B, C, generator=g, dtype=torch.float64)
    return logits, unit(g, B, D), target, (unit(g, M, D), label), unit(g, C, D)


def by_loops(u, q, y, keys, tau, alpha, t=None, eta=0.0):
    """Section 1.4 of proco.md, term by term."""
    z, label = keys
    total = 0.0
    for i in range(len(q)):
        candidates = [(q[j], y[j]) for j in range(len(q)) if j != i]
        candidates += [(z[j], label[j]) for j in range(len(z))]
        v = [float(np.dot(q[i], a)) / tau for a, _ in candidates]
        exponentials = [np.exp(x) for x in (*u[i], *v)]
        if t is not None:
            exponentials += [np.exp(x) for x in t[i]]
        log_d = np.log(sum(exponentials))
        above, below = u[i][y[i]] - log_d, 1.0
        for (_, c), similarity in zip(candidates, v, strict=True):
            if c == y[i]:
                above, below = above + alpha * (similarity - log_d), below + alpha
        if t is not None:
            above, below = above + eta * (t[i][y[i]] - log_d), below + eta
        total -= above / below
    return total / len(q)


def instances_by_loops(q, y, p, keys, mix, eps):
    """Step 2 of the reconstruction, for one anchor and class at a time."""
    z, label = keys
    a = np.zeros((len(q), len(p), q.shape[1]))
    for i in range(len(q)):
        for c in range(len(p)):
            own = [k for k, k_label in zip(z, label, strict=True) if k_label == c]
            order = sorted(own, key=lambda k: np.dot(q[i], k))
            hardest = (order[0] if c == y[i] else order[-1]) if order else p[c]
            start = mix * p[c] + (1 - mix) * hardest
            start = start / np.linalg.norm(start)
            g = q[i] - np.dot(q[i], start) * start
            moved = start + eps * (-1 if c == y[i] else 1) * g / np.linalg.norm(g)
            a[i, c] = moved / np.linalg.norm(moved)
    return a


def arrays(*values):
    return [
        tuple(part.numpy() for part in v) if isinstance(v, tuple) else v.numpy() for v in values
    ]


@pytest.mark.parametrize("alpha", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("instances", [False, True])
def test_parametric_loss_is_the_equation(drawn, alpha, instances):
    logits, q, y, keys, _ = drawn
    t = torch.linspace(-2, 3, B * C, dtype=torch.float64).view(B, C)
    found = parametric_contrastive_loss(
        logits, q, y, keys, 0.2, alpha, (t, 0.3) if instances else None
    )
    expected = by_loops(
        *arrays(logits, q, y, keys), 0.2, alpha, t.numpy() if instances else None, 0.3
    )
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_without_candidates_it_is_cross_entropy(drawn):
    logits, q, y, (keys, label), _ = drawn
    none = parametric_contrastive_loss(logits[:1], q[:1], y[:1], (keys[:0], label[:0]), 0.07, 0.05)
    torch.testing.assert_close(none, F.cross_entropy(logits[:1], y[:1]))


def test_an_anchor_without_a_positive_has_a_finite_loss(drawn):
    logits, q, _, (keys, _), _ = drawn
    y, others = torch.arange(C), torch.full((M,), C)  # all differ
    q.requires_grad_()
    loss = parametric_contrastive_loss(logits[:C], q[:C], y, (keys, others), 0.07, 0.05)
    loss.backward()
    assert loss.isfinite()
    assert q.grad.isfinite().all()
    expected = by_loops(*arrays(logits[:C], q.detach()[:C], y, (keys, others)), 0.07, 0.05)
    assert loss.item() == pytest.approx(expected)


@pytest.mark.parametrize("missing", [False, True])
def test_proto_instances_are_the_equations(drawn, missing):
    _, q, y, (keys, label), p = drawn
    if missing:  # a class without a key, its own or another's
        label = torch.where(label == y[0], (y[0] + 1) % C, label)
    found = proto_instances(q, y, p, (keys, label), 0.6, 0.1)
    expected = instances_by_loops(*arrays(q, y, p, (keys, label)), 0.6, 0.1)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    norm = torch.linalg.vector_norm(found, dim=2)
    torch.testing.assert_close(norm, torch.ones_like(norm))


def test_proto_instances_before_any_key_are_moved_prototypes(drawn):
    _, q, y, (keys, label), p = drawn
    still = proto_instances(q, y, p, (keys[:0], label[:0]), 0.5, 0.0)
    torch.testing.assert_close(still, p.expand(B, C, D))


def test_the_adversarial_step_raises_the_loss(drawn):
    logits, q, y, keys, p = drawn
    losses = []
    for eps in (0, 0.05, 0.1, 0.2, 0.5):
        a = proto_instances(q, y, p, keys, 0.5, eps)
        t = (q[:, None] * a).sum(2) / 0.07
        losses.append(float(parametric_contrastive_loss(logits, q, y, keys, 0.07, 0.05, (t, 0.05))))
    assert losses == sorted(losses)
    assert len(set(losses)) == 5


def test_proto_instances_teach_the_prototypes_only(drawn):
    _, q, y, (keys, label), p = drawn
    for value in (q, keys, p):
        value.requires_grad_()
    proto_instances(q, y, p, (keys, label), 0.5, 0.1).square().sum(2).sqrt().sum().backward()
    proto_instances(q, y, p, (keys, label), 0.5, 0.1)[:, :, 0].sum().backward()
    assert p.grad.abs().sum() > 0
    assert q.grad is None
    assert keys.grad is None


def supcon_by_loops(z, y, tau):
    losses = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        below = sum(np.exp(np.dot(z[i], z[a]) / tau) for a in others)
        own = [np.log(np.exp(np.dot(z[i], z[p]) / tau) / below) for p in others if y[p] == y[i]]
        if own:
            losses.append(-sum(own) / len(own))
    return np.mean(losses)


def balanced_by_loops(z, y, prototypes, tau):
    losses = []
    for i in range(len(z)):
        members = {
            c: [z[a] for a in range(len(z)) if y[a] == c and a != i] + [prototypes[c]]
            for c in range(len(prototypes))
        }
        below = sum(
            np.mean([np.exp(np.dot(z[i], a) / tau) for a in group]) for group in members.values()
        )
        own = [np.log(np.exp(np.dot(z[i], p) / tau) / below) for p in members[y[i]]]
        losses.append(-np.mean(own))
    return np.mean(losses)


def test_supcon_is_the_equation(drawn):
    _, _, _, (z, y), _ = drawn
    assert float(supcon_loss(z, y, 0.1)) == pytest.approx(supcon_by_loops(*arrays(z, y), 0.1))
    alone = torch.cat([y[:-1], torch.tensor([99])])  # an anchor without a positive is left out
    expected = supcon_by_loops(*arrays(z, alone), 0.1)
    assert float(supcon_loss(z, alone, 0.1)) == pytest.approx(expected)
    assert supcon_loss(z[:5], torch.arange(5), 0.1) == 0


def test_balanced_supcon_is_the_equation(drawn):
    _, _, _, (z, y), p = drawn
    found = float(balanced_supcon_loss(z, y, p, 0.07))
    assert found == pytest.approx(balanced_by_loops(*arrays(z, y, p), 0.07))


def test_in_balanced_supcon_a_common_class_weighs_as_one(drawn):
    """n equal images of a class cost every anchor what one does; in SupCon they crowd out."""
    _, q, _, _, p = drawn
    p[1] = q[2]

    def total(loss, n, *rest):
        z, y = torch.cat([q[:2], q[2:3].expand(n, D)]), torch.tensor([0, 0, *[1] * n])
        return loss(z, y, *rest, 0.2).item() * (2 + n)

    balanced = [total(balanced_supcon_loss, n, p) for n in (2, 3, 12)]
    assert (balanced[2] - balanced[1]) / 9 == pytest.approx(balanced[1] - balanced[0], rel=1e-9)
    plain = [total(supcon_loss, n) for n in (2, 3, 12)]
    assert (plain[2] - plain[1]) / 9 > 1.1 * (plain[1] - plain[0])


def test_momentum_copy_averages_and_keeps_its_own_statistics():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
    slow, reference = MomentumCopy(network, 0.9), copy.deepcopy(network)
    assert not list(slow.parameters())
    image = torch.randn(6, 4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
        for mine, theirs in zip(reference.parameters(), network.parameters(), strict=True):
            mine.copy_(0.9 * mine + 0.1 * theirs)
    slow.update(network)
    before = copy.deepcopy(network.state_dict())
    found = slow(network, image)
    torch.testing.assert_close(found, reference(image))
    assert not found.requires_grad
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    # Its running statistics moved as those of a network of its own, and are saved.
    for name, value in reference.state_dict().items():
        torch.testing.assert_close(slow.state_dict()[name.replace(".", "/")], value)


def test_a_step_moves_the_whole_key_encoder():
    method = build("paco", momentum=0.75)
    before = copy.deepcopy(method.state_dict())
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.add_(1)
    method.loss(exact(2))
    for part in ("backbone", "projection"):
        for name, value in method.get_submodule(part).named_parameters():
            found = method.state_dict()[f"key_{part}.{name.replace('.', '/')}"]
            old = before[f"{part}.{name}"]
            torch.testing.assert_close(found, 0.75 * old + 0.25 * value)


@pytest.mark.parametrize("size", [1, 5, 16])
def test_the_queue_keeps_the_last_whatever_the_batch(size):
    queue, last = LabelledQueue(size, 2), deque(maxlen=size)
    assert len(queue.filled()[0]) == 0
    for step, amount in enumerate([3, 1, 7, 20, 4, 16, 2]):
        target = torch.arange(amount) % 3
        keys = torch.stack([torch.full((amount,), float(step)), torch.arange(amount).float()], 1)
        queue.put(keys, target)
        last.extend((*k, t) for k, t in zip(keys.tolist(), target.tolist(), strict=True))
        found = [(*k, t) for k, t in zip(*(v.tolist() for v in queue.filled()), strict=True)]
        assert sorted(found) == sorted(last)
    again = LabelledQueue(size, 2)
    again.load_state_dict(queue.state_dict())
    for one in (queue, again):
        one.put(torch.full((1, 2), -1.0), torch.tensor([0]))
    assert torch.equal(queue.keys, again.keys)


def test_projection_is_on_the_sphere_and_in_float32():
    projection = Projection(8, 4)
    features = torch.randn(5, 8)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = projection(features.bfloat16().float())
    torch.testing.assert_close(mixed, projection(features.bfloat16().float()), rtol=0, atol=0)
    torch.testing.assert_close(torch.linalg.vector_norm(mixed, dim=1), torch.ones(5))


def test_autocast_does_not_round_the_losses(drawn):
    logits, q, y, keys, p = (
        tuple(x.float() if x.is_floating_point() else x for x in v)
        if isinstance(v, tuple)
        else v.float()
        if v.is_floating_point()
        else v
        for v in drawn
    )
    calls = [
        lambda: parametric_contrastive_loss(logits, q, y, keys, 0.07, 0.05),
        lambda: supcon_loss(*keys, 0.1),
        lambda: balanced_supcon_loss(*keys, p, 0.07),
        lambda: proto_instances(q, y, p, keys, 0.5, 0.1),
    ]
    for call in calls:
        plain = call()
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(call(), plain)


def batch(views, seed=0, size=16):
    g = torch.Generator().manual_seed(seed)
    image = torch.randn(size, views, 3, 16, 16, generator=g)
    return Batch(image, torch.arange(size) % 7, torch.arange(size))


def build(name, seed=0, **arguments):
    torch.manual_seed(seed)
    return methods.build(name, SPEC, **arguments).double()


def exact(views, seed=0):
    drawn = batch(views, seed)
    return drawn._replace(image=drawn.image.double())


@pytest.mark.parametrize("recalibrate", ["prior", "none", "prior_on_instances"])
def test_proco_is_its_parts(recalibrate):
    """One loss of the whole method, from the encoders' outputs, by loops."""
    method = build("proco", recalibrate=recalibrate, queue=24, alpha=0.3, eta=0.7, tau=0.3)
    method.loss(exact(2))  # fills the queue
    keys_before = method.queue.filled()
    method.eval()  # so that the encoders can be asked again
    contrast = method.contrast(exact(2, 1))
    found = method.contrastive_loss(contrast).item()
    s, q, k, y = (part.detach().numpy() for part in contrast)
    w = method.classifier.weight.double()
    p = method.prototypes.layers(w)
    p = (p / p.norm(dim=1, keepdim=True)).detach().numpy()
    a = instances_by_loops(q, y, p, tuple(v.numpy() for v in keys_before), 0.5, 0.1)
    t = np.einsum("id,icd->ic", q, a) / 0.3
    u = s + (0 if recalibrate == "none" else PRIOR)
    if recalibrate == "prior_on_instances":
        t = t + np.log(7) + PRIOR
    candidates = (np.concatenate([k, keys_before[0]]), np.concatenate([y, keys_before[1]]))
    expected = by_loops(u, q, y, candidates, 0.3, 0.3, t, 0.7)
    assert found == pytest.approx(expected, rel=1e-6)


def test_proco_without_instances_is_paco():
    paco, proco = build("paco", seed=3, tau=0.07), build("proco", seed=3, eta=0)
    assert paco.state_dict().keys() == proco.state_dict().keys()
    for seed in range(3):
        assert paco.loss(exact(2, seed)).item() == proco.loss(exact(2, seed)).item()
    assert paco.loss(exact(2)).item() != build("proco", seed=3).loss(exact(2)).item()


@pytest.mark.parametrize("name", ["paco", "proco"])
def test_keys_enter_after_the_loss_and_prediction_needs_none(name):
    method = build(name, queue=40)
    state = copy.deepcopy(method.state_dict())
    method.loss(exact(2))
    filled, target = method.queue.filled()
    assert torch.equal(target, exact(2).target)
    norm = torch.linalg.vector_norm(filled, dim=1)
    torch.testing.assert_close(norm, torch.ones_like(norm))
    method.load_state_dict(state)
    again = method.contrast(exact(2))
    torch.testing.assert_close(again.key, filled)
    without_queue = method.contrastive_loss(again)
    method.load_state_dict(state)
    assert torch.equal(method.loss(exact(2)), without_queue)
    method.load_state_dict(state)
    method.eval()
    # Before any step the copy is the network; queries are of the first view, keys of the second.
    first, second = exact(2).image.unbind(1)
    contrast = method.contrast(exact(2))
    for found, image in ((contrast.query, first), (contrast.key, second)):
        torch.testing.assert_close(found, method.projection(method.backbone(image)))
    logits = method(exact(2).image[:, 0])
    torch.testing.assert_close(logits, method.classifier(method.backbone(exact(2).image[:, 0])))
    method.queue.put(filled, target)
    method.prior.zero_()
    assert torch.equal(method(exact(2).image[:, 0]), logits)


def test_a_rare_class_costs_more_at_equal_logits():
    method = build("paco")
    q = unit(torch.Generator().manual_seed(0), 7, 128)
    losses = [
        float(
            parametric_contrastive_loss(
                torch.zeros(1, 7) + method.prior, q[:1], torch.tensor([c]), (q[:0], q[:0, 0]), 1, 0
            )
        )
        for c in range(7)
    ]
    assert np.argsort(losses).tolist() == np.argsort([-n for n in HAM10000]).tolist()
    assert max(losses) - min(losses) > 4


def test_bcl_is_its_terms():
    method = build("bcl")
    method.eval()
    drawn = exact(3)
    f = [method.backbone(drawn.image[:, v]) for v in range(3)]
    w = method.classifier.weight
    s = 30 * F.normalize(f[0]) @ F.normalize(w).T
    likely = F.cross_entropy(s + torch.tensor(PRIOR), drawn.target)
    z = torch.cat([method.projection(f[1]), method.projection(f[2])])
    contrast = balanced_by_loops(
        z.detach().numpy(),
        np.tile(drawn.target.numpy(), 2),
        method.prototypes(w).detach().numpy(),
        0.07,
    )
    assert method.loss(drawn).item() == pytest.approx(likely.item() + 0.35 * contrast, rel=1e-6)
    method.weight = 0
    assert method.loss(drawn).item() == pytest.approx(likely.item(), rel=1e-6)


def test_the_classifier_beside_supcon_does_not_teach_the_encoder():
    method, drawn = build("supcon"), exact(2)
    method.loss(drawn).backward()
    found = {k: p.grad.clone() for k, p in method.backbone.named_parameters()}
    assert method.classifier.weight.grad.abs().sum() > 0
    method.zero_grad()
    z = method.projection(method.features(drawn.image.flatten(0, 1)))
    supcon_loss(z, drawn.target.repeat_interleave(2), 0.1).backward()
    for key, parameter in method.backbone.named_parameters():
        torch.testing.assert_close(found[key], parameter.grad)


def test_supcon_then_a_new_classifier_on_plain_images():
    method = build("supcon")
    first, second = method.stages
    assert method.request(first).views == 2
    assert build("supcon", resample=True).request(first).sampler == "class_balanced"
    old = method.classifier.weight.clone()
    method.enter(second)
    assert method.request(second).views == 1
    assert method.request(second).sampler == "instance"
    assert not torch.equal(method.classifier.weight, old)
    learns = {name for name, value in method.named_parameters() if value.requires_grad}
    assert learns == {"classifier.weight", "classifier.bias"}
    plain = exact(1)._replace(image=exact(1).image[:, 0])
    expected = F.cross_entropy(method(plain.image), plain.target)
    assert torch.equal(method.loss(plain), expected)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("proco", "tau", 0),
        ("proco", "eta", -1),
        ("proco", "eps", -0.1),
        ("proco", "mix", 1.5),
        ("proco", "recalibrate", "posterior"),
        ("paco", "alpha", -1),
        ("paco", "queue", 0),
        ("paco", "momentum", 1),
        ("bcl", "weight", -1),
        ("bcl", "scale", 0),
        ("supcon", "tau", 0),
        ("supcon", "dim", 0),
    ],
)
def test_bad_arguments_are_one_clear_line(name, argument, value):
    with pytest.raises(MedtailError, match=f"^{name}: {argument} "):
        methods.build(name, SPEC, **{argument: value})


def worker(rank, folder):
    """Three steps of a method on this process's half of the batches, and what came out."""
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    found = {name: steps(name, views, rank, 2) for name, views in (("paco", 2), ("proco", 2))}
    found |= {name: steps(name, views, rank, 2) for name, views in (("bcl", 3), ("supcon", 2))}
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def steps(name, views, rank=0, world=1):
    """Plain gradient descent, the gradients averaged over processes as DDP does."""
    method = build(name, **({"queue": 40} if views == 2 and name != "supcon" else {}))
    if world > 1:
        GlooBatchNorm().apply(method)
    losses = []
    for seed in range(3):
        whole = exact(views, seed)
        share = slice(rank * 16 // world, (rank + 1) * 16 // world)
        loss = method.loss(Batch(*(part[share] for part in whole[:3])))
        method.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in method.parameters():
                if world > 1:
                    torch.distributed.all_reduce(parameter.grad)
                parameter.sub_(0.1 * parameter.grad / world)
        losses.append(loss.item())
    return losses, {k: v for k, v in method.state_dict().items() if "tracked" not in k}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    torch.multiprocessing.spawn(worker, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize(("name", "views"), [("paco", 2), ("proco", 2), ("bcl", 3), ("supcon", 2)])
def test_two_processes_do_what_one_does(name, views, two):
    """Equal queues, keys and weights on both, and those of one process with the whole batch."""
    losses, state = steps(name, views)
    (first, mine), (second, theirs) = two[0][name], two[1][name]
    for key, value in state.items():
        assert torch.equal(mine[key], theirs[key]), key
        torch.testing.assert_close(mine[key], value, rtol=1e-9, atol=1e-12, msg=key)
    # Of SupCon and BCL the cross-entropies are those of the halves.
    assert (np.add(first, second) / 2).tolist() == pytest.approx(losses, rel=1e-9)
    if name in ("paco", "proco"):
        assert first == second
        order = [i % 7 for i in range(16)] * 3
        assert mine["queue.target"].tolist() == order[40:] + order[8:40]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["proco", "metric_two_stage"])
def test_two_processes_through_the_runner(name, tmp_path):
    budget = Budget(epochs=5, batch_size=64, lr=0.05, precision="64-true")
    terms = Terms(
        data="phantom@natural", data_params={"count": 400}, image_size=(16, 16), budget=budget
    )
    one, two = (
        supervised.train(
            Cell(method=name, terms=terms, seed=0),
            run.prepared(terms),
            tmp_path / str(devices),
            devices,
            len,  # tells nobody
        )
        for devices in (1, 2)
    )
    for first, second in zip(one.stages, two.stages, strict=True):
        for mine, theirs in zip(first.history, second.history, strict=True):
            for name in ("train/loss", "val/macro_auc"):
                assert mine[name] == pytest.approx(theirs[name], abs=1e-6)
    # The parent of two processes keeps them, also between stages, in float32.
    for key, value in one.method.state_dict().items():
        torch.testing.assert_close(
            two.method.state_dict()[key],
            value.to(two.method.state_dict()[key].dtype),
            rtol=1e-5,
            atol=1e-6,
        )
