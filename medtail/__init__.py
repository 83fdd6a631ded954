"""medtail: imbalanced, long-tailed and rare-disease medical image classification.

The command line does most of what there is to do (``medtail --help``). For programs of one's own:

>>> import medtail
>>> data = medtail.build_data("phantom@lt20", image_size=16, count=700)
>>> data.prepare()
>>> data.spec.num_classes
7
>>> method = medtail.build_method("ldam", data.spec)
>>> method.paper
'Cao et al. 2019'
>>> best = max(medtail.read_records("isic2018@lt100"), key=lambda r: r.metrics["balanced_accuracy"])
>>> best.class_counts
(778, 1678, 167, 77, 361, 16, 36)
>>> network = medtail.load("ldam on isic2018@lt100")  # doctest: +SKIP
>>> network(images)  # doctest: +SKIP
tensor([[0.0312, 0.8817, ...

``data`` is a LightningDataModule and ``method`` a LightningModule: ``L.Trainer(max_epochs=5).fit(
method, datamodule=data)`` trains it on the batches that it asks for, by ``method.recipe``, a
``medtail.methods.core.base.Recipe``. What is trained in several stages ``medtail.fit`` trains.
``network``, one that ``medtail bench`` has kept, maps uint8 images to class probabilities. Nothing
is imported before it is needed: ``import medtail`` alone costs next to nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .benchmark.evidence.record import Record
    from .benchmark.networks.network import Network
    from .benchmark.scoring.submission import Scored
    from .datamodules.core.base import ImageDataModule
    from .datamodules.core.contract import DataSpec
    from .datamodules.core.errors import MedtailError
    from .methods.core.base import Method

__version__ = "0.2.0"
__all__ = [
    "MedtailError",
    "build_data",
    "build_method",
    "fit",
    "load",
    "read_records",
    "score_predictions",
]


def build_data(
    name: str,
    image_size: int | tuple[int, int] = 28,
    **arguments: Any,  # noqa: ANN401 - as the dataset has them
) -> "ImageDataModule":
    """A dataset under an imbalance regime; ``prepare()`` reads it, ``spec`` then says what it is.

    Args:
        name: ``dataset[+variant][@regime]``, such as ``isic2018@lt100``; ``medtail list`` has all.
        image_size: (height, width) in pixels, or one number for a square.
        arguments: of the dataset, such as ``root``, ``augment``, ``split_seed``.

    Returns:
        A LightningDataModule.

    Raises:
        MedtailError: unknown dataset, variant, regime or argument, or a bad value.
    """
    from . import datamodules

    return datamodules.build(name, image_size, **arguments)


def build_method(name: str, spec: "DataSpec", **arguments: Any) -> "Method":  # noqa: ANN401
    """A method for some data, with a fresh network.

    Args:
        name: such as ``ldam``; ``medtail list`` has all.
        spec: of the data, ``data.spec``.
        arguments: of the method, such as ``backbone``.

    Returns:
        A LightningModule: images [B, C, H, W] -> logits [B, K].

    Raises:
        MedtailError: unknown method or argument, or a bad value.
    """
    from . import methods

    return methods.build(name, spec, **arguments)


def fit(
    method: str,
    data: "ImageDataModule",
    *,
    seed: int = 0,
    backbone: str = "test_resnet",
    params: dict[str, Any] | None = None,
    tell: Callable[[str], None] = print,
    **budget: Any,  # noqa: ANN401 - numbers and names
) -> "Method":
    """Train a method as ``medtail bench`` does: all its stages, each from its best epoch on.

    Args:
        method: name, such as ``crt``.
        data: see ``build_data``; its batch size holds.
        seed: of initialisation, order, augmentation and whatever the method draws.
        backbone: a model of timm by name, or ``conv4``.
        params: of the method, by name.
        tell: called with a line after each epoch.
        budget: such as ``epochs``, ``optimizer``, ``lr``, ``precision``, as in a suite.

    Returns:
        The trained method, in evaluation mode.

    Raises:
        MedtailError: unknown or unfit method, parameter, backbone or part of the budget.
    """
    from .benchmark.tracks import single

    return single.fit(method, data, seed, backbone, params or {}, budget, tell)


def load(network: Path | str, runs: Path | str = "runs", weights: str = "") -> "Network":
    """A trained network that ``medtail bench`` has kept, in evaluation mode.

    Args:
        network: its folder, a file of it, or a row by name such as ``ldam on isic2018@lt100`` or
            ``ldam on isic2018@lt100, seed 0``.
        runs: folder of results, in which rows are looked for.
        weights: of a head on frozen features: those of its backbone, if they were a file.

    Returns:
        A module: uint8 images [B, C, H, W] of ``image_size`` -> probabilities [B, K] of
        ``class_names``, normalised and computed as they were scored. A few-shot network learns its
        classes first, by ``adapt``.

    Raises:
        MedtailError: no such network, or a damaged one.
    """
    from .benchmark.networks import finding
    from .benchmark.networks.network import load as loaded

    return loaded(finding.find(str(network), Path(runs)), weights)


def read_records(data: str, folder: Path | str | None = None) -> "list[Record]":
    """The evidence behind a board: a record for every training.

    Args:
        data: name of the board, such as ``isic2018@lt100``.
        folder: of leaderboards; by default the boards that come with medtail.

    Raises:
        MedtailError: there is no such board, with the nearest names, or a line cannot be read.
    """
    from .benchmark.evidence.shipped import SHIPPED, records_of

    return records_of(Path(folder) if folder else SHIPPED, data)


def score_predictions(
    file: "Path | str | list[Path | str]",
    data: str,
    folder: Path | str | None = None,
    form: str = "",
) -> "Scored":
    """Predictions made elsewhere: metrics, their intervals, and the rank that they would have.

    Args:
        file: CSV or Parquet, ids and a column per class, see ``medtail score --help``; of several
            trainings a list, a file for each seed.
        data: name of the board, such as ``isic2018@natural``.
        folder: of leaderboards; by default the boards that come with medtail.
        form: ``probabilities`` or ``logits``; empty to tell by the numbers.

    Raises:
        MedtailError: a file that does not fit the test split of the data, or unknown data.
    """
    from .benchmark.evidence.shipped import SHIPPED
    from .benchmark.scoring import forms, scores_file, submission

    files = [Path(one) for one in (file if isinstance(file, list) else [file])]
    truth, known = submission.truth_of(Path(folder or SHIPPED), data), forms.form_of(form)
    scores = scores_file.read(files, truth.wanted, known)
    return submission.score(truth, scores)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the errors, when they are asked for
    if name == "MedtailError":
        from .datamodules.core.errors import MedtailError

        return MedtailError
    raise AttributeError(f"module 'medtail' has no attribute '{name}'")
