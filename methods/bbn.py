"""BBN: a branch for the natural and one for the reversed distribution, the weight moving over.

Paper: Zhou et al., "BBN: bilateral-branch network with cumulative learning for long-tailed visual
    recognition", CVPR 2020.
Equations: z = alpha W_c f_c + (1 - alpha) W_r f_r; L = alpha CE(z, y_c) + (1 - alpha) CE(z, y_r);
    alpha = 1 - (T / T_max)^2 at epoch T, 0.5 at test. f_c sees natural samples, f_r samples drawn
    with p_c proportional to 1 / n_c. The branches share all of the backbone but its last residual
    block.
Deviations: T counts from 0. z is the text's; the code doubles it. Both branches' last blocks start
    from the same weights, so that pretrained ones serve both. ResNets of timm only: other backbones
    have no last residual block. Each step sees two batches.
Status: faithful.
"""

from copy import deepcopy
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import MedtailError

from .core.base import Common, Method, Stage
from .core.checks import slug


def cumulative_weight(progress: float) -> float:
    """Weight of the natural branch: alpha = 1 - (T / T_max)^2."""
    return 1 - progress**2


def bilateral_loss(logits: Tensor, natural: Tensor, reverse: Tensor, alpha: float) -> Tensor:
    """The mixed loss: alpha CE(z, y_c) + (1 - alpha) CE(z, y_r).

    Args:
        logits: [B, K] of the mixed features.
        natural: [B] targets of the natural samples.
        reverse: [B] targets of the reversed samples.
        alpha: weight of the natural branch.

    Returns:
        Mean loss, a scalar.
    """
    return alpha * F.cross_entropy(logits, natural) + (1 - alpha) * F.cross_entropy(logits, reverse)


class BBN(Method):
    """Two last blocks and two linear classifiers on one backbone; each step mixes two samples.

    Raises:
        MedtailError: the backbone is not a ResNet of timm.
    """

    paper = "Zhou et al. 2020"

    def __init__(self, spec: DataSpec, **common: Unpack[Common]) -> None:
        super().__init__(spec, **common)
        last = getattr(self.backbone, "layer4", None)
        if not isinstance(last, nn.Sequential) or not hasattr(self.backbone, "global_pool"):
            raise MedtailError(
                f"{slug(self)}: needs a ResNet of timm, whose last residual block it doubles"
            )
        self.natural, self.reverse = last[-1], deepcopy(last[-1])
        # What stays of the backbone ends in a feature map: the branches and the pooling follow.
        last[-1] = nn.Identity()
        self.pool: nn.Module = self.backbone.get_submodule("global_pool")
        self.backbone.global_pool = nn.Identity()
        # W_c and W_r side by side: W [a f_c; (1 - a) f_r] is z of the card.
        self.num_features *= 2
        self.classifier = nn.Linear(self.num_features, spec.num_classes)

    def request(self, stage: Stage) -> DataRequest:
        """A natural and a reversed stream."""
        return DataRequest(second="reversed")

    def branches(self, natural: Tensor, reverse: Tensor, alpha: float) -> Tensor:
        """[alpha f_c; (1 - alpha) f_r], [B, 2 D], of the shared maps for each branch."""
        first, second = self.pool(self.natural(natural)), self.pool(self.reverse(reverse))
        return torch.cat([alpha * first, (1 - alpha) * second], 1)

    def features(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> both branches' features with equal weights [B, 2 D]."""
        shared = self.backbone(image)
        return self.branches(shared, shared, 0.5)

    def loss(self, batch: Batch) -> Tensor:
        """Bilateral loss of the two streams."""
        assert batch.second is not None, "the second stream was requested"
        alpha = cumulative_weight(self.epoch_progress)
        maps = self.backbone(batch.image), self.backbone(batch.second.image)
        logits = self.score(self.branches(*maps, alpha))
        return bilateral_loss(logits, batch.target, batch.second.target, alpha)
