"""The slow copy of an encoder, the queue of its keys, and projections."""

import copy
from collections import deque

import pytest
import torch
from torch import nn

from medtail.methods.core.contrast.momentum import LabelledQueue, MomentumCopy, Projection


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
