"""Metric learning in stage one of two-stage training, a rebalanced classifier in stage two.

Paper: Zeng et al., arXiv 2207.06975 (2022). Of its text only the abstract was at hand: metric
    learning is embedded into the first, feature-learning stage, as a plug-in of two-stage methods.
Equations: ours. Stage one: L = CE(W f + b, y) on an instance-balanced batch + lambda
    L_metric(norm(V f), y) on a P x K batch; lambda rises linearly over the first third. Stage two:
    without V, the backbone frozen. ``single``: one P x K batch for both terms of stage one.
Deviations: the metric loss, its weight, the sampler and stage two are a reconstruction. Both
    batches go through the network as one, so that its batch statistics are one set. ``single``
    is the cheap mode, and another method: cross-entropy then sees classes alike (K images of each
    that a batch has) in place of the natural prior that decoupling asks for, a step has P K images
    in place of a batch and P K more, and BatchNorm's statistics are those of such batches. Proxies
    and centres that are learnt (``proxy_anchor``, ``soft_triple``) have no weight decay and the
    suite's optimiser, rate included (usual is 10 to 100 times it; under Adam they move anyway);
    ``proxy_rate`` gives them an optimiser of their own, of the same kind, at so many times the
    rate, unclipped. Centre losses have running means of z, not learnt centres of f, and no schedule
    of their own. With weight 0 stage one is the shared cross-entropy stage: the control.
    ``balanced_softmax`` is cRT's new classifier, with that loss on natural samples;
    ``class_balanced_ft`` is cRT's stage two on the classifier of stage one, not a new one. With
    ``tau_norm`` and ``ncm`` nothing is trained after stage one, whose epoch is selected by its
    plain classifier. ``none`` is the control without stage two: stage one, for all epochs.
Status: reconstruction.
"""

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import PK, Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import MedtailError, unknown

from .balanced_softmax import BalancedSoftmax
from .core.base import Apart, Common, Method, Stage
from .core.checks import check_interval, slug
from .core.contrast.metric_losses import METRIC_LOSSES
from .core.gathering import gathered
from .core.precision import exact, without_autocast
from .crt import CRT
from .lws import LWS
from .ncm import NCM
from .tau_norm import TauNorm

# Share of stage one over which the metric loss comes in. From the start at full weight, the hardest
# triplets of features that tell nothing yet are best met by one point for all.
WARMUP = 1 / 3


