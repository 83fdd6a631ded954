"""Functions of the class counts that several papers share."""

import torch
from torch import Tensor

DEFERRAL = 0.8  # share of the epochs; Cao et al., NeurIPS 2019: epoch 160 of 200


def log_prior(counts: Tensor) -> Tensor:
    """Logarithms of the training priors n_c / N: [K] float32, from counts [K]."""
    return (counts.double() / counts.sum()).log().float()


def normalised_to_classes(weight: Tensor) -> Tensor:
    """Weights [K] scaled to sum to K, so that their mean over classes is 1."""
    return weight * (len(weight) / weight.sum())


def effective_number_weights(counts: Tensor, beta: float) -> Tensor:
    """w_c = (1 - beta) / (1 - beta^n_c), scaled to sum to K (Cui et al., CVPR 2019).

    Args:
        counts: [K] training images of each class.
        beta: in [0, 1); 0 gives equal weights, towards 1 they become inverse frequencies.

    Returns:
        [K] float32. Computed in float64: 1 - beta^n cancels for rare classes.
    """
    n = counts.double()
    logarithm = torch.tensor(beta, dtype=torch.float64, device=n.device).log()
    return normalised_to_classes((1 - beta) / -torch.expm1(n * logarithm)).float()


def deferred(weight: Tensor, progress: float) -> Tensor:
    """w_c(t) = 1 for t < 0.8, then the weights: deferred re-weighting of any weighting.

    Cao et al., NeurIPS 2019, algorithm 1.

    Args:
        weight: [K].
        progress: t, share of the stage's epochs that are done.

    Returns:
        [K].
    """
    return weight if progress >= DEFERRAL else torch.ones_like(weight)
