"""Power acquisition: draws without replacement with p ~ a^beta, and the scores it is given."""

from collections import Counter

import numpy as np
import pytest
import torch

from medtail.methods.bald import PASSES, dropout_passes
from medtail.methods.core.active.power import power_draw
from medtail.methods.core.scene import Scene, Seen
from tests.methods.active import build, generator, scene

SCORE = torch.tensor([0.1, 0.2, 0.3, 0.6])


@pytest.mark.parametrize("beta", [0.0, 1.0, 3.0])
def test_pairs_are_drawn_without_replacement_by_powers_of_the_score(beta):
    g = generator(1)
    drawn = Counter(tuple(power_draw(SCORE, 2, beta, g).tolist()) for _ in range(8000))
    weight = SCORE.double().numpy() ** beta
    for i in range(4):
        for j in range(4):
            p = weight[i] / weight.sum() * weight[j] / (weight.sum() - weight[i])
            expected = p if i != j else 0.0
            assert drawn[i, j] / 8000 == pytest.approx(expected, abs=0.02)


def test_towards_infinity_it_is_the_top_and_larger_beta_is_closer_to_it():
    score = torch.rand(200, generator=generator(3))
    top = set(score.topk(20).indices.tolist())
    assert power_draw(score, 20, 1e7, generator()).tolist() == score.topk(20).indices.tolist()
    shared = [
        np.mean(
            [len(top & set(power_draw(score, 20, b, generator(s)).tolist())) for s in range(30)]
        )
        for b in (0.0, 2.0, 20.0)
    ]
    assert shared[0] < 4
    assert shared[0] + 2 < shared[1] < shared[2] - 3


def test_scores_at_or_below_zero_come_last_and_leave_no_hole():
    score = torch.tensor([0.0, -1e-17, 0.4, 0.5])
    for seed in range(20):
        answer = power_draw(score, 4, 1.0, generator(seed)).tolist()
        assert set(answer[:2]) == {2, 3}
        assert set(answer) == {0, 1, 2, 3}


def test_of_equal_scores_the_noise_decides_and_is_the_generators():
    level = torch.ones(30)
    once, again, other = (power_draw(level, 5, 9.0, generator(s)).tolist() for s in (0, 0, 1))
    assert once == again != other


def test_power_margin_scores_by_the_closeness_of_two_classes(learner, monkeypatch):
    import medtail.methods.power_margin as module

    seen = []
    monkeypatch.setattr(module, "power_draw", lambda *given: seen.append(given) or given[0])
    p = torch.tensor([[0.7, 0.2, 0.1], [0.4, 0.4, 0.2], [0.98, 0.01, 0.01]])
    pool = Seen(torch.zeros(3, 2), p.log())
    build("power_margin", beta=4.0).acquire(learner, Scene(pool, pool, pool), 2, generator())
    score, budget, beta, _ = seen[0]
    np.testing.assert_allclose(score, [0.5, 1.0, 0.03], atol=1e-6)
    assert (budget, beta) == (2, 4.0)
    assert build("power_margin").beta == build("power_bald").beta == 1.0


def test_power_bald_scores_by_the_passes_of_bald(learner, monkeypatch):
    import medtail.methods.power_bald as module

    seen = []
    monkeypatch.setattr(module, "power_draw", lambda *given: seen.append(given) or given[0])
    given = scene(learner)
    build("power_bald", rate=0.3).acquire(learner, given, 5, generator(7))
    p = dropout_passes(given.pool.features, learner.score, PASSES, 0.3, generator(7)).detach()
    h = lambda p: -(p * p.clamp(min=1e-300).log()).sum(-1)  # noqa: E731
    expected = h(p.mean(0)) - h(p).mean(0)
    torch.testing.assert_close(seen[0][0].detach(), expected)
    assert seen[0][1:3] == (5, 1.0)
