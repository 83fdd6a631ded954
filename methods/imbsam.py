"""ImbSAM: sharpness-aware steps for the tail classes alone.

Paper: Zhou et al., "ImbSAM: a closer look at sharpness-aware minimization in class-imbalanced
    recognition", ICCV 2023, https://arxiv.org/abs/2308.07815; code (cool-xuan/Imbalanced_SAM
    @c65f41e, imbsam.py), whose equations these are.
Equations: L_h = 1/B sum_{head} CE_i, L_t = v/B sum_{tail} CE_i with v = 2; g_t = grad L_t(w),
    e = rho g_t / ||g_t||; the step of the suite's optimiser with grad L_h(w) + grad L_t(w + e).
Deviations: tail are classes of fewer images than half of an equal share, n_c < N / (2 K), unless
    ``tail`` gives their number (the paper: 20 on CIFAR100-LT, which no class of HAM10000 is below).
    Where no class is that small it is cross-entropy, and no finding names a tail class. The
    weight v is the code's, the text does not name it. Three passes a step, where the code keeps a
    graph for a second gradient. Draws are repeated and running statistics move once.
Status: faithful.
"""

from typing import Any, ClassVar, Literal, Unpack

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataSpec

from .core.base import Common
from .core.checks import check_interval
from .core.ranges import Range
from .core.sharpness import Climber, Closure, climb, climb_back


def tail_classes(counts: Tensor, below: float) -> Tensor:
    """Which classes have fewer images than ``below``, or than N / (2 K) where it is 0: [K] bool."""
    return counts < (below or counts.sum().item() / (2 * len(counts)))


def head_and_tail(
    logits: Tensor, target: Tensor, tail: Tensor, weight: float
) -> tuple[Tensor, Tensor]:
    """L_h and L_t of a batch.

    Args:
        logits: [B, K].
        target: [B].
        tail: [K] bool.
        weight: v.

    Returns:
        Two scalars, each 0 where the batch has none.
    """
    each = F.cross_entropy(logits, target, reduction="none")
    rare = tail[target]
    return (each * ~rare).mean(), weight * (each * rare).mean()


class ImbSAM(Climber):
    """Cross-entropy of the head as it is, of the tail at the top of the tail's hill.

    Args:
        spec: the data.
        rho: how far it climbs.
        tail: classes of fewer training images are the tail; 0 for half of an equal share.
        weight: of the tail's loss.
        common: see ``Method``.
    """

    paper = "Zhou et al. 2023"
    ranges: ClassVar = {"rho": Range(0.01, 0.5, log=True)}

    def __init__(
        self,
        spec: DataSpec,
        *,
        rho: float = 0.05,
        tail: float = 0,
        weight: float = 2.0,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", tail=tail, weight=weight)
        super().__init__(spec, rho=rho, **common)
        self.weight = weight
        self.part: Literal["both", "head", "tail"] = "both"
        self.tail: Tensor
        self.register_buffer("tail", tail_classes(self.counts, tail), persistent=False)

    def loss(self, batch: Batch) -> Tensor:
        """L_h + L_t, with the gradient of one of them while a step is taken."""
        head, tail = head_and_tail(self(batch.image), batch.target, self.tail, self.weight)
        if self.part == "tail":
            return tail
        return head + (tail if self.part == "both" else tail.detach())

    def passes(self, closure: Closure) -> Closure:
        """The head's gradient at w, the tail's to climb by, then the tail's of the top."""
        try:
            self.part = "head"
            closure()
            head = {p: p.grad.clone() for p in self.parameters() if p.grad is not None}
            self.part = "tail"
            self.once_more(closure)
            saved = climb(self, self.rho)
        finally:
            self.part = "both"

        def top() -> Any:  # noqa: ANN401 - Lightning's own
            self.part = "tail"
            try:
                result = self.once_more(closure)
            finally:
                self.part = "both"
                climb_back(saved)
            with torch.no_grad():
                for parameter, gradient in head.items():
                    if parameter.grad is not None:
                        parameter.grad.add_(gradient)
            return result

        return top

    def findings(self) -> dict[str, float]:
        """Which classes were the tail."""
        named = zip(self.spec.class_names, self.tail.tolist(), strict=True)
        return {f"tail/{name}": float(rare) for name, rare in named}
