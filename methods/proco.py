"""ProCo: prototype-aware contrastive learning with adversarial proto-instances.

Paper: Yang et al., "ProCo: prototype-aware contrastive learning for long-tailed medical image
    classification", MICCAI 2022 (arXiv 2209.00183). Its abstract names the parts; the released code
    has the model (PaCo's) and an evaluation, no loss.
Equations: from the paper and its code: PaCo's inputs, prototypes P = rows w_c of the linear
    classifier, P and the queue make adversarial proto-instances, recalibration weighs each
    prototype in one proto-loss, at test the linear classifier alone; tau 0.07, queue 1024,
    momentum 0.999. Ours: p_c = h(w_c) / ||.||; z_ic the hardest queue item of class c (least
    similar to q_i for c = y, most similar for others; p_c if there is none);
    a0 = norm(mix p_c + (1 - mix) z_ic); g = q_i - (q_i.a0) a0;
    a_ic = norm(a0 + eps s g / ||g||), s = -1 for c = y, else 1; t_ic = q_i.a_ic / tau;
    u_ic = s_ic + log omega_c, omega = pi;
    L_i = -[ (u_{i,y} - log D_i) + alpha sum_Pos (v_ij - log D_i) + eta (t_{i,y} - log D_i) ] / ( 1
    + alpha |Pos| + eta ), D_i = sum exp(u) + sum exp(v) + sum exp(t).
Deviations: how P and the queue make instances, the adversarial step, the recalibration's formula
    and the weights alpha and eta (PaCo's 0.05 for both) are a reconstruction. h has LayerNorm: the
    statistics of a batch of K rows would be noise. Views and optimiser: see PaCo's card. The
    released model can norm the features before the linear classifier, and has a switch for its
    bias: ``normalize`` (its default is off) and ``bias`` (on).
Status: reconstruction.
"""

from typing import Any, ClassVar, Literal, Unpack, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import DataSpec
from medtail.datamodules.core.errors import MedtailError

from .core.base import Common
from .core.checks import check_flags, check_interval, slug
from .core.contrast.losses import parametric_contrastive_loss
from .core.contrast.momentum import Projection
from .core.precision import without_autocast
from .paco import Contrast, PaCo, Recipes

Recalibration = Literal["prior", "none", "prior_on_instances"]


def hardest_keys(
    query: Tensor, target: Tensor, prototypes: Tensor, keys: tuple[Tensor, Tensor]
) -> Tensor:
    """z_ic: of each class the key that is hardest for an anchor, [B, K, D], without a gradient.

    Args:
        query: [B, D].
        target: [B].
        prototypes: [K, D], which stand in for a class without a key.
        keys: [M, D] and their classes [M].
    """
    hardest = []
    for c, prototype in enumerate(prototypes.detach()):
        members = keys[0][keys[1] == c]
        if len(members):
            similarity = query @ members.T
            place = torch.where(target == c, similarity.argmin(1), similarity.argmax(1))
            hardest.append(members[place])
        else:
            hardest.append(prototype.expand_as(query))
    return torch.stack(hardest, 1).detach()


@without_autocast
def proto_instances(
    query: Tensor,
    target: Tensor,
    prototypes: Tensor,
    keys: tuple[Tensor, Tensor],
    mix: float,
    eps: float,
) -> Tensor:
    """a_ic, [B, K, D] of norm 1; the gradient reaches the prototypes only.

    Args:
        query: q, [B, D].
        target: [B].
        prototypes: p, [K, D].
        keys: queue items [M, D] and their classes [M].
        mix: share of the prototype.
        eps: length of the step that raises the loss, in the tangent plane of the sphere.
    """
    query = query.detach()
    hardest = hardest_keys(query, target, prototypes, keys)
    start = F.normalize(mix * prototypes + (1 - mix) * hardest, dim=2)
    toward = query[:, None] - (query[:, None] * start).sum(2, keepdim=True) * start
    sign = 1 - 2 * F.one_hot(target, len(prototypes)).to(query)[:, :, None]
    return F.normalize(start + eps * sign * F.normalize(toward, dim=2), dim=2)


class ProCo(PaCo):
    """PaCo with adversarial proto-instances and recalibrated prototypes.

    Args:
        spec: the data.
        tau: temperature of the contrast.
        alpha: weight of a positive pair; 0 leaves the classifier's term and a larger denominator.
        eta: weight of an anchor's own proto-instance; with 0 there are no proto-instances.
        eps: length of the adversarial step; 0 leaves the mixture.
        mix: share of the prototype in the mixture.
        recalibrate: weight of each prototype: ``prior`` (pi_c), ``none`` (1), or
            ``prior_on_instances`` (pi_c, and C pi_c for its proto-instances).
        queue: most keys that are kept.
        momentum: of the key encoder.
        dim: of the embedding.
        augment: of both views: true for the suite's, or the name of another augmentation.
        recipe: see ``PaCo``.
        normalize: whether features have a norm of 1 before the linear classifier.
        bias: whether the linear classifier has one.
        common: see ``Method``.
    """

    status = "reconstruction"
    paper = "Yang et al. 2022"
    before: ClassVar[dict[str, Any]] = {"recipe": "suite", "normalize": False, "bias": True}

    def __init__(
        self,
        spec: DataSpec,
        *,
        tau: float = 0.07,
        alpha: float = 0.05,
        eta: float = 0.05,
        eps: float = 0.1,
        mix: float = 0.5,
        recalibrate: Recalibration = "prior",
        queue: int = 1024,
        momentum: float = 0.999,
        dim: int = 128,
        augment: bool | str = True,
        recipe: Recipes = "suite",
        normalize: bool = False,
        bias: bool = True,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", eta=eta, eps=eps)
        check_flags(self, normalize=normalize, bias=bias)
        check_interval(self, "[0, 1]", mix=mix)
        if recalibrate not in get_args(Recalibration):
            known = ", ".join(get_args(Recalibration))
            raise MedtailError(f"{slug(self)}: recalibrate is one of {known}, not {recalibrate!r}")
        super().__init__(
            spec,
            tau=tau,
            alpha=alpha,
            queue=queue,
            momentum=momentum,
            dim=dim,
            augment=augment,
            recipe=recipe,
            **common,
        )
        self.normalize = normalize
        if not bias:
            self.classifier.register_parameter("bias", None)
        self.eta, self.eps, self.mix, self.recalibrate = eta, eps, mix, recalibrate
        if eta:
            self.prototypes = Projection(self.num_features, dim, nn.LayerNorm)

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, D] -> logits [B, K]."""
        return super().classify(F.normalize(features) if self.normalize else features)

    def instance_logits(self, contrast: Contrast) -> Tensor:
        """t, [B, K]: similarity of each query to its proto-instances."""
        prototypes: Tensor = self.prototypes(self.classifier.get_parameter("weight"))
        instances = proto_instances(
            contrast.query, contrast.target, prototypes, self.queue.filled(), self.mix, self.eps
        )
        similarity = (contrast.query[:, None] * instances).sum(2) / self.tau
        if self.recalibrate == "prior_on_instances":
            return similarity + self.prior + self.prior.new_tensor(len(self.prior)).log()
        return similarity

    def contrastive_loss(self, contrast: Contrast) -> Tensor:
        """The unified proto-loss of the global batch, a scalar."""
        weighted = contrast.logits + (0 if self.recalibrate == "none" else self.prior)
        return parametric_contrastive_loss(
            weighted,
            contrast.query,
            contrast.target,
            self.candidates(contrast),
            self.tau,
            self.alpha,
            (self.instance_logits(contrast), self.eta) if self.eta else None,
        )
