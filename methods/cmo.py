"""CMO: images of rare classes pasted into the rich backgrounds of common ones.

Paper: Park et al., "The majority can help the minority: context-rich minority oversampling for
    long-tailed classification", CVPR 2022 (arXiv 2112.00412).
Equations: with probability 0.5: lam ~ Beta(1, 1), r = sqrt(1 - lam), a box of half-widths
    floor(W r) // 2 and floor(H r) // 2 around a uniform centre, clipped to the image;
    x = the natural image, inside the box the pixels of a partner drawn by n_c^{-1};
    L = lam' L0(s, y_natural) + (1 - lam') L0(s, y_partner), lam' = 1 - box / (H W).
Code: naver-ai/cmo @10d2d09, cifar_train.py: nothing is pasted in the first three and the last three
    of 200 epochs.
Deviations: pasted for t in (0.02, 0.985) of the training: of 30 epochs in all but the first.
    Partners are drawn by class with equal probability, which is q = 1. One box a batch, as theirs;
    under several processes, for each one's share. Deferred weights (``drw``), for any base, are the
    effective number's.
Status: faithful.
"""

from typing import Literal, Unpack, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import NeedsImagesError, unknown

from .core.base import Common, Method, Stage
from .core.checks import check_flags, check_interval, slug
from .core.heads import CosineClassifier
from .core.losses import weighted_cross_entropy
from .core.mixing import draw_weight
from .core.weights import deferred, effective_number_weights
from .ldam import ldam_margins, with_margins

FROM, UNTIL = 0.02, 0.985
SCALE = 30.0  # of LDAM's cosines
Base = Literal["cross_entropy", "balanced_softmax", "ldam"]
Box = tuple[int, int, int, int]


def box_around(centre: tuple[int, int], size: tuple[int, int], lam: float) -> Box:
    """The clipped box (top, bottom, left, right), ends excluded, of about 1 - lam of the image.

    Args:
        centre: (row, column).
        size: (height, width).
        lam: share of the image that stays.
    """
    half = [int(side * (1 - lam) ** 0.5) // 2 for side in size]
    (top, bottom), (left, right) = (
        (max(0, c - h), min(side, c + h)) for c, h, side in zip(centre, half, size, strict=True)
    )
    return top, bottom, left, right


def draw_box(size: tuple[int, int]) -> Box:
    """A box for images (height, width), by the global generator of the CPU."""
    lam = draw_weight(1.0, 1.0)
    row, column = (int(torch.randint(side, ())) for side in size)
    return box_around((row, column), size, lam)


def paste(natural: Tensor, partner: Tensor, box: Box) -> tuple[Tensor, float]:
    """Images [B, C, H, W] with the partner's pixels inside the box, and the share that stayed."""
    top, bottom, left, right = box
    pasted = natural.clone()
    pasted[..., top:bottom, left:right] = partner[..., top:bottom, left:right]
    height, width = natural.shape[-2:]
    return pasted, 1 - (bottom - top) * (right - left) / (height * width)


class CMO(Method):
    """Half of the batches have a box of a class-balanced partner, and its share of the target.

    Args:
        spec: the data.
        probability: that a batch is pasted into.
        base: the loss: ``cross_entropy``, ``balanced_softmax`` or ``ldam``.
        drw: weigh by the effective number in the last fifth of the epochs.
        common: see ``Method``.
    """

    paper = "Park et al. 2022"

    def __init__(
        self,
        spec: DataSpec,
        *,
        probability: float = 0.5,
        base: Base = "cross_entropy",
        drw: bool = False,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, 1]", probability=probability)
        check_flags(self, drw=drw)
        if base not in get_args(Base):
            raise unknown(f"base of {slug(self)}", str(base), get_args(Base))
        super().__init__(spec, **common)
        self.probability, self.base, self.drw = probability, base, drw
        if base == "ldam":
            self.classifier = CosineClassifier(self.num_features, spec.num_classes, SCALE)
        self.margins: Tensor
        self.register_buffer("margins", SCALE * ldam_margins(self.counts, 0.5), persistent=False)
        self.weight: Tensor
        weight = effective_number_weights(self.counts, 0.9999)
        self.register_buffer("weight", weight, persistent=False)
        self.boxes: Tensor  # drawn, and of these over the centre of the image
        self.register_buffer("boxes", torch.zeros(2))

    def request(self, stage: Stage) -> DataRequest:
        """A natural and a class-balanced stream."""
        return DataRequest(second="class_balanced")

    def base_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """L0 of logits [B, K] and target [B], a scalar."""
        if self.base == "balanced_softmax":
            logits = logits + self.counts.log()
        if self.base == "ldam":
            logits = with_margins(logits, target, self.margins)
        if self.drw:
            weight = deferred(self.weight, self.epoch_progress)
            return weighted_cross_entropy(logits, target, weight)
        return F.cross_entropy(logits, target)

    def loss(self, batch: Batch) -> Tensor:
        """The base's loss of a batch, pasted into or not."""
        assert batch.second is not None, "the second stream was requested"
        if batch.image.ndim < 3:
            raise NeedsImagesError("it pastes images")
        pasting = float(torch.rand(())) < self.probability
        if not (pasting and FROM < self.epoch_progress < UNTIL):
            return self.base_loss(self(batch.image), batch.target)
        height, width = batch.image.shape[-2:]
        box = top, bottom, left, right = draw_box((height, width))
        inside = top <= height // 2 < bottom and left <= width // 2 < right
        self.boxes += self.boxes.new_tensor([1, inside])
        image, stayed = paste(batch.image, batch.second.image, box)
        logits = self(image)
        own, pasted = (self.base_loss(logits, y) for y in (batch.target, batch.second.target))
        return stayed * own + (1 - stayed) * pasted

    def findings(self) -> dict[str, float]:
        """Share of the boxes that hit the centre, where lesions are."""
        drawn, hits = self.boxes.tolist()
        return {"boxes_over_centre": hits / drawn} if drawn else {}
