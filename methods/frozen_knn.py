"""Nearest neighbours on frozen features of the common classes.

Paper: Li et al., "Difficulty-aware meta-learning for rare disease diagnosis", MICCAI 2020,
    https://arxiv.org/abs/1907.00354, section 3: its baseline "ConvFeature + KNN".
Equations: p(n | x) = sum_{j in J, y_j = n} w_j / sum_{j in J} w_j, J the k support images whose
    features lie nearest to f(x), w_j = 1 / (||f(x) - f_j|| + 0.000001).
Deviations: the text gives no k, no weights and no lengths. k = 5 (scikit-learn's default), or all
    where there are fewer; features have length 1, as those of the logistic regression that plain
    rows have. Votes that count alike say nothing where k is the whole support set: the table's
    50.00 at one shot may be that, so that ours count by distance. Logits are log(p + 0.000001).
    The suite's backbone in place of a DenseNet. The epoch of the shared stage is selected by the
    balanced accuracy of the plain, unadjusted logits on the common classes.
Status: reconstruction.
"""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common, Method, Stage
from .core.checks import check_interval

LEAST = 1e-6


def votes(query: Tensor, known: Tensor, target: Tensor, k: int) -> Tensor:
    """p(n | x): [Q, N] from features [Q, D] and [S, D] and labels [S] in 0..N - 1."""
    distance = torch.cdist(query, known, compute_mode="donot_use_mm_for_euclid_dist")
    nearest, rows = distance.topk(min(k, len(known)), largest=False)
    weight = 1 / (nearest + LEAST)
    count = torch.zeros(len(query), int(target.max()) + 1).to(query)
    count.scatter_add_(1, target[rows], weight)
    return count / weight.sum(1, keepdim=True)


class FrozenKNN(Method):
    """The shared cross-entropy stage; an episode's classes by nearest neighbours.

    Args:
        spec: the data.
        k: neighbours.
        common: see ``Method``.
    """

    paper = "Li et al. 2020 (baseline)"
    status = "reconstruction"
    tracks = ("few_shot",)
    stages = (Stage("representation", by="erm"),)

    def __init__(self, spec: DataSpec, *, k: int = 5, **common: Unpack[Common]) -> None:
        check_interval(self, "[1, inf)", k=k)
        super().__init__(spec, **common)
        self.k = int(k)

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Keep the support set's features."""
        known = F.normalize(self._frozen_features(support.image))

        def predict(image: Tensor) -> Tensor:
            query = F.normalize(self._frozen_features(image))
            return (votes(query, known, support.target, self.k) + LEAST).log()

        return predict
