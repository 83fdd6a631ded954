"""DisAlign: scores of a trained classifier calibrated by a confidence, a scale and a shift.

Paper: Zhang et al., "Distribution alignment: a unified framework for long-tail visual recognition",
    CVPR 2021 (arXiv 2103.16370).
Equations: z = W f + b, trained and frozen; k = sigmoid(v.f + v0);
    z' = k (alpha * z + beta) + (1 - k) z;
    L = 1/B sum_i w_{y_i} CE(z', y), w_c = pi_c^{-rho} scaled to sum K. At the start alpha is 1,
    beta 0, hence z' = z.
Code: Megvii-BaseDetection/DisAlign @a2fc350; cvpods @2deea5d, layers/wrappers.py (v = 0.1),
    losses/grw_loss.py. Its classification, ``form: cvpods``, is z' = (1 + k alpha) z + k
    beta, which at the start is (1 + k) z.
Deviations: divided by the batch size, see ``weighted_cross_entropy`` (theirs: by the batch's summed
    weights). The second stage is the last fifth of the budget (theirs: 10 epochs), and has an
    optimiser of its own as theirs: SGD with a half cosine, rate 0.1 for batches of 256, hence 0.05
    at 128: an Adam of the suite's rate would leave alpha where it starts.
Status: faithful.
"""

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import unknown

from .core.base import Common, Method, Recipe, Stage
from .core.checks import check_interval, slug
from .core.losses import weighted_cross_entropy
from .core.weights import log_prior, normalised_to_classes

RECIPE = Recipe("momentum", lr=0.1 * 128 / 256, weight_decay=5e-4, momentum=0.9, warmup=0)
Form = Literal["paper", "cvpods"]


def prior_weights(counts: Tensor, rho: float) -> Tensor:
    """w_c = pi_c^{-rho}, scaled to sum to K; [K] float32 from counts [K]."""
    return normalised_to_classes((-rho * log_prior(counts).double()).exp()).float()


class DisAlign(Method):
    """A cross-entropy stage, then an adaptive calibration of its frozen logits.

    Args:
        spec: the data.
        rho: of the weights, at least 0; 0 weighs all classes alike.
        form: ``paper``, or ``cvpods`` as in their code for classification.
        common: see ``Method``.
    """

    paper = "Zhang et al. 2021"
    stages = (
        Stage("representation", 0.8, by="erm"),
        Stage("calibration", 0.2, recipe=RECIPE),
    )

    def __init__(
        self, spec: DataSpec, *, rho: float = 1.2, form: Form = "paper", **common: Unpack[Common]
    ) -> None:
        check_interval(self, "[0, inf)", rho=rho)
        if form not in get_args(Form):
            raise unknown(f"form of {slug(self)}", str(form), get_args(Form))
        super().__init__(spec, **common)
        self.kept = 1.0 if form == "cvpods" else 0.0
        self.alpha = nn.Parameter(torch.ones(spec.num_classes))
        self.beta = nn.Parameter(torch.zeros(spec.num_classes))
        self.confidence = nn.Linear(self.num_features, 1)
        nn.init.constant_(self.confidence.weight, 0.1)
        self.weight: Tensor
        self.register_buffer("weight", prior_weights(self.counts, rho), persistent=False)

    def enter(self, stage: Stage) -> None:
        """Freeze what gave the logits."""
        if stage.name == "calibration":
            self.freeze("backbone", "classifier")

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, D] -> calibrated logits z' [B, K]."""
        logits = super().classify(features)
        k = self.confidence(features).sigmoid()
        kept = 1 - k * (1 - self.kept)
        aligned: Tensor = k * (self.alpha * logits + self.beta) + kept * logits
        return aligned

    def loss(self, batch: Batch) -> Tensor:
        """Weighted cross-entropy of a batch."""
        return weighted_cross_entropy(self(batch.image), batch.target, self.weight)

    def findings(self) -> dict[str, float]:
        """The scale and the shift of each class."""
        found: dict[str, float] = {}
        for name, alpha, beta in zip(
            self.spec.class_names, self.alpha.tolist(), self.beta.tolist(), strict=True
        ):
            found |= {f"scale/{name}": alpha, f"shift/{name}": beta}
        return found
