"""Simple classifiers on a few features: what a frozen network does with a support set."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def logistic_regression(features: Tensor, target: Tensor) -> Callable[[Tensor], Tensor]:
    """L2-regularised logistic regression (scikit-learn, C = 1) on features of unit length.

    As in Tian et al., "Rethinking few-shot image classification: a good embedding is all you
    need?", ECCV 2020, section 3.3.

    Args:
        features: [S, D].
        target: [S] in 0..N - 1, every class present.

    Returns:
        Features [Q, D] -> log-probabilities [Q, N].
    """
    from sklearn.linear_model import LogisticRegression  # large in a worker that needs none

    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit(F.normalize(features).cpu().double().numpy(), target.cpu().numpy())

    def predict(query: Tensor) -> Tensor:
        scores = model.predict_log_proba(F.normalize(query).cpu().double().numpy())
        return torch.from_numpy(np.asarray(scores)).to(query)

    return predict
