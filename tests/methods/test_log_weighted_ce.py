"""WeightedSoftmax of MONICA: weights between equal ones and inverse frequencies."""

import math

import pytest
import torch

from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods.log_weighted_ce import LogWeightedCE, log_rarity_weights
from medtail.methods.weighted_ce import inverse_frequency_weights

HAM = torch.tensor([778, 4693, 359, 228, 769, 80, 98])


def test_weights_are_the_transcription():
    found = log_rarity_weights(HAM).tolist()
    plain = [1 - math.log(n / 4693) for n in HAM.tolist()]
    assert found == pytest.approx([w * 7 / sum(plain) for w in plain])


def test_limit_equal_counts_are_cross_entropy():
    assert log_rarity_weights(torch.full((5,), 33)).tolist() == pytest.approx([1] * 5)


def test_direction_rarer_weighs_more_and_less_than_inverse_frequency():
    mild, strong = log_rarity_weights(HAM).double(), inverse_frequency_weights(HAM).double()
    for rarer in range(7):
        for other in range(7):
            if HAM[rarer] < HAM[other]:
                ratio = mild[rarer] / mild[other]
                assert 1 < ratio < strong[rarer] / strong[other]


def test_the_loss_is_weighted_and_divided_by_the_batch():
    spec = DataSpec("ham", tuple("abcdefg"), tuple(HAM.tolist()), (16, 16))
    method = LogWeightedCE(spec, backbone="test_resnet")
    logits, target = torch.randn(3, 7, dtype=torch.float64), torch.tensor([1, 5, 5])
    method.forward = lambda image: logits
    weight, p = log_rarity_weights(HAM), logits.softmax(1)
    expected = sum(-weight[y] * p[i, y].log() for i, y in enumerate(target)) / 3
    assert method.loss(Batch(None, target, None)).item() == pytest.approx(expected.item())
