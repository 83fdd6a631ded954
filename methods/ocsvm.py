"""A one-class support vector machine of features that were learnt without labels.

Paper: Schoelkopf, Platt, Shawe-Taylor, Smola, Williamson, "Estimating the support of a
    high-dimensional distribution", Neural Computation 13 (2001).
Equations: min 1/2 ||w||^2 + 1/(nu N) sum_i xi_i - rho with <w, Phi(f_i)> >= rho - xi_i, by its
    dual, in which sum_i alpha_i = 1; score: rho - sum_i alpha_i exp(-gamma ||f - f_i||^2). nu =
    0.1, gamma = 1 / (D var) with the variance of all values of the given features (scikit-learn's
    ``scale``).
Deviations: the features are those of ``knn``, at length 1: a network trained by SimCLR's loss on
    the given class. Each step shows two views of an image. The paper's text was not at hand.
Status: reconstruction.
"""

from collections.abc import Iterable
from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.one_class.density import given_features
from .core.one_class.instance_discrimination import InstanceDiscrimination
from .core.precision import exact, without_autocast


class OCSVM(InstanceDiscrimination):
    """The support of contrastive features.

    Args:
        spec: the data.
        nu: share of given images that may lie outside.
        common: see ``Method``.
    """

    paper = "Schölkopf et al. 2001"
    status = "reconstruction"

    def __init__(self, spec: DataSpec, *, nu: float = 0.1, **common: Unpack[Common]) -> None:
        check_interval(self, "(0, 1)", nu=nu)
        super().__init__(spec, **common)
        self.nu = nu
        self.support: Tensor
        self.alpha: Tensor
        self.amount: Tensor
        self.gamma: Tensor
        self.rho: Tensor
        size = max(spec.class_counts[0], 1)
        self.register_buffer("support", torch.zeros(size, self.num_features))
        self.register_buffer("alpha", torch.zeros(size))
        self.register_buffer("amount", torch.tensor(0))  # of support vectors
        self.register_buffer("gamma", torch.ones(()))
        self.register_buffer("rho", torch.zeros(()))

    def directions(self, image: Tensor) -> Tensor:
        """Features at length 1, [B, D] float32."""
        return F.normalize(exact(self.features(image)))

    @without_autocast
    def outside(self, features: Tensor) -> Tensor:
        """Features [B, D] -> rho - sum_i alpha_i k(f, f_i), [B]."""
        known = self.support[: int(self.amount)]
        distance = torch.cdist(features, known, compute_mode="donot_use_mm_for_euclid_dist")
        near = (-self.gamma * distance.square()).exp()
        return self.rho - near @ self.alpha[: int(self.amount)]

    def abnormality(self, image: Tensor) -> Tensor:
        """How far outside of the support of the given features."""
        return self.outside(self.directions(image))

    @torch.no_grad()
    def fit(self, features: Tensor) -> None:
        """Find the support of features [N, D], N at most the given training images."""
        from sklearn.svm import OneClassSVM  # large in a worker that needs none

        rows = features.cpu().double()
        gamma = 1 / (rows.shape[1] * float(rows.var(correction=0).clamp(min=1e-12)))
        machine = OneClassSVM(nu=self.nu, gamma=gamma).fit(rows.numpy())
        amount, alpha = len(machine.support_), torch.tensor(machine.dual_coef_[0])
        self.support[:amount] = torch.tensor(machine.support_vectors_)
        self.alpha[:amount] = alpha / alpha.sum()
        self.amount.fill_(amount)
        self.gamma.fill_(gamma)
        self.rho.fill_(float(machine.offset_[0] / alpha.sum()))

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Fit the machine."""
        self.eval()
        self.fit(given_features(self.directions, train, self.device))
