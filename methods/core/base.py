"""The base of every method: a LightningModule that a paper fills with a loss, a request, stages."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, Self, TypedDict

import torch
from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec, EpisodeShape, Track

from .adapting import logistic_regression
from .backbones import build_backbone
from .heads import classifier, on_features
from .lightning_hooks import LightningHooks
from .monitor import ValidationMetrics
from .precision import exact, without_autocast
from .pretrained.source import Source
from .ranges import Choice, Range
from .scene import Scene
from .stages import UNTRAINED, Apart, Recipe, Stage

# A checkpoint holds the spec that its method was built from.
torch.serialization.add_safe_globals([DataSpec, EpisodeShape])
__all__ = ["Apart", "Common", "Method", "Recipe", "Scene", "Stage"]


class Common(TypedDict, total=False):
    """The arguments of every method, for the signatures of papers that add their own."""

    backbone: str
    weights: str | Source


class Method(LightningHooks):
    """A backbone and a linear classifier, trained with cross-entropy; papers override what differs.

    Class attributes:
        stages: in order; none of a method that trains nothing and is ``conclude`` alone. One whose
            stages depend on its arguments sets them when constructed.
        status: ``faithful``, or ``reconstruction`` where the paper leaves a formula open.
        paper: short reference for the leaderboard.
        tracks: the problem settings it can run in, see ``refuses``.
        learner: active: slug of the method that is trained on what was labelled; empty for itself.
        ranges: of its own arguments, what ``medtail tune`` may draw; none for those that stay.
        needs_weights: whether it says nothing on drawn weights: tables without others have it n/a.
        before: of arguments that are younger than some results, the value those were made with,
            which stays the default: it stands in no identity, so the old results stay the row's.

    Args:
        spec: the data.
        backbone: see ``build_backbone``.
        weights: that it starts from, see ``build_backbone``; no part of its checkpoints, which
            have its own.
    """

    stages: tuple[Stage, ...] = (Stage("train"),)
    status: ClassVar[Literal["faithful", "reconstruction"]] = "faithful"
    paper: ClassVar[str] = ""
    tracks: ClassVar[tuple[Track, ...]] = ("long_tail", "few_shot", "one_class", "active")
    learner: str = ""
    ranges: ClassVar[Mapping[str, Range | Choice]] = {}
    needs_weights: ClassVar[bool] = False
    before: ClassVar[Mapping[str, Any]] = {}

    def __init__(
        self, spec: DataSpec, *, backbone: str = "test_resnet", weights: str | Source = "none"
    ) -> None:
        super().__init__()
        # With them load_from_checkpoint builds it again (``weigh``: of a class for its base alone).
        self.save_hyperparameters(logger=False, ignore=["weights", "weigh"])
        self.spec = spec
        self.backbone, self.num_features = (
            on_features(spec, trained=bool(self.stages))
            if spec.features
            else build_backbone(backbone, spec, weights)
        )
        self.classifier = classifier(spec, self.num_features)
        self.counts: Tensor
        # A class without training images counts as one image: its log prior and weight stay finite.
        counts = torch.tensor(spec.class_counts).clamp(min=1)
        self.register_buffer("counts", counts, persistent=False)
        self.monitor = ValidationMetrics(spec.num_classes)
        self.recipe = Recipe()
        self.stage, self.begun = (*self.stages, UNTRAINED)[0], False
        self._frozen: tuple[str, ...] = ()
        self._resumed: dict[str, Any] = {}
        if type(self).conclude is not Method.conclude:
            self.register_buffer("concluded", torch.tensor(False))

    # What a paper may override.

    def features(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> features [B, D]."""
        features: Tensor = self.backbone(image)
        return features

    def classify(self, features: Tensor) -> Tensor:
        """Features [B, D] (float32) -> logits [B, K], as they are scored."""
        logits: Tensor = self.classifier(features)
        return logits

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss of a training batch, a scalar."""
        return F.cross_entropy(self(batch.image), batch.target)

    def request(self, stage: Stage) -> DataRequest:
        """What this stage asks of its training loader."""
        return DataRequest()

    def enter(self, stage: Stage) -> None:
        """Prepare for a stage: freeze, start a classifier anew. Before its optimiser is made."""

    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Fit what no gradient fits, once, after the last stage, in one process; see ``finish``.

        Args:
            train: the training images, plain, each once.
            val: the validation images.
        """

    def findings(self) -> dict[str, float]:
        """Scalars that the method chose or learnt, for the record."""
        return {}

    @classmethod
    def refuses(cls, spec: DataSpec) -> str:
        """Why it cannot run on this data, as one clause; empty where it can."""
        if spec.track not in cls.tracks:
            return f"it is a method of the {' and '.join(cls.tracks).replace('_', '-')} track"
        if spec.track == "one_class" and 0 in spec.class_counts and "long_tail" in cls.tracks:
            return "it learns from abnormal labels, of which there are none: take binary<ratio>"
        return ""

    def adapt(self, support: Batch) -> Callable[[Tensor], Tensor]:
        """Few-shot: learn the classes of an episode.

        Args:
            support: image [S, C, H, W], target [S] in 0..N - 1.

        Returns:
            Query images [Q, C, H, W] -> logits [Q, N]. The method itself is left as it was. By
            default a logistic regression on the frozen features.
        """
        fitted = logistic_regression(self._frozen_features(support.image), support.target)
        return lambda image: fitted(self._frozen_features(image))

    def abnormality(self, image: Tensor) -> Tensor:
        """One-class: images [B, C, H, W] -> scores [B], higher for what is less like the given
        class. By default the log-odds of class 1 against class 0.
        """
        logits: Tensor = self(image)
        return logits[:, 1:].logsumexp(1) - logits[:, 0]

    def acquire(
        self, learner: "Method", scene: Scene, budget: int, generator: torch.Generator
    ) -> Tensor:
        """Active: choose what to label next.

        Args:
            learner: trained on what is labelled; in evaluation mode.
            scene: what may be looked at.
            budget: how many to choose.
            generator: of whatever is drawn; the same for all methods in a round.

        Returns:
            [budget] positions in the pool, the first choice first. By default at random.
        """
        amount = len(scene.pool.features)
        return torch.randperm(amount, generator=generator)[:budget]

    # What papers use.

    def forward(self, image: Tensor) -> Tensor:
        """Images [B, C, H, W] -> logits [B, K], float32."""
        return self.score(self.features(image))

    def score(self, features: Tensor) -> Tensor:
        """Features [B, D] -> logits [B, K], in float32 even where the backbone runs in bfloat16.

        Logits of 8 bits would tie, and margins and log priors would be lost in their rounding.
        """
        with torch.autocast(features.device.type, enabled=False):
            return self.classify(exact(features))

    @without_autocast
    def finish(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """``conclude``, in evaluation mode and in the precision of the weights.

        Training may run in bfloat16. What is fitted afterwards does not, nor does what is then
        predicted: a threshold or a density of exact features misjudges rounded ones.
        """
        self.eval()
        self.conclude(train, val)
        self.set_concluded(True)

    def begin(self, stage: Stage) -> Self:
        """Be in a stage, which ``enter`` prepares: the next fit is of it."""
        self.stage, self.begun = stage, True
        self.set_concluded(False)
        self.enter(stage)
        return self

    def set_concluded(self, value: bool) -> None:
        """Say whether what ``conclude`` fits belongs to the weights: kept with them."""
        if "concluded" in self._buffers:
            self.get_buffer("concluded").fill_(value)

    @property
    def epoch_progress(self) -> float:
        """Share of the stage's epochs that are done, in [0, 1), constant within an epoch."""
        return self.trainer.current_epoch / max(1, int(self.trainer.max_epochs or 1))

    def freeze(self, *names: str) -> Self:
        """Freeze submodules by name (all, if none is named), batch statistics included, for good.

        ``requires_grad_(False)`` alone leaves BatchNorm's running statistics moving, see ``hold``.
        """
        names = names or tuple(name for name, _ in self.named_children())
        self._frozen = (*self._frozen, *names)
        for name in names:
            self.get_submodule(name).requires_grad_(False).eval()
        return self

    def hold(self, *names: str) -> Self:
        """Keep the parameters of submodules as they are, norms' scales and biases included.

        BatchNorm's running statistics follow what the training shows, unless they are frozen.
        """
        for name in names:
            self.get_submodule(name).requires_grad_(False)
        return self

    @without_autocast
    @torch.no_grad()
    def embed(self, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
        """Features [N, D] (float32) and targets [N] of plain batches, in evaluation mode."""
        self.eval()
        pairs = [(self.features(b.image.to(self.device)), b.target) for b in batches]
        return torch.cat([f for f, _ in pairs]), torch.cat([t for _, t in pairs]).to(self.device)

    @without_autocast
    @torch.no_grad()
    def _frozen_features(self, image: Tensor) -> Tensor:
        self.eval()
        return self.features(image)
