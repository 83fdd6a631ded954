"""Made-up batches of the long-tail track, and methods at some place of their training."""

import numpy as np
import torch

from medtail import methods
from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.methods.core.base import Method

HAM10000 = (778, 4693, 359, 228, 769, 80, 98)
COUNTS = torch.tensor(HAM10000)
N = COUNTS.numpy().astype(float)
PI = N / N.sum()
K, COMMON, RARE = 7, 1, 5
SPEC = DataSpec("ham", tuple("abcdefg"), HAM10000, (16, 16))


def draw(seed: int = 0, scale: float = 2.0, size: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [size, 7] in float64 and targets [size] with every class."""
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.arange(K), rng.integers(0, K, size - K)])
    return torch.tensor(rng.normal(size=(size, K)) * scale), torch.tensor(target)


def batch(seed: int = 0, size: int = 8) -> Batch:
    """Noise, with every class."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(size, 3, 16, 16, generator=generator)
    return Batch(image, (torch.arange(size) + seed) % K, torch.arange(size))


def build(name: str, seed: int = 0, spec: DataSpec = SPEC, **arguments) -> Method:
    torch.manual_seed(seed)
    return methods.build(name, spec, **arguments).eval()


def at(method: Method, progress: float) -> Method:
    """The method at some share of its stage, as no Trainer runs it."""
    method.__class__ = type("At", (type(method),), {"epoch_progress": progress})
    return method


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Of each row, written out."""
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def effective(counts: np.ndarray, beta: float) -> np.ndarray:
    """Effective-number weights, written out."""
    w = np.array([(1 - beta) / (1 - beta**n) for n in counts])
    return w / w.sum() * len(w)