class MetricTwoStage(Method):
    """Cross-entropy and a metric loss, then a rebalanced classifier on the frozen backbone.

    Args:
        spec: the data.
        metric: the metric loss, a name of ``medtail.methods.core.contrast.metric_losses``.
        weight: lambda, of the metric loss; 0 is the control without it.
        rebalance: stage two: ``crt``, ``lws``, ``tau_norm``, ``balanced_softmax``, ``ncm``,
            ``class_balanced_ft``, or ``none`` for the control without it.
        classes: P, of a P x K batch.
        images: K, of each of its classes.
        dim: of the embedding; 0 is the features themselves.
        single: one P x K batch a step for both losses of stage one, see the card.
        proxy_rate: rate of learnt proxies and centres, in rates of the suite's optimiser; at 1 they
            are that optimiser's, else they have their own.
        common: see ``Method``.
    """

    status = "reconstruction"
    paper = "Zeng et al. 2022"
    before = {"single": False, "proxy_rate": 1.0}

    def __init__(
        self,
        spec: DataSpec,
        *,
        metric: str = "triplet_hard",
        weight: float = 1.0,
        rebalance: str = "crt",
        classes: int = 8,
        images: int = 4,
        dim: int = 128,
        single: bool = False,
        proxy_rate: float = 1.0,
        **common: Unpack[Common],
    ) -> None:
        check_interval(self, "[0, inf)", weight=weight, dim=dim)
        check_interval(self, "[2, inf)", classes=classes, images=images)
        check_interval(self, "(0, inf)", proxy_rate=proxy_rate)
        if metric not in METRIC_LOSSES:
            raise unknown(f"metric of {slug(self)}", metric, METRIC_LOSSES)
        if rebalance not in _REBALANCE:
            raise unknown(f"rebalance of {slug(self)}", rebalance, _REBALANCE)
        if not weight and (single or proxy_rate != 1):
            raise MedtailError(
                f"{slug(self)}: without a metric loss (weight: 0) stage one is cross-entropy: "
                "leave single and proxy_rate out"
            )
        # From here on this is that method, too: its stage two is run, not copied.
        self.__class__ = _REBALANCE[rebalance]
        super().__init__(spec, **common)
        self.weight, self.shape, self.single = weight, PK(classes, images), single
        if weight:
            self.embedding = nn.Linear(self.num_features, dim) if dim else nn.Identity()
            width = dim or self.num_features
            self.metric = METRIC_LOSSES[metric](spec.num_classes, width)
            self.spread: Tensor
            self.register_buffer("spread", torch.tensor(0.0))
            own = (Apart(("metric",), rate=proxy_rate),) if proxy_rate != 1 else ()
            if own and not list(self.metric.parameters()):
                raise MedtailError(
                    f"{slug(self)}: metric '{metric}' learns no proxies or centres: leave "
                    "proxy_rate out"
                )
            first, *rest = self.stages
            self.stages = (Stage("representation", first.share, apart=own), *rest)
            self.stage = self.stages[0]

    def request(self, stage: Stage) -> DataRequest:
        """A natural stream and P x K batches, or these alone; then what stage two asks for."""
        if stage.name == "representation":
            shape = self.shape
            return DataRequest(sampler=shape) if self.single else DataRequest(second=shape)
        return super().request(stage)

    def enter(self, stage: Stage) -> None:
        """Drop the embedding after stage one."""
        super().enter(stage)
        self.stage = stage
        if self.weight and stage.name == "classifier":
            self.freeze("embedding", "metric")

    def loss(self, batch: Batch) -> Tensor:
        """Both terms of stage one, or the loss of stage two."""
        if self.stage.name != "representation":
            return super().loss(batch)
        second = batch if self.single else batch.second
        assert second is not None, "the second stream was requested"
        images = batch.image if self.single else torch.cat([batch.image, second.image])
        features = self.features(images)
        plain, drawn = features[: len(batch.target)], features[-len(second.target) :]
        likely = F.cross_entropy(self.score(plain), batch.target)
        weight = self.weight * min(1.0, self.epoch_progress / WARMUP)
        return likely + weight * self.metric_loss(drawn, second.target)

    @without_autocast
    def metric_loss(self, features: Tensor, target: Tensor) -> Tensor:
        """L_metric of features [N, D] and classes [N] of all processes."""
        embedded = gathered(F.normalize(self.embedding(exact(features))))
        target = gathered(target)
        self.spread.copy_(torch.pdist(embedded.detach()).mean())
        loss: Tensor = self.metric(embedded, target)
        return loss

    def no_weight_decay(self) -> set[str]:
        """Parameters that decay would pull to the centre of the sphere: asked for by timm."""
        return {name for name, _ in self.named_parameters() if name.startswith("metric.")}

    def findings(self) -> dict[str, float]:
        """Mean distance of the last P x K batch: near 0 where the embedding has collapsed."""
        mine = {"pairwise_distance": float(self.spread)} if self.weight else {}
        return super().findings() | mine


class _CRT(MetricTwoStage, CRT):
    pass


class _FineTuned(MetricTwoStage, CRT):
    """The classifier goes on from stage one."""

    def enter(self, stage: Stage) -> None:
        learnt = {name: value.clone() for name, value in self.classifier.state_dict().items()}
        super().enter(stage)
        self.classifier.load_state_dict(learnt)


class _Plain(MetricTwoStage):
    """No stage two."""

    stages = (Stage("representation", by="erm"),)


class _BalancedSoftmax(MetricTwoStage, BalancedSoftmax, CRT):
    """A new classifier on natural samples: the prior in the loss balances already."""

    def request(self, stage: Stage) -> DataRequest:
        return DataRequest() if stage.name == "classifier" else super().request(stage)


class _LWS(MetricTwoStage, LWS):
    """The scales stay 1 in stage one."""

    def enter(self, stage: Stage) -> None:
        super().enter(stage)
        self.scale.requires_grad_(stage.name == "classifier")


class _Concluded(Method):
    """The plain classifier is trained, and scored until the training is concluded."""

    def classify(self, features: Tensor) -> Tensor:
        return super().classify(features) if self.concluded else Method.classify(self, features)


class _TauNorm(MetricTwoStage, _Concluded, TauNorm):
    pass


class _NCM(MetricTwoStage, _Concluded, NCM):
    pass


_REBALANCE: dict[str, type[MetricTwoStage]] = {
    "crt": _CRT,
    "lws": _LWS,
    "tau_norm": _TauNorm,
    "balanced_softmax": _BalancedSoftmax,
    "ncm": _NCM,
    "class_balanced_ft": _FineTuned,
    "none": _Plain,
}
