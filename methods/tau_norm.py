"""tau-normalisation: the classifier's rows brought nearer to one norm.

Paper: Kang et al., "Decoupling representation and classifier for long-tailed recognition", ICLR
    2020, section 4.
Equations: w_c becomes w_c / ||w_c||^tau, without a bias; nothing is trained.
Deviations: tau is the best of 0, 0.1 .. 2 by balanced accuracy on the validation split (the paper:
    a grid in [0, 1], on validation); of equal ones the smallest. The bias, with which the
    classifier was trained, is dropped. That norms grow with the counts is what the method mends;
    AdamW's decoupled decay need not tie them, and then the gain can vanish: see the finding
    ``norm_count_correlation``. The epoch of the shared stage is selected by the balanced accuracy
    of the plain, unadjusted logits.
Status: faithful.
"""

from collections.abc import Iterable
from typing import Unpack

import torch
from torch import Tensor

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method, Stage
from .core.monitor import balanced_accuracy

GRID = tuple(step / 10 for step in range(21))


def tau_normalised(weight: Tensor, tau: float | Tensor) -> Tensor:
    """w_c / ||w_c||^tau : [K, D] from [K, D]."""
    norm: Tensor = torch.linalg.vector_norm(weight, dim=1, keepdim=True)
    return weight / norm.clamp(min=1e-12).pow(tau)


def norm_count_correlation(weight: Tensor, counts: Tensor) -> float | None:
    """Pearson correlation over classes of log n_c and ||w_c||, from weight [K, D] and counts [K].

    None where either is the same for all classes.
    """
    norm = torch.linalg.vector_norm(weight.detach().double(), dim=1)
    if counts.min() == counts.max() or norm.min() == norm.max():
        return None
    return float(torch.corrcoef(torch.stack([counts.double().log(), norm]))[0, 1])


class TauNorm(Method):
    """The cross-entropy model with a tempered norm of its classifier's rows."""

    paper = "Kang et al. 2020"
    stages = (Stage("train", 1.0, by="erm"),)

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        self.tau: Tensor
        self.register_buffer("tau", torch.tensor(0.0))

    def logits_at(self, features: Tensor, tau: float | Tensor) -> Tensor:
        """Features [B, D] -> logits [B, K] without a bias, at some tau."""
        weight: Tensor = self.classifier.get_parameter("weight")
        return features @ tau_normalised(weight, tau).T

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, D] -> logits [B, K] at the chosen tau."""
        return self.logits_at(features, self.tau)

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Choose tau by balanced accuracy on validation."""
        features, target = self.embed(val)
        scores = [balanced_accuracy(self.logits_at(features, t), target) for t in GRID]
        self.tau.fill_(GRID[int(torch.stack(scores).argmax())])

    def findings(self) -> dict[str, float]:
        """The chosen tau, and whether the norms of the stage it starts from follow the counts."""
        found = {"tau": float(self.tau)}
        weight = self.classifier.get_parameter("weight")
        correlation = norm_count_correlation(weight, self.counts)
        if correlation is not None:
            found["norm_count_correlation"] = correlation
        return found
