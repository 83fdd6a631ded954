"""What tests of methods of several experts share."""

import numpy as np
import torch

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec

COUNTS = (778, 4693, 359, 228, 769, 80, 98)
SPEC = DataSpec("ham", tuple("abcdefg"), COUNTS, (16, 16))
COMMON, RARE = 1, 5


def batch(target=None, size=8):
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(size, 3, 16, 16, generator=generator)
    target = torch.arange(size) % 7 if target is None else torch.full((size,), target)
    return Batch(image, target, torch.arange(size))


def build(name, progress=0.0, **params):
    torch.manual_seed(0)
    method = methods.build(name, SPEC, **params)
    method.__class__ = type("At", (type(method),), {"epoch_progress": progress})
    return method.eval()


def log_softmax(z):
    z = np.asarray(z, dtype=np.float64)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def logits_of(method, image):
    with torch.no_grad():
        return method.of_each(method.features(image)).double().numpy()
