"""A support vector machine on frozen features of the common classes.

Paper: Li et al., "Difficulty-aware meta-learning for rare disease diagnosis", MICCAI 2020,
    https://arxiv.org/abs/1907.00354, section 3: its baseline "ConvFeature + SVM".
Equations: for each class n against the rest min_{w, b} ||w||^2 / 2 + C sum_i max(0, 1 - y_i (<w,
    f_i> + b)), y_i = 1 for class n and -1 else; s_n = <w, f> + b.
Deviations: the text gives neither kernel nor C: linear, C = 1 (scikit-learn's default), features at
    length 1, as those of the logistic regression that plain rows have. Of two classes s_0 = -s_1.
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


def margins(features: Tensor, target: Tensor, c: float) -> tuple[Tensor, Tensor]:
    """Weights [N, D] and biases [N] of one linear machine a class, in double precision.

    Args:
        features: [S, D].
        target: [S] in 0..N - 1, every class present.
        c: price of a violated margin.
    """
    from sklearn.svm import SVC  # large in a worker that needs none

    rows, weight, bias = features.cpu().double().numpy(), [], []
    for n in range(int(target.max()) + 1):
        machine = SVC(C=c, kernel="linear", tol=1e-6)
        machine.fit(rows, (target == n).cpu().numpy())
        weight.append(torch.tensor(machine.coef_[0]))
        bias.append(float(machine.intercept_[0]))
    return torch.stack(weight), torch.tensor(bias, dtype=torch.float64)


class FrozenSVM(Method):
    """The shared cross-entropy stage; an episode's classes by linear machines.

    Args:
        spec: the data.
        c: price of a violated margin.
        common: see ``Method``.
    """

    paper = "Li et al. 2020 (baseline)"
    status = "reconstruction"
    tracks = ("few_shot",)
    stages = (Stage("representation", by="erm"),)

    def __init__(self, spec: DataSpec, *, c: float = 1.0, **common: Unpack[Common]) -> None:
        check_interval(self, "(0, inf)", c=c)
        super().__init__(spec, **common)
        self.c = c

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Fit a machine for each class."""
        known = F.normalize(self._frozen_features(support.image))
        weight, bias = margins(known, support.target, self.c)

        def predict(image: Tensor) -> Tensor:
            query = F.normalize(self._frozen_features(image))
            return query @ weight.to(query).T + bias.to(query)

        return predict
