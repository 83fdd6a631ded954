"""Matching networks: attention and full context embeddings in loops."""

import copy
import math

import numpy as np
import pytest
import torch

from medtail.methods import matching_net
from tests.methods.few_shot import build, episodes, fit, support_of

TARGET = torch.tensor([0, 1, 1, 0, 2])


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attended_in_loops(query, support, target, ways):
    answer = []
    for h in query:
        weight = []
        for g in support:
            lengths = (np.linalg.norm(h) + 1e-5) * (np.linalg.norm(g) + 1e-5)
            weight.append(math.exp(100 * max(0.0, float(h @ g) / lengths)))
        total = sum(weight)
        answer.append(
            [sum(w for w, y in zip(weight, target, strict=True) if y == n) / total
             for n in range(ways)]
        )  # fmt: skip
    return np.array(answer)


def test_attention_in_loops():
    query, support = drawn(4, 3), drawn(5, 3, seed=1)
    expected = attended_in_loops(query.numpy(), support.numpy(), TARGET.tolist(), 3)
    found = matching_net.attended(query, support, TARGET, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(found.sum(1), 1)


def test_one_shot_is_a_softmax_of_cosines_and_what_points_away_is_not_told_apart():
    support = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    found = matching_net.attended(torch.tensor([[0.8, 0.6]]), support, torch.tensor([0, 1]), 2)
    expected = 1 / (1 + math.exp(100 * (0.96 - 0.8)))
    assert found[0, 0].item() == pytest.approx(expected, rel=2e-2)
    away = torch.tensor([[-1.0, -0.2]], requires_grad=True)
    level = matching_net.attended(away, support, torch.tensor([0, 1]), 2)
    assert level.tolist() == [[0.5, 0.5]]
    level[0, 0].backward()
    assert not away.grad.any(), "the cut at 0 leaves no gradient"


def test_lengths_do_not_count_and_zero_is_no_nan():
    query, support = drawn(4, 3), drawn(5, 3, seed=1)
    found = matching_net.attended(query, support, TARGET, 3)
    longer = matching_net.attended(9 * query, 5 * support, TARGET, 3)
    torch.testing.assert_close(found, longer, atol=1e-3, rtol=1e-2)
    nothing = matching_net.attended(torch.zeros(1, 3), torch.zeros(5, 3), TARGET, 3)
    torch.testing.assert_close(nothing, torch.tensor([[0.4, 0.4, 0.2]]))


def cell(x, h, c, w_x, w_h, b):
    """A step of an LSTM: gates i, f, g, o."""
    i, f, g, o = np.split(w_x @ x + w_h @ h + b, 4)

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def test_full_context_in_loops():
    torch.manual_seed(0)
    context = matching_net.FullContext(3).double()
    support, query = drawn(4, 3), drawn(2, 3, seed=1)
    of = {name: value.detach().numpy() for name, value in context.named_parameters()}
    expected = support.numpy().copy()
    for ending, order in (("", range(4)), ("_reverse", range(3, -1, -1))):
        w_x, w_h = of[f"support.weight_ih_l0{ending}"], of[f"support.weight_hh_l0{ending}"]
        b = of[f"support.bias_ih_l0{ending}"] + of[f"support.bias_hh_l0{ending}"]
        h, c = np.zeros(3), np.zeros(3)
        for j in order:
            h, c = cell(support[j].numpy(), h, c, w_x, w_h, b)
            expected[j] += h
    found, judged = context(support, query)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-9)
    w_x, w_h = of["query.weight_ih"], of["query.weight_hh"]
    b = of["query.bias_ih"] + of["query.bias_hh"]
    for f, answer in zip(query.numpy(), judged.detach(), strict=True):
        h, c = f, np.zeros(3)
        for _ in range(4):
            a = np.exp(expected @ h) / np.exp(expected @ h).sum()
            h, c = cell(np.concatenate([f, a @ expected]), h, c, w_x, w_h, b)
            h = h + f
        np.testing.assert_allclose(answer, h, rtol=1e-9)


@pytest.mark.parametrize("fce", [False, True])
def test_the_order_of_the_support_says_something_with_full_context_alone(fce):
    method, batch = build("matching_net", fce=fce).eval(), episodes()
    support, order = support_of(batch), torch.tensor([4, 2, 5, 0, 1, 3])
    turned = type(support)(*(part[order] for part in support[:3]))
    logits = [method.adapt(known)(batch.image[0, 6:]) for known in (support, turned)]
    assert torch.allclose(*logits, atol=1e-3) is not fce
    assert (method.context is None) is not fce


@pytest.mark.parametrize("fce", [False, True])
def test_the_loss_is_the_log_likelihood_of_the_queries(fce):
    method, batch = build("matching_net", fce=fce), episodes()
    method.eval()  # statistics stay, so that episodes may be taken one by one
    each = []
    for task in range(4):
        with torch.no_grad():
            f = method.features(batch.image[task]).double()
        copied = copy.deepcopy(method.context).double() if fce else None
        g, h = copied(f[:6], f[6:]) if fce else (f[:6], f[6:])
        p = attended_in_loops(h.detach().numpy(), g.detach().numpy(), batch.target[task, :6], 2)
        each += [-math.log(row[y] + 1e-6) for row, y in zip(p, batch.target[task, 6:], strict=True)]
    assert method.loss(batch).item() == pytest.approx(sum(each) / len(each), rel=1e-3)


def test_what_is_compared_are_probabilities():
    method, batch = build("matching_net").eval(), episodes()
    logits = method.adapt(support_of(batch))(batch.image[0, 6:])
    torch.testing.assert_close(logits.exp().sum(1), torch.full((8,), 1 + 2e-6))
    given = torch.tensor([[0.5, 0.25]]).log()
    assert method.objective(given, torch.tensor([1])).item() == pytest.approx(math.log(4))


def test_full_context_is_learnt_too():
    method = build("matching_net", fce=True)
    before = copy.deepcopy(method.state_dict())
    fit(method, 1)
    for key, _ in method.named_parameters():
        assert not torch.equal(before[key], method.state_dict()[key]), key
