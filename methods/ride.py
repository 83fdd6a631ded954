"""RIDE: experts on a shared trunk that are to differ, each with LDAM's margins.

Paper: Wang et al., "Long-tailed recognition by routing diverse distribution-aware experts", ICLR
    2021, https://arxiv.org/abs/2010.01809; code (frank-xwang/RIDE-LongTailRecognition @ab8be5c,
    model/loss.py).
Equations: L = sum_m [ CE_w(z^m - 30 d_y onehot(y), y) + lam mean(T)^2 KL(softmax(zbar / T) ||
    softmax(z^m / T)) ] with z^m = 30 cos(f^m, w^m), zbar the mean over the experts without gradient
    and d LDAM's margins. Before the switch w = T = 1; then w are effective-number weights and
    T_c = u_c / max u, u_c = 1 + r (K n_c / N - 1). lam < 0 drives the experts apart. At test the
    mean of the logits.
Deviations: no router: every image sees all experts. The experts share three of a ResNet's stages
    and have the last at full width, where the authors shrink it and the one before. The switch is
    after 0.8 of the epochs (theirs: 160 of 200), and the weighted loss is divided by the batch
    size, see ``weighted_cross_entropy``; the rate has no step there. Without diversity each expert
    has a loss of its own; the authors' code then trains the mean of the logits.
Status: faithful.
"""

from typing import ClassVar, Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.heads import SCALE
from .core.losses import weighted_cross_entropy
from .core.parts.experts import Experts
from .core.ranges import Range
from .core.weights import deferred, effective_number_weights
from .ldam import ldam_margins, with_margins


def class_temperatures(counts: Tensor, ratio: float) -> Tensor:
    """T_c = u_c / max u, u_c = 1 + r (K n_c / N - 1): lower for rare classes.

    Args:
        counts: [K].
        ratio: r in [0, 1).

    Returns:
        [K] float32, the largest 1.
    """
    n = counts.double()
    level = 1 + ratio * (len(n) * n / n.sum() - 1)
    return (level / level.max()).float()


def likeness(logits: Tensor, temperature: Tensor) -> Tensor:
    """mean(T)^2 sum_m KL(softmax(zbar / T) || softmax(z^m / T)), the mean over a batch.

    Args:
        logits: [M, B, K] of the experts; their mean gets no gradient.
        temperature: [K].

    Returns:
        A scalar; 0 where all experts say the same.
    """
    mean = (logits.mean(0).detach() / temperature).log_softmax(1)
    each = [
        F.kl_div((z / temperature).log_softmax(1), mean, reduction="batchmean", log_target=True)
        for z in logits
    ]
    return temperature.mean() ** 2 * torch.stack(each).sum()


class RIDE(Experts):
    """Experts with margins and a term for their diversity.

    Args:
        spec: the data.
        experts: M.
        diversity: lam; negative drives the experts apart.
        max_margin: of the rarest class, in cosine units.
        drw: weights and temperatures of classes in the last fifth of the epochs.
        beta: of the effective-number weights.
        ratio: r of the temperatures.
        common: see ``Method``.
    """

    paper = "Wang et al. 2021"
    ranges: ClassVar = {"diversity": Range(-1.0, 0.0)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        experts: int = 3,
        diversity: float = -0.2,
        max_margin: float = 0.5,
        drw: bool = True,
        beta: float = 0.9999,
        ratio: float = 0.05,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(-inf, inf)", diversity=diversity)
        check_interval(self, "[0, 2]", max_margin=max_margin)
        check_interval(self, "[0, 1)", beta=beta, ratio=ratio)
        super().__init__(spec, experts=experts, **common)
        self.diversity, self.drw = diversity, drw
        self.margins: Tensor
        self.weight: Tensor
        self.temperature: Tensor
        for name, value in {
            "margins": SCALE * ldam_margins(self.counts, max_margin),
            "weight": effective_number_weights(self.counts, beta),
            "temperature": class_temperatures(self.counts, ratio),
        }.items():
            self.register_buffer(name, value, persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """Margin losses of all experts, and lam times how alike they are."""
        logits = self.of_each(self.features(batch.image))
        progress = self.epoch_progress if self.drw else 0.0
        weight = deferred(self.weight, progress)
        temperature = deferred(self.temperature, progress)
        own = [
            weighted_cross_entropy(
                with_margins(z, batch.target, self.margins), batch.target, weight
            )
            for z in logits
        ]
        return torch.stack(own).sum() + self.diversity * likeness(logits, temperature)
