"""The base of acquisitions: who can learn, random choices, ties."""

import torch

from medtail import methods
from medtail.methods.core.active.base import Acquisition, highest, learns
from tests.methods.active import build, generator, scene


def test_supervised_methods_are_learners_and_acquire_at_random(learner):
    assert learns(methods.describe("crt"))
    assert not issubclass(methods.get("erm"), Acquisition)
    given = scene(learner)
    one, other = (build(m).acquire(learner, given, 9, generator(4)) for m in ("erm", "crt"))
    assert torch.equal(one, other)


def test_ties_are_drawn():
    score = torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0, 0.0])
    picks = [highest(score, 3, generator(s)).tolist() for s in range(30)]
    assert all(p[0] == 4 and 5 not in p for p in picks)
    assert {i for p in picks for i in p[1:]} == {0, 1, 2, 3}
