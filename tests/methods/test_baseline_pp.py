"""Baseline++: the head in loops, its SGD by hand, frozen features."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from medtail.methods import baseline_pp
from medtail.methods.baseline_pp import GainedCosine
from tests.methods.few_shot import build, episodes, spec, support_of


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_head_in_loops():
    torch.manual_seed(0)
    head, features = GainedCosine(5, 3), drawn(4, 5)
    with torch.no_grad():
        head.gain.copy_(torch.tensor([0.5, -1.0, 2.0]))
    for f, scores in zip(features.tolist(), head(features).tolist(), strict=True):
        length = math.sqrt(sum(x * x for x in f)) + 1e-5
        for v, g, s in zip(head.direction.tolist(), (0.5, -1.0, 2.0), scores, strict=True):
            product = sum(a * b for a, b in zip(f, v, strict=True))
            expected = 2 * g * product / length / math.sqrt(sum(x * x for x in v))
            assert s == pytest.approx(expected, rel=1e-5)


def test_the_head_begins_as_weight_norm_does_and_a_zero_feature_is_no_nan():
    head = GainedCosine(6, 4)
    torch.testing.assert_close(head.gain, head.direction.norm(dim=1))
    wanted = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(6, 4, bias=False))
    with torch.no_grad():
        wanted.parametrizations.weight.original1.copy_(head.direction)
        wanted.parametrizations.weight.original0.copy_(head.gain[:, None])
    unit = F.normalize(drawn(3, 6))
    torch.testing.assert_close(head(unit), 2 * wanted(unit), atol=1e-4, rtol=1e-4)
    zero = torch.zeros(1, 6, requires_grad=True)
    assert head(zero).tolist() == [[0.0] * 4]
    head(torch.full((1, 6), 1e-9)).sum().backward()
    assert head.direction.grad.isfinite().all()


def test_the_length_of_a_feature_says_nothing_and_equal_gains_are_cosines():
    head, features = GainedCosine(5, 3), drawn(4, 5)
    torch.testing.assert_close(head(features), head(7 * features), atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        head.gain.fill_(0.5)
    cosines = F.cosine_similarity(features[:, None], head.direction, dim=2)
    torch.testing.assert_close(head(features), cosines, atol=1e-4, rtol=1e-4)


def test_the_scale_is_that_of_few_or_many_classes():
    assert GainedCosine(2, 200).scale == 2
    assert GainedCosine(2, 201).scale == 10


def test_an_episode_is_sgd_with_dampening_in_batches_of_four():
    """Two epochs on five images, by hand."""
    torch.manual_seed(0)
    head, features, target = GainedCosine(3, 2), drawn(5, 3), torch.tensor([0, 1, 0, 1, 1])
    mine = [p.detach().clone().requires_grad_() for p in (head.direction, head.gain)]
    torch.manual_seed(4)
    baseline_pp.tuned(head, features, target, 2, 0.3)
    torch.manual_seed(4)
    buffers = [None, None]
    for _ in range(2):
        order = torch.randperm(5).tolist()
        for rows in (order[:4], order[4:]):
            v, g = mine
            f = features[rows]
            logits = 2 * g * F.cosine_similarity(f[:, None], v, dim=2)
            picked = logits.log_softmax(1)[range(len(rows)), target[rows]]
            gradients = torch.autograd.grad(-picked.mean(), mine)
            for n, (p, d) in enumerate(zip(mine, gradients, strict=True)):
                d = d + 1e-3 * p.detach()
                buffers[n] = d if buffers[n] is None else 0.9 * buffers[n] + 0.1 * d
                mine[n] = (p.detach() - 0.3 * buffers[n]).requires_grad_()
    torch.testing.assert_close(head.direction.detach(), mine[0].detach(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(head.gain.detach(), mine[1].detach(), atol=1e-4, rtol=1e-4)


def test_it_trains_with_this_head_and_an_episode_has_one_of_its_own():
    method, batch = build("baseline_pp").eval(), episodes()
    assert isinstance(method.classifier, GainedCosine)
    assert method(batch.image[0]).shape == (len(batch.target[0]), 4)
    assert method.stages[0].by is None, "erm's head is another"
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(method.adapt(support_of(batch))(batch.image[0]))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.isfinite(method.loss(batch._replace(image=batch.image[0], target=batch.target[0])))


def test_one_shot_is_about_the_nearest_cosine():
    rng = np.random.default_rng(0)
    known, query = torch.tensor(rng.normal(size=(2, 8))).float(), drawn(60, 8, seed=1)
    torch.manual_seed(0)
    head = baseline_pp.tuned(GainedCosine(8, 2), known, torch.tensor([0, 1]), 100, 0.01)
    nearest = F.cosine_similarity(query[:, None], known, dim=2).argmax(1)
    agree = (head(query).argmax(1) == nearest).float().mean()
    start = (GainedCosine(8, 2)(query).argmax(1) == nearest).float().mean()
    assert agree > 0.6
    assert agree > start
    longer = baseline_pp.tuned(head, known, torch.tensor([0, 1]), 2000, 0.1)
    assert (longer(query).argmax(1) == nearest).float().mean() > 0.9


def test_more_epochs_fit_the_support_better():
    method, batch = build("baseline_pp", given=spec()).eval(), episodes(seed=3)
    losses = []
    for epochs in (1, 100):
        method.epochs = epochs
        torch.manual_seed(0)
        known = support_of(batch)
        losses.append(F.cross_entropy(method.adapt(known)(known.image), known.target))
    assert losses[1] < losses[0] - 0.05
