"""The score of one class against the rest."""

import numpy as np
import torch

from medtail.methods.core.one_class.base import one_against_rest


def test_scores_rise_with_the_middle_classes():
    logits = torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    scores = one_against_rest(logits)
    probability = logits.softmax(1)[:, 0]
    np.testing.assert_allclose(scores, ((1 - probability) / probability).log(), rtol=1e-5)
    assert (scores.diff() > 0).all()
