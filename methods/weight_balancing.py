"""Weight balancing: a strong weight decay, then the head alone, its rows held under a norm.

Paper: Alshammari et al., "Long-tailed recognition via weight balancing", CVPR 2022 (arXiv
    2203.14197).
Equations: stage one: cross-entropy with a weight decay of 5e-3. Stage two, the head alone, kept:
    B = 1/(B K) sum_i w_{y_i} sum_c BCE(p_ic, [c = y_i]), p the softmax, w of the effective number
    (beta 0.9999), weight decay 0.1; after each epoch rows with ||w_c|| > R are scaled to R,
    R = min_c + 0.1 (max_c - min_c) of the norms at its start (MaxNorm).
Code: ShadeAlsha/LTR-weight-balancing @e89f292, utils/regularizers.py and its demo: SGD of rate 0.01
    with a half cosine in both stages. B is no softmax cross-entropy; that is ``loss: ce``.
Deviations: both stages have their optimiser, and shares 0.8 and 0.2 of the budget (theirs: 320 and
    10 epochs). The decay, whose tuning on validation is the paper's point (``medtail tune``), is
    theirs for CIFAR100-LT. Biases have no decay. Rows are scaled before the epoch's validation.
Status: faithful.
"""

from dataclasses import replace
from typing import Any, Literal, Unpack, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec
from medtail.datamodules.core.errors import unknown

from .core.base import Common, Method, Recipe, Stage
from .core.checks import check_interval, slug
from .core.losses import weighted_cross_entropy
from .core.ranges import Range
from .core.weights import effective_number_weights

RECIPE = Recipe("momentum", lr=0.01, weight_decay=0.005, momentum=0.9, warmup=0)
Loss = Literal["bce", "ce"]
SHARE = 0.1  # of the way from the least norm to the largest, where R is


def softmax_binary_loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1/(B K) sum_i w_{y_i} sum_c BCE(softmax(s_i)_c, [c = y_i]).

    Args:
        logits: [B, K].
        target: [B].
        weight: w, [K].

    Returns:
        A scalar.
    """
    likely = logits.log_softmax(1)
    # log(1 - p); the smallest 1 - p above 0, where the logarithm's gradient is finite.
    unlikely = (-likely.expm1()).clamp(min=1e-12).log()
    own = F.one_hot(target, len(weight)) == 1
    return -(weight[target][:, None] * torch.where(own, likely, unlikely)).mean()


def norm_limit(weight: Tensor, share: float) -> Tensor:
    """R = min_c + share (max_c - min_c) of the row norms of weight [K, D], a scalar."""
    norms = torch.linalg.vector_norm(weight, dim=1)
    limit: Tensor = norms.min() + share * (norms.max() - norms.min())
    return limit


def within(weight: Tensor, limit: Tensor) -> Tensor:
    """Rows [K, D] with a norm of at most the limit, their directions kept."""
    norms = torch.linalg.vector_norm(weight, dim=1, keepdim=True)
    shrink: Tensor = (limit / norms.clamp(min=1e-12)).clamp(max=1)
    return weight * shrink


class WeightBalancing(Method):
    """Cross-entropy under weight decay, then class-balanced steps of a head of bounded norms.

    Args:
        spec: the data.
        decay: weight decay of stage one.
        head_decay: weight decay of stage two.
        loss: of stage two: ``bce`` as in the code, or ``ce``.
        beta: of the effective-number weights.
        common: see ``Method``.
    """

    paper = "Alshammari et al. 2022"
    stages = (
        Stage("representation", 0.8, recipe=RECIPE),
        Stage("classifier", 0.2, recipe=replace(RECIPE, weight_decay=0.1)),
    )
    ranges = {"decay": Range(5e-4, 5e-2, log=True), "head_decay": Range(1e-2, 1.0, log=True)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        decay: float = 0.005,
        head_decay: float = 0.1,
        loss: Loss = "bce",
        beta: float = 0.9999,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", decay=decay, head_decay=head_decay)
        check_interval(self, "[0, 1)", beta=beta)
        if loss not in get_args(Loss):
            raise unknown(f"loss of {slug(self)}", str(loss), get_args(Loss))
        first, second = self.stages
        self.stages = (
            replace(first, recipe=replace(RECIPE, weight_decay=decay)),
            replace(second, recipe=replace(RECIPE, weight_decay=head_decay)),
        )
        super().__init__(spec, **common)
        self.head_loss = softmax_binary_loss if loss == "bce" else weighted_cross_entropy
        self.weight: Tensor
        weight = effective_number_weights(self.counts, beta)
        self.register_buffer("weight", weight, persistent=False)
        self.limit: Tensor  # R; no limit before stage two
        self.register_buffer("limit", torch.tensor(torch.inf))

    @property
    def rows(self) -> Tensor:
        """Of the classifier, [K, D]."""
        return self.classifier.get_parameter("weight")

    def enter(self, stage: Stage) -> None:
        """Freeze the backbone, keep the head, and measure R."""
        if stage.name == "classifier":
            self.freeze("backbone")
            self.limit.copy_(norm_limit(self.rows.detach(), SHARE))

    def loss(self, batch: Batch) -> Tensor:
        """The stage's loss of a batch."""
        if self.stage.name == "representation":
            return super().loss(batch)
        return self.head_loss(self(batch.image), batch.target, self.weight)

    @torch.no_grad()
    def on_train_batch_end(self, *given: Any) -> None:  # noqa: ANN401 - Lightning's own
        """After the last step of an epoch, scale down the rows that are too long."""
        super().on_train_batch_end(*given)
        if self.trainer.is_last_batch:
            self.rows.copy_(within(self.rows, self.limit))

    def findings(self) -> dict[str, float]:
        """R, and how far apart the norms of the rows are."""
        norms = torch.linalg.vector_norm(self.rows.detach(), dim=1)
        found = {"norm_spread": float(norms.max() - norms.min())}
        return found | ({"norm_limit": float(self.limit)} if self.limit.isfinite() else {})
