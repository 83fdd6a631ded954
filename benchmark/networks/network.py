"""A trained network as one module: uint8 images in, class probabilities out."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from medtail import methods
from medtail.datamodules.core.contract import Batch
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.loading.rows import normalised
from medtail.methods.core.base import Method

from ..evidence import record
from ..features.extraction import Extractor, again
from ..tracks import judging
from .description import DESCRIPTION, WEIGHTS, Description, digest_of, read


class Network(nn.Module):
    """A kept network in evaluation mode, which normalises its own input.

    ``forward`` maps uint8 images [B, C, H, W] to probabilities [B, K] (float64), computed as the
    benchmark scores them. Few-shot networks know no classes before ``adapt``.

    Attributes:
        about: where it comes from.
        method: the LightningModule within: normalised images, or features, -> logits.
        extractor: what features are computed with, where the method takes them; None where it takes
            images, or features of one's own, which ``forward`` is then given: float [B, D].
    """

    def __init__(
        self, method: Method, about: Description, extractor: Extractor | None = None
    ) -> None:
        super().__init__()
        self.method, self.about, self.extractor = method, about, extractor
        self.eval()

    @property
    def title(self) -> str:
        """What it is."""
        return str(self.about)

    @property
    def takes_features(self) -> bool:
        """Whether it is given features of one's own, not images."""
        return self.about.cell.terms.features is not None

    @property
    def class_names(self) -> tuple[str, ...]:
        """K names, in the order of the probabilities; few-shot: the classes it was trained on."""
        return self.about.spec.class_names

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.about.spec.image_size

    @property
    def device(self) -> torch.device:
        """Where its tensors lie."""
        return self.method.device

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights."""
        return next(self.method.parameters()).dtype

    def train(self, mode: bool = True) -> "Network":
        """Stays in evaluation mode: what it gives is what was scored."""
        super().train(False)
        return self

    def normalise(self, image: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> what the method takes, on its device.

        Raises:
            MedtailError: images of another type or shape.
        """
        if self.takes_features:
            return self._checked(image)
        channels, wanted = self.about.spec.in_channels, self.image_size
        if image.dtype != torch.uint8 or tuple(image.shape[1:]) != (channels, *wanted):
            raise MedtailError(
                f"this network takes uint8 images [B, {channels}, {wanted[0]}, {wanted[1]}], not "
                f"{str(image.dtype).removeprefix('torch.')} {list(image.shape)}"
            )
        kept = image.to(self.device).contiguous(memory_format=torch.channels_last)
        if self.extractor is not None:
            features: Tensor = self.extractor(kept)
            return features.to(self.device, self.dtype)
        return normalised(kept, self.about.normalisation, self.dtype)

    def _checked(self, features: Tensor) -> Tensor:
        width, terms = self.about.spec.features, self.about.cell.terms
        if not features.is_floating_point() or tuple(features.shape[1:]) != (width,):
            raise MedtailError(
                f"this network takes features [B, {width}] of '{terms.backbone}', not "
                f"{str(features.dtype).removeprefix('torch.')} {list(features.shape)}"
            )
        return features.to(self.device, self.dtype)

    def logits(self, image: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> logits [B, K] as they are scored."""
        if self.about.spec.track == "few_shot":
            raise MedtailError(
                f"{self.about}: a few-shot network knows no classes yet: call adapt(images, "
                "targets) with some labelled images of each"
            )
        return judging.logits(self.method, self.normalise(image), self.about.normality)

    def forward(self, image: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> probabilities [B, K]."""
        return self.logits(image).double().softmax(1)

    def adapt(self, image: Tensor, target: Tensor) -> "Adapted":
        """Few-shot: learn classes from a support set; the network itself is left as it was.

        Args:
            image: [S, C, H, W] uint8.
            target: [S] in 0..N - 1, every class present.

        Raises:
            MedtailError: the network is of another track, or learns another number of classes.
        """
        spec, classes = self.about.spec, sorted(set(target.tolist()))
        if spec.track != "few_shot":
            raise MedtailError(f"{self.about}: only few-shot networks adapt; call it as it is")
        fixed = getattr(self.method, "ways", max(2, len(classes)))
        if classes != list(range(fixed)):
            raise MedtailError(
                f"{self.about}: the support set has {len(classes)} classes (targets {classes}), "
                f"this network learns {fixed}, counted from 0"
            )
        support = Batch(self.normalise(image), target.to(self.device), torch.arange(len(target)))
        with torch.random.fork_rng():
            predict = judging.learnt(self.method, support, self.about.cell.seed, 0)
        return Adapted(self, predict)


class Adapted(nn.Module):
    """What a few-shot network made of a support set: uint8 images -> probabilities [B, N]."""

    def __init__(self, network: Network, predict: judging.Predictor) -> None:
        super().__init__()
        self.network, self.predict = network, predict

    def logits(self, image: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> logits [B, N] as they are scored."""
        return self.predict(self.network.normalise(image))

    def forward(self, image: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> probabilities [B, N] (float64)."""
        return self.logits(image).double().softmax(1)


def load(place: Path, weights: str = "") -> Network:
    """The network, or the ensemble, whose description, tensors or folder ``place`` is.

    Args:
        place: see above.
        weights: of a head on frozen features: where those of its backbone lie, if they were a file.

    Raises:
        MedtailError: none is there, it is damaged, or this medtail builds another network.
    """
    from .ensemble import ENSEMBLE, Ensemble, alike, members_of

    folder = place if place.is_dir() else place.parent
    if (folder / ENSEMBLE).is_file():
        members = [_alone(member) for member in members_of(folder)]
        alike([member.about for member in members], folder)
        return Ensemble(members, _extractor(members[0].about, weights))
    alone = _alone(folder)
    return Network(alone.method, alone.about, _extractor(alone.about, weights))


def _alone(folder: Path) -> Network:
    """The network of a folder, without what computes features for it."""
    description, tensors = folder / DESCRIPTION, folder / WEIGHTS
    for path in (description, tensors):
        if not path.is_file():
            raise MedtailError(f"{folder}: no network there ({path.name} is missing)")
    about = read(description)
    if digest_of(tensors) != about.digest:
        raise MedtailError(
            f"{tensors}: not the tensors that {DESCRIPTION} describes: damaged, or of another cell"
        )
    beside = folder / "record.json"
    if beside.exists() and (found := record.read(beside)).network not in ("", about.digest):
        raise MedtailError(
            f"{description}: not the network of {found.cell}, whose record lies beside it: restore "
            "it, or move the folder away, and its cell runs again"
        )
    return Network(built(about, tensors), about)


def _extractor(about: Description, weights: str) -> Extractor | None:
    """What computes the features of a head that takes some; None where images are taken."""
    if about.spec.features and about.cell.terms.features is None:
        return again(about.cell.terms, about.spec, weights)
    return None


def built(about: Description, weights: Path) -> Method:
    """The method that a description describes, with the tensors of a file."""
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn and thrown away
        method = methods.build(
            about.method, about.spec, backbone=about.cell.terms.backbone, **about.params
        )
    method.stage = (method.stage, *method.stages)[-1]
    if about.cell.terms.budget.precision == "64-true":
        method.double()
    method.to(memory_format=torch.channels_last)  # as in training
    if about.spec.normalisation != about.normalisation:
        raise MedtailError(
            f"{about}: trained on images normalised otherwise than this medtail does for its data"
        )
    try:
        state = load_file(weights)
        method.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise MedtailError(
            f"{about}: its tensors do not fit the {about.method} of this medtail; it was written "
            f"by {about.medtail} ({reason})"
        ) from error
    return method


def example(network: Network) -> Tensor:
    """Random images [B, C, H, W] uint8, or features [B, D], of a network's shape."""
    spec, generator = network.about.spec, torch.Generator().manual_seed(0)
    if network.takes_features:
        return torch.randn(3, spec.features, generator=generator)
    shape = (3, spec.in_channels, *network.image_size)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
