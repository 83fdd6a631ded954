"""Class weights and priors: against transcriptions in NumPy and the known numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning import seed_everything
from torch.nn import functional as F

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods.core.losses import weighted_cross_entropy
from medtail.methods.core.weights import deferred, effective_number_weights, log_prior
from medtail.methods.ldam import ldam_margins
from medtail.methods.weighted_ce import inverse_frequency_weights

# ISIC 2018 task 3, all images: MEL NV BCC AKIEC BKL DF VASC.
ISIC2018 = torch.tensor([1113, 6705, 514, 327, 1099, 115, 142])
TRAIN = torch.tensor([778, 4693, 359, 228, 769, 80, 98])
COUNTS = st.lists(st.integers(1, 20000), min_size=2, max_size=12).map(torch.tensor)


@pytest.mark.parametrize(
    ("values", "known"),
    [
        (
            effective_number_weights(ISIC2018, 0.9999),
            [0.288, 0.062, 0.606, 0.944, 0.292, 2.655, 2.153],
        ),
        (ldam_margins(ISIC2018, 0.5), [0.283, 0.181, 0.344, 0.385, 0.284, 0.500, 0.474]),
        (log_prior(ISIC2018), [-2.197, -0.401, -2.970, -3.422, -2.210, -4.467, -4.256]),
    ],
    ids=["effective_number", "ldam_margins", "log_prior"],
)
def test_the_numbers_of_isic2018(values, known):
    np.testing.assert_allclose(values.numpy(), known, atol=5.1e-4)


@given(COUNTS, st.sampled_from([0.0, 0.9, 0.99, 0.999, 0.9999]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_effective_number_by_its_geometric_series(counts, beta):
    # E_n = sum_{j < n} beta^j, the form from which the paper's fraction comes.
    effective = [np.sum(beta ** np.arange(n, dtype=float)) for n in counts.tolist()]
    expected = 1 / np.array(effective)
    expected *= len(counts) / expected.sum()
    weight = effective_number_weights(counts, beta)
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-5)


def test_effective_number_has_its_limits():
    assert torch.equal(effective_number_weights(TRAIN, 0.0), torch.ones(7))
    inverse = inverse_frequency_weights(TRAIN)
    torch.testing.assert_close(
        effective_number_weights(TRAIN, 1 - 1e-12), inverse, rtol=1e-3, atol=0
    )


@given(COUNTS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_weights_sum_to_the_classes_and_favour_the_rare(counts):
    for weight in (inverse_frequency_weights(counts), effective_number_weights(counts, 0.999)):
        assert weight.sum().item() == pytest.approx(len(counts), rel=1e-5)
        order = counts.argsort()
        assert (weight[order].diff() <= 1e-6).all()
    margins = ldam_margins(counts, 0.5)
    assert margins.max().item() == pytest.approx(0.5)
    assert margins.argmax() == counts.argmin() or counts.min() == counts[margins.argmax()]


def test_inverse_frequency_gives_every_class_the_same_total():
    weight = inverse_frequency_weights(TRAIN)
    total = weight * TRAIN
    torch.testing.assert_close(total, total.mean().expand(7))
    np.testing.assert_allclose(weight[5] / weight[1], 4693 / 80, rtol=1e-6)


def test_weighted_cross_entropy_is_weighted_softmax_cross_entropy():
    """Not a binary cross-entropy on probabilities; divided by B, not by the summed weights."""
    rng = np.random.default_rng(0)
    logits, target = rng.normal(size=(16, 7)) * 3, rng.integers(0, 7, 16)
    weight = inverse_frequency_weights(TRAIN).double()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = sum(-weight[y].item() * np.log(p[i, y]) for i, y in enumerate(target)) / 16
    given = torch.tensor(logits), torch.tensor(target)
    loss = weighted_cross_entropy(*given, weight)
    assert loss.item() == pytest.approx(expected, rel=1e-9)
    assert loss.item() != pytest.approx(F.cross_entropy(*given, weight=weight).item(), rel=0.05)
    equal = weighted_cross_entropy(*given, torch.ones(7).double())
    assert equal.item() == pytest.approx(F.cross_entropy(*given).item(), rel=1e-12)


def test_a_step_does_not_depend_on_the_company():
    """Two ranks' mean gradients average to the global batch's, whichever classes each one holds."""
    torch.manual_seed(0)
    logits = torch.randn(8, 7).double()
    target = torch.tensor([1, 1, 1, 1, 5, 5, 6, 6])
    weight = inverse_frequency_weights(TRAIN).double()
    whole = weighted_cross_entropy(logits, target, weight)
    halves = [weighted_cross_entropy(logits[h], target[h], weight) for h in (slice(4), slice(4, 8))]
    torch.testing.assert_close(whole, torch.stack(halves).mean())


@pytest.mark.parametrize("name", ["weighted_ce", "effective_number"])
def test_the_rare_class_costs_more_on_this_data(name):
    spec = DataSpec("ham", tuple("abcdefg"), tuple(TRAIN.tolist()), (16, 16))
    method = methods.build(name, spec)
    alike = torch.zeros(1, 7)
    rare, common = (weighted_cross_entropy(alike, torch.tensor([c]), method.weight) for c in (5, 1))
    assert rare > 20 * common


def test_deferred_weights_are_one_before_the_last_fifth():
    weight = torch.tensor([0.5, 2.5], dtype=torch.float64)
    for progress in (0.0, 0.5, 0.7999):
        assert deferred(weight, progress).tolist() == [1.0, 1.0]
        assert deferred(weight, progress).dtype == weight.dtype
    for progress in (0.8, 0.95):
        assert deferred(weight, progress).tolist() == [0.5, 2.5]
    # Epoch 160 of 200 is the first with weights.
    assert [bool(deferred(weight, e / 200)[0] < 1) for e in (159, 160)] == [False, True]


DEFERRING = sorted(name for name in methods.names() if "drw" in methods.defaults(name))


@pytest.mark.parametrize("name", DEFERRING)
def test_every_method_that_defers_its_weights_has_none_before(name):
    """At progress 0.79 the loss knows nothing of the switch; at 0.8 the rare class costs more."""
    spec = DataSpec("ham", tuple("abcdefg"), tuple(TRAIN.tolist()), (16, 16))
    torch.manual_seed(0)
    method = methods.build(name, spec, drw=True).eval()
    image = torch.randn(8, 3, 16, 16)
    losses = {}
    for progress in (0.0, 0.79, 0.8):
        method.__class__ = type("At", (type(method),), {"epoch_progress": progress})
        for c in (1, 5):
            target = torch.full((8,), c)
            batch = Batch(image, target, target)
            seed_everything(0, verbose=False)  # of what mixes images
            losses[progress, c] = method.loss(batch._replace(second=batch)).item()
    for c in (1, 5):  # to rounding, which is another with other places in memory
        assert losses[0.0, c] == pytest.approx(losses[0.79, c], rel=1e-6)
    assert losses[0.8, 5] > losses[0.79, 5]
    assert losses[0.8, 1] < losses[0.79, 1]
