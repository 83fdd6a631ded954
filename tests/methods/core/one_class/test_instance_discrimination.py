"""Features without labels: the loss of SimCLR, in loops."""

import math

import pytest
import torch

from medtail.datamodules.core.contract import Batch
from tests.methods.test_one_class import SPEC, batch, build, step


def test_instance_discrimination_is_simclr():
    method = build("knn")
    images = batch(SPEC, 0, views=2, size=4).image
    torch.manual_seed(0)
    loss = step(method, Batch(images, torch.zeros(4).long(), torch.arange(4)))
    with torch.no_grad():
        z = method.projection(method.features(images.flatten(0, 1))).double().numpy()
    total = 0.0
    for i in range(8):
        others = [math.exp(z[i] @ z[a] / 0.5) for a in range(8) if a != i]
        total -= math.log(math.exp(z[i] @ z[i ^ 1] / 0.5) / sum(others))
    assert loss.item() == pytest.approx(total / 8, rel=1e-4)
