"""Batches of several views, and contrastive methods in float64."""

import numpy as np
import torch

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec

HAM10000 = (778, 4693, 359, 228, 769, 80, 98)
SPEC = DataSpec("ham", tuple("abcdefg"), HAM10000, (16, 16))
PRIOR = np.log(np.array(HAM10000) / sum(HAM10000))


def batch(views, seed=0, size=16):
    g = torch.Generator().manual_seed(seed)
    image = torch.randn(size, views, 3, 16, 16, generator=g)
    return Batch(image, torch.arange(size) % 7, torch.arange(size))


def build(name, seed=0, **arguments):
    torch.manual_seed(seed)
    return methods.build(name, SPEC, **arguments).double()


def exact(views, seed=0):
    drawn = batch(views, seed)
    return drawn._replace(image=drawn.image.double())
