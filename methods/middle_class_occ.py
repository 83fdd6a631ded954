"""Medical-knowledge-guided one-class classification: middle classes made from the given class.

Paper: Gao et al., "Medical knowledge-guided deep learning for imbalanced medical image
    classification", arXiv 2111.10620 (2021). Only its abstract was read: one-class classification
    in which the knowledge of each task is used "by generating additional middle classes". Which
    classes, which loss and which score is not known to us.
Equations: ours: L = sum_{j=0..m} w_j E[ -log softmax_j h(f(g_j(x))) ], x given, g_0 = id, w_0 = 1,
    w_j = 1/m unless ``class_weights`` gives them. ``auxiliary``: labelled abnormal images are one
    class more, of weight 1, and the m logits are dropped before the score. Scores: ``log_odds``
    logsumexp(z_1..z_m) - z_0; ``softmax`` 1 - p_0, in the same order until it saturates;
    ``density`` the squared Mahalanobis distance of f(x) to the given training features, as CutPaste
    scores.
Deviations: all of it is our reconstruction. Every image of a batch is given, and 1/m of them stand
    for each middle class: that is w_j, at twice the cost of plain training. So the network sees
    twice the images. Of the given images half (``identity``) are identity controls, so that a seam
    or a resampling does not tell the classes apart; the finding ``identity_auroc`` (wanted: 0.5)
    is the AUROC of controls against plain given validation images. The suite's augmentation comes
    before generation, none after. Knowledge is chosen by the data's modality. Its constants
    were set by looking at generated images of the given class, before any score was seen. Controls
    of the claim that knowledge helps, by the same loss: ``knowledge`` is ``cutpaste``, ``rotation``
    (not augmented, as the suite's symmetries turn, too), ``noise``, or ``none``: the density of
    features that nothing has trained. ``auxiliary`` knows abnormal labels alone: no data here has
    images that are labelled as middle classes.
Status: reconstruction.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch, DataRequest, DataSpec
from medtail.datamodules.core.errors import MedtailError, unknown

from .core.base import Common, Stage
from .core.checks import check_flags, check_interval
from .core.gathering import gathered
from .core.middle_classes.registry import GENERATORS, TURNS, chosen, controls, partners
from .core.one_class.base import OneClass, one_against_rest
from .core.one_class.density import Gaussian, auroc, given_features

SCORES = ("log_odds", "softmax", "density")


def middle_class_loss(
    logits: Tensor, target: Tensor, weights: Sequence[float] | None = None
) -> Tensor:
    """Sum over classes of w_j (mean cross-entropy of class j), w_0 = 1 and w_j = 1/m.

    Args:
        logits: [N, m + 1].
        target: [N]; a class without an image is left out.
        weights: [m] other w_j, j from 1.
    """
    middle = logits.shape[1] - 1
    counts = target.bincount(minlength=middle + 1).clamp(min=1)
    weight = 1 / (counts * middle)
    weight[0] = 1 / counts[0]
    if weights is not None:
        weight[1:] = weight.new_tensor(weights) / counts[1:]
    return (weight[target] * F.cross_entropy(logits, target, reduction="none")).sum()


class MiddleClassOCC(OneClass):
    """A classifier of the given class against middle classes that knowledge makes from it.

    Args:
        spec: the data.
        knowledge: ``auto`` (by modality), ``dermoscopy``, ``fundus``, ``generic``, or a list of
            generators' names; as controls ``cutpaste``, ``rotation``, ``noise`` and ``none``.
        score: ``log_odds``, ``softmax`` or ``density``; with ``none`` the last alone.
        identity: share of the given images that are replaced by identity controls.
        class_weights: w_j of each middle class; none for 1/m.
        auxiliary: whether labelled abnormal images are learnt from, as a class of their own.
        common: see ``Method``.

    Raises:
        MedtailError: values that do not fit together, or abnormal labels asked for that are not
            there.
    """

    paper = "Gao et al. 2021, abstract only"
    status = "reconstruction"
    before: ClassVar[dict[str, Any]] = {"class_weights": None, "auxiliary": False}

    def __init__(
        self,
        spec: DataSpec,
        *,
        knowledge: str | list[str] = "auto",
        score: str = "log_odds",
        identity: float = 0.5,
        class_weights: list[float] | None = None,
        auxiliary: bool = False,
        **common: Unpack[Common],
    ) -> None:
        if score not in SCORES:
            raise unknown("score of middle_class_occ", str(score), SCORES)
        if not isinstance(knowledge, str | list | tuple):
            raise MedtailError(
                f"middle_class_occ: knowledge must be a name or names: {knowledge!r}"
            )
        check_interval(self, "[0, 1]", identity=identity)
        check_flags(self, auxiliary=auxiliary)
        names = chosen(knowledge, spec.modality)
        self.weighted = _fitting(names, class_weights, score, auxiliary, spec)
        if not names:
            self.stages = ()
        super().__init__(spec, **common)
        self.names, self.scored_by, self.identity = names, score, identity
        self.auxiliary = auxiliary
        self.classifier = nn.Linear(self.num_features, len(names) + 1 + auxiliary)
        self.density = Gaussian(self.num_features)
        self.identity_auroc: Tensor
        self.register_buffer("identity_auroc", torch.tensor(0.5, dtype=torch.float64))

    @torch.no_grad()
    def generated(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised given images [B, ...] -> about [2B, ...] of all classes, and their targets."""
        with torch.autocast(image.device.type, enabled=False):
            given = self.pixels(image.float())
            bank = partners(given)
            chance = torch.rand(len(given), device=given.device)
            replaced = (chance < self.identity)[:, None, None, None]
            parts = [torch.where(replaced, controls(given, self.names), given)]
            for number, name in enumerate(self.names):
                rows = slice(number, None, len(self.names))
                parts.append(GENERATORS[name](given[rows], bank[rows], None))
            amounts = torch.tensor([len(part) for part in parts], device=given.device)
            target = torch.arange(len(parts), device=given.device).repeat_interleave(amounts)
            return self.normalised(torch.cat(parts)).to(image.dtype), target

    def request(self, stage: Stage) -> DataRequest:
        """Each image and a middle class of it."""
        return DataRequest(made=1, augment=not TURNS & set(self.names))

    def given_loss(self, image: Tensor) -> Tensor:
        """Weighted cross-entropy of the given and the middle classes."""
        return self._loss(*self.generated(image))

    def loss(self, batch: Batch) -> Tensor:
        """That of the given images; with ``auxiliary`` the abnormal ones are a class, too."""
        if not self.auxiliary:
            return super().loss(batch)
        given = batch.target == 0
        made, target = self.generated(batch.image[given])
        abnormal = batch.target[~given] * 0 + len(self.names) + 1
        return self._loss(
            torch.cat([made, batch.image[~given].to(made)]), torch.cat([target, abnormal])
        )

    def _loss(self, image: Tensor, target: Tensor) -> Tensor:
        logits = gathered(self.score(self.features(image)))
        return middle_class_loss(logits, gathered(target), self.weighted)

    def abnormality(self, image: Tensor) -> Tensor:
        """How much like a middle class, or how far from the given features."""
        features = self.features(image)
        if self.scored_by == "density":
            distance: Tensor = self.density(features)
            return distance
        logits = self.score(features)
        if self.auxiliary:  # the given and the abnormal class alone
            logits = logits[:, [0, -1]]
        if self.scored_by == "softmax":
            return 1 - logits.softmax(1)[:, 0]
        return one_against_rest(logits)

    @torch.no_grad()
    def conclude(self, train: Iterable[Batch], val: Iterable[Batch]) -> None:
        """Fit the density of the given features; score the identity controls."""
        self.eval()
        if self.scored_by == "density":
            self.density.fit(given_features(self.features, train, self.device))
        if not self.names:
            return
        rng = torch.Generator(self.device).manual_seed(0)
        plain, copies = [], []
        for batch in val:
            image = batch.image.to(self.device)[batch.target.to(self.device) == 0]
            if len(image):
                pixels = controls(self.pixels(image.float()), self.names, rng)
                plain.append(self.abnormality(image))
                copies.append(self.abnormality(self.normalised(pixels).to(image.dtype)))
        self.identity_auroc.fill_(auroc(torch.cat(copies), torch.cat(plain)))

    def findings(self) -> dict[str, float]:
        """AUROC of identity controls against plain given images."""
        return {"identity_auroc": float(self.identity_auroc)}


def _fitting(
    names: Sequence[str],
    given: Sequence[float] | None,
    score: str,
    auxiliary: bool,
    spec: DataSpec,
) -> list[float] | None:
    """[m] weights of the middle classes (and 1 of the auxiliary one); None for 1/m each.

    Raises:
        MedtailError: see ``MiddleClassOCC``.
    """
    if auxiliary and 0 in spec.class_counts:
        raise MedtailError(
            "middle_class_occ: auxiliary learns from abnormal labels, of which there are none: "
            "take binary<ratio>"
        )
    if not names and (score != "density" or auxiliary):
        raise MedtailError(
            "middle_class_occ: knowledge: none leaves no class to tell from the given one: write "
            "score: density, and no auxiliary"
        )
    if given is None:
        return [*[1 / len(names)] * len(names), 1.0] if auxiliary else None
    if not isinstance(given, list | tuple) or len(given) != len(names):
        raise MedtailError(
            f"middle_class_occ: class_weights must be {len(names)} numbers, one for each of "
            f"{', '.join(names)}: {given!r}"
        )
    for value in given:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise MedtailError(f"middle_class_occ: class_weights: {value!r} is no weight")
    return [*map(float, given), *([1.0] if auxiliary else [])]
