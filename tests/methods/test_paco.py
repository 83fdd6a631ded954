"""PaCo: the key encoder, the order of queue and loss, and the prior."""

import copy

import numpy as np
import pytest
import torch

from medtail.methods.core.contrast.losses import (
    parametric_contrastive_loss,
)
from tests.methods.contrastive import HAM10000, build, exact
from tests.methods.core.contrast.loops import unit


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
