"""CL: supervised contrastive learning, then a linear classifier on the frozen encoder.

Paper: Marrakchi et al., "Fighting class imbalance with contrastive learning", MICCAI 2021, after
    Khosla et al., "Supervised contrastive learning", NeurIPS 2020; official code of both.
Equations: L_i = -1/|P(i)| sum_{p in P(i)} log( exp(z_i.z_p / tau) / sum_{a != i} exp(z_i.z_a / tau)
    ) over two views of a batch, tau 0.1; then cross-entropy of a new linear classifier on the
    frozen features.
Deviations: the stages share the suite's budget and optimiser, 0.8 and 0.2 (the papers: 1000 and 100
    epochs). L lacks the codes' factor tau / 0.07, which only scales the encoder's rate. So that an
    epoch of stage one can be selected like any other, a linear classifier learns beside it, from
    features without a gradient: the encoder never sees it, and stage two starts anew. Both views
    have the suite's augmentation, see ``augment``.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec, SamplerName

from .core.base import Common, Stage
from .core.checks import check_interval
from .core.contrast.losses import supcon_loss
from .core.contrast.momentum import Projection
from .core.gathering import gathered
from .crt import CRT


class SupCon(CRT):
    """A contrastive stage, then a new linear classifier on the frozen encoder.

    Args:
        spec: the data.
        tau: temperature of the contrast.
        resample: draw the batches of stage one class-balanced, the paper's variant.
        dim: of the embedding.
        augment: of the views: true for the suite's, or the name of another augmentation.
        common: see ``Method``.
    """

    paper = "Marrakchi et al. 2021"
    stages = (Stage("representation", 0.8), Stage("classifier", 0.2))

    def __init__(
        self,
        spec: DataSpec,
        *,
        tau: float = 0.1,
        resample: bool = False,
        dim: int = 128,
        augment: bool | str = True,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", tau=tau)
        check_interval(self, "[1, inf)", dim=dim)
        super().__init__(spec, **common)
        self.tau, self.resample, self.augment = tau, resample, augment
        self.projection = Projection(self.num_features, dim)

    def request(self, stage: Stage) -> DataRequest:
        """Two views for the contrast; the plain stream for the classifier."""
        if stage.name == "classifier":
            return DataRequest()
        sampler: SamplerName = "class_balanced" if self.resample else "instance"
        return DataRequest(sampler=sampler, views=2, augment=self.augment)

    def enter(self, stage: Stage) -> None:
        """Freeze the encoder for the classifier, which starts anew."""
        super().enter(stage)
        self.stage = stage
        if stage.name == "classifier":
            self.freeze("projection")

    def loss(self, batch: Batch) -> Tensor:
        """Contrast of two views, or cross-entropy on frozen features."""
        if self.stage.name == "classifier":
            return super().loss(batch)
        features = self.features(batch.image.flatten(0, 1))
        target = batch.target.repeat_interleave(2)
        beside = F.cross_entropy(self.score(features.detach()), target)
        embedded = gathered(self.projection(features))
        return supcon_loss(embedded, gathered(target), self.tau) + beside
