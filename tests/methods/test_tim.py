"""TIM: its objective and its turns in loops, its limit, what its queries do."""

import numpy as np
import pytest
import torch

from medtail.datamodules.core.errors import MedtailError
from medtail.methods.tim import adm_means, adm_targets, logits_of, objective
from tests.methods.few_shot import build, episodes, support_of


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def entropy(p):
    return -sum(x * np.log(x) for x in p)


def test_the_objective():
    rng = np.random.default_rng(0)
    support, query, y = rng.normal(size=(4, 3)), 3 * rng.normal(size=(7, 3)), [0, 1, 2, 1]
    p = [softmax(z) for z in query]
    ce = -np.mean([np.log(softmax(z)[c]) for z, c in zip(support, y, strict=True)])
    expected = 0.1 * ce - entropy(np.mean(p, 0)) + 0.1 * np.mean([entropy(one) for one in p])
    found = objective(torch.tensor(support), torch.tensor(y), torch.tensor(query))
    assert found.item() == pytest.approx(expected, rel=1e-9)
    sure = objective(
        torch.zeros(1, 2), torch.zeros(1).long(), torch.tensor([[2e3, 0.0], [2e3, 0.0]])
    )
    assert sure.isfinite()


def test_logits():
    f, w = np.random.default_rng(1).normal(size=(2, 3, 5))
    expected = [[-7.5 * ((a - b) ** 2).sum() for b in w] for a in f]
    np.testing.assert_allclose(logits_of(torch.tensor(f), torch.tensor(w), 15.0), expected)


def test_adm_by_loops():
    rng = np.random.default_rng(2)
    s, q, n, d = 4, 6, 3, 5
    fs, fq, w = rng.normal(size=(s, d)), rng.normal(size=(q, d)), rng.normal(size=(n, d))
    ps, pq = (np.array([softmax(z) for z in rng.normal(size=(k, n))]) for k in (s, q))
    y = np.eye(n)[[0, 1, 2, 1]]
    raised = pq**1.1
    target = np.array(
        [[raised[i, c] / np.sqrt(raised[:, c].sum()) for c in range(n)] for i in range(q)]
    )
    target = np.array([row / row.sum() for row in target])
    np.testing.assert_allclose(adm_targets(torch.tensor(pq)).numpy(), target, rtol=1e-9)
    u, r = 0.1 / 1.1, s / q
    expected = []
    for c in range(n):
        above = u * sum(y[i, c] * fs[i] + ps[i, c] * (w[c] - fs[i]) for i in range(s))
        above = above + r * sum(target[i, c] * fq[i] + pq[i, c] * (w[c] - fq[i]) for i in range(q))
        below = u * y[:, c].sum() + r * target[:, c].sum()
        expected.append(above / below)
    parts = [tuple(map(torch.tensor, part)) for part in ((fs, y, ps), (fq, target, pq))]
    np.testing.assert_allclose(adm_means(torch.tensor(w), *parts).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("solver", ["gd", "adm"])
def test_without_steps_it_is_the_nearest_mean_of_directions(solver):
    batch = episodes(seed=5)
    tim, shot = build("tim", steps=0, solver=solver), build("simpleshot", transform="L2N")
    logits = tim.adapt(support_of(batch))(batch.image[0, 6:])
    scores = shot.adapt(support_of(batch))(batch.image[0, 6:])
    torch.testing.assert_close(logits, 7.5 * scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("solver", "lr"), [("gd", 0.01), ("adm", 1e-4)])
def test_its_queries_are_told_apart_in_more_equal_shares(solver, lr):
    batch = episodes(seed=6)
    made = {}
    for steps in (0, 60):
        method = build("tim", steps=steps, solver=solver, lr=lr)
        logits = method.adapt(support_of(batch))(batch.image[0, 6:])
        p = logits.double().softmax(1).numpy()
        made[steps] = entropy(p.mean(0)), np.mean([entropy(one) for one in p])
    assert made[60][0] > made[0][0] + 1e-4 or made[0][0] > 0.69
    gain = made[60][0] - 0.1 * made[60][1] - (made[0][0] - 0.1 * made[0][1])
    assert gain > 1e-3


def test_gradient_steps_are_adams():
    method, batch = build("tim", steps=3, lr=0.02), episodes(seed=7)
    rng = np.random.default_rng(3)
    fs, fq = (torch.tensor(rng.normal(size=(k, 4))).float() for k in (6, 8))
    method.features = lambda image: fs if len(image) == 6 else fq
    found = method.adapt(support_of(batch))(batch.image[0, 6:])
    fs, fq = (f / f.norm(dim=1, keepdim=True) for f in (fs, fq))
    y = support_of(batch).target
    w = torch.stack([fs[y == n].mean(0) for n in (0, 1)]).double().requires_grad_()
    m = v = torch.zeros_like(w)
    for t in (1, 2, 3):
        z = [-7.5 * (f.double()[:, None] - w).square().sum(2) for f in (fs, fq)]
        (g,) = torch.autograd.grad(objective(z[0], y, z[1]), w)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        step = 0.02 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        w = (w - step).detach().requires_grad_()
    expected = -7.5 * (fq.double()[:, None] - w).square().sum(2)
    torch.testing.assert_close(found.double(), expected.detach(), rtol=1e-3, atol=1e-3)


def test_it_says_that_it_is_transductive_and_what_it_takes():
    assert build("tim").findings() == {"transductive": 1.0}
    with pytest.raises(MedtailError, match="unknown solver 'sgd'"):
        build("tim", solver="sgd")
