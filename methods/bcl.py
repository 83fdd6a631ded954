"""BCL: balanced contrastive learning, every class alike in the contrast.

Paper: Zhu et al., "Balanced contrastive learning for long-tailed visual recognition", CVPR 2022;
    official code.
Equations: L = CE(s + log pi, y) + 0.35 BCL, see ``balanced_supcon_loss``: class-averaging in the
    denominator, and class-complement, the prototypes norm(h(w_c)) of all classes as candidates, w_c
    the rows of a cosine classifier with scale 30. Three views: the first for the cross-entropy, the
    others for the contrast (all three are in the projector's BatchNorm, as in the code); tau 0.07.
Deviations: 128 dimensions (the code: 1024, for a ResNet-50). h normalises its K rows by LayerNorm
    (the code: BatchNorm, whose statistics of 2 to 7 rows are noise, and with 2 rows are all that is
    left). All views have the suite's augmentation, see ``augment``; the optimiser is the suite's.
Status: faithful.
"""

from typing import Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec

from .core.base import Common, Method, Stage
from .core.checks import check_interval
from .core.contrast.losses import balanced_supcon_loss
from .core.contrast.momentum import Projection
from .core.gathering import gathered
from .core.heads import CosineClassifier
from .core.weights import log_prior


class BCL(Method):
    """Logit-compensated cross-entropy and balanced supervised contrast with class prototypes.

    Args:
        spec: the data.
        tau: temperature of the contrast.
        weight: of the contrast.
        scale: of the cosine classifier.
        dim: of the embedding.
        augment: of the views: true for the suite's, or the name of another augmentation.
        common: see ``Method``.
    """

    paper = "Zhu et al. 2022"

    def __init__(
        self,
        spec: DataSpec,
        *,
        tau: float = 0.07,
        weight: float = 0.35,
        scale: float = 30.0,
        dim: int = 128,
        augment: bool | str = True,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "(0, inf)", tau=tau, scale=scale)
        check_interval(self, "[0, inf)", weight=weight)
        check_interval(self, "[1, inf)", dim=dim)
        super().__init__(spec, **common)
        self.classifier = CosineClassifier(self.num_features, spec.num_classes, scale)
        self.tau, self.weight, self.augment = tau, weight, augment
        self.projection = Projection(self.num_features, dim, nn.BatchNorm1d)
        self.prototypes = Projection(self.num_features, dim, nn.LayerNorm)
        self.prior: Tensor
        self.register_buffer("prior", log_prior(self.counts), persistent=False)

    def request(self, stage: Stage) -> DataRequest:
        """Three views: one is classified, two are contrasted."""
        return DataRequest(views=3, augment=self.augment)

    def loss(self, batch: Batch) -> Tensor:
        """Both terms of a batch."""
        features = self.features(batch.image.transpose(0, 1).flatten(0, 1))
        classified = features[: len(batch.target)]
        likely = F.cross_entropy(self.score(classified) + self.prior, batch.target)
        prototypes = self.prototypes(self.classifier.get_parameter("weight"))
        # The first view is projected, too: BatchNorm's statistics are of all three.
        embedded = gathered(self.projection(features)[len(batch.target) :])
        target = gathered(batch.target.repeat(2))
        return likely + self.weight * balanced_supcon_loss(embedded, target, prototypes, self.tau)
