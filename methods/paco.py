"""PaCo: parametric contrastive learning, class centres among the candidates of a contrast.

Paper: Cui et al., "Parametric contrastive learning", ICCV 2021; official code.
Equations: u_ic = w_c.f_i + b_c + log pi_c; v_ij = q_i.z_j / tau over the other queries, all keys
    and the queue; D_i = sum_c exp(u_ic) + sum_j exp(v_ij);
    L_i = -[ (u_{i,y} - log D_i) + alpha sum_{j in Pos(i)} (v_ij - log D_i) ] / ( 1 + alpha
    |Pos(i)| ), mean over the queries. Keys are of a second view and a momentum encoder. At test the
    linear classifier alone, without prior or queue.
Deviations: tau 0.2 and alpha 0.05 are the code's for ImageNet-LT. Its queue of 8192 would hold all
    of a small training set: 1024 (the code's for CIFAR), of which only what is filled counts (the
    code starts with random keys and labels). Fewer images mean larger gaps: alpha's effect depends
    on the positives an anchor has, hence on the queue, the batch and the counts. Both views have
    the suite's augmentation, see ``augment``; the optimiser is the suite's, the batch statistics of
    keys are those of all processes (no shuffling). ``augment: randcls_sim`` has the code's two
    views but for jitter of the hue, ``recipe: paco`` its optimiser for batches of 128 and 400
    epochs: plain SGD at 0.02 with a weight decay of 5e-4, 10 epochs of warm-up, half a cosine.
Status: faithful.
"""

from typing import Any, ClassVar, Literal, NamedTuple, Unpack, get_args

import torch
from torch import Tensor, nn

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import unknown

from .core.base import Common, Method, Recipe, Stage
from .core.checks import check_interval, slug
from .core.contrast.losses import parametric_contrastive_loss
from .core.contrast.momentum import LabelledQueue, MomentumCopy, Projection
from .core.gathering import gathered
from .core.weights import log_prior

Recipes = Literal["suite", "paco"]
RECIPE = Recipe("momentum", lr=0.02, weight_decay=5e-4, momentum=0.9, warmup=0.025)


class Contrast(NamedTuple):
    """What a step compares, of all processes.

    Attributes:
        logits: [B, K] of the linear classifier, without the prior.
        query: [B, D] of the first view.
        key: [B, D] of the second view, by the momentum encoder.
        target: [B].
    """

    logits: Tensor
    query: Tensor
    key: Tensor
    target: Tensor


class PaCo(Method):
    """Linear classifier and momentum contrast in one softmax.

    Args:
        spec: the data.
        tau: temperature of the contrast.
        alpha: weight of a positive pair; the class centre's is 1.
        queue: most keys that are kept.
        momentum: of the key encoder.
        dim: of the embedding.
        augment: of both views: true for the suite's, or the name of another augmentation.
        recipe: the optimiser: the ``suite``'s, or ``paco``'s own.
        common: see ``Method``.
    """

    paper = "Cui et al. 2021"
    before: ClassVar[dict[str, Any]] = {"recipe": "suite"}

    def __init__(
        self,
        spec: DataSpec,
        *,
        tau: float = 0.2,
        alpha: float = 0.05,
        queue: int = 1024,
        momentum: float = 0.999,
        dim: int = 128,
        augment: bool | str = True,
        recipe: Recipes = "suite",
        **common: Unpack[Common],
    ) -> None:
        if recipe not in get_args(Recipes):
            raise unknown(f"recipe of {slug(self)}", str(recipe), get_args(Recipes))
        if recipe == "paco":
            self.stages = (Stage("train", recipe=RECIPE),)
        check_interval(self, "(0, inf)", tau=tau)
        check_interval(self, "[0, inf)", alpha=alpha)
        check_interval(self, "[1, inf)", queue=queue, dim=dim)
        check_interval(self, "[0, 1)", momentum=momentum)
        super().__init__(spec, **common)
        self.tau, self.alpha, self.augment = tau, alpha, augment
        self.projection = Projection(self.num_features, dim, nn.BatchNorm1d)
        self.key_backbone = MomentumCopy(self.backbone, momentum)
        self.key_projection = MomentumCopy(self.projection, momentum)
        self.queue = LabelledQueue(queue, dim)
        self.prior: Tensor
        self.register_buffer("prior", log_prior(self.counts), persistent=False)

    def request(self, stage: Stage) -> DataRequest:
        """Two views: query and key."""
        return DataRequest(views=2, augment=self.augment)

    @torch.no_grad()
    def keys(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> keys [B, D], after an update of the momentum encoder."""
        self.key_backbone.update(self.backbone)
        self.key_projection.update(self.projection)
        features: Tensor = self.key_backbone(self.backbone, image)
        keys: Tensor = self.key_projection(self.projection, features)
        return keys

    def contrast(self, batch: Batch) -> Contrast:
        """Both views of a batch through their encoders, gathered over processes."""
        features = self.features(batch.image[:, 0])
        parts = self.score(features), self.projection(features), self.keys(batch.image[:, 1])
        return Contrast(*(gathered(part) for part in (*parts, batch.target)))

    def candidates(self, contrast: Contrast) -> tuple[Tensor, Tensor]:
        """Keys and queue [M, D] and their classes [M]."""
        keys, target = self.queue.filled()
        return torch.cat([contrast.key, keys]), torch.cat([contrast.target, target])

    def contrastive_loss(self, contrast: Contrast) -> Tensor:
        """The loss of the global batch, a scalar."""
        return parametric_contrastive_loss(
            contrast.logits + self.prior,
            contrast.query,
            contrast.target,
            self.candidates(contrast),
            self.tau,
            self.alpha,
        )

    def loss(self, batch: Batch) -> Tensor:
        """Loss of a batch; its keys enter the queue afterwards."""
        contrast = self.contrast(batch)
        loss = self.contrastive_loss(contrast)
        self.queue.put(contrast.key, contrast.target)
        return loss
