"""The base of every dataset: a LightningDataModule under an imbalance regime."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .arguments import (
    Copies,
    augmentation,
    given_normalisation,
    given_path,
    height_width,
    treatment_of_copies,
    treatment_of_validation,
    which_fold,
    whole_number,
)
from .content import Content, pixels_digest
from .contract import Augmentation, Constants, DataSpec, Normalisation, Validation
from .errors import DataError, unknown
from .names import DataName
from .pixels.cache import ImageStore, open_store
from .pixels.normalisation import constants
from .process import trains
from .source import Source, cache_root, data_root
from .splitting import leaks, plans, regimes, splits
from .splitting.plan import Facts

if TYPE_CHECKING or trains():
    from .loading.loaders import Loaders
else:

    class Loaders:
        """Nothing: this process reads facts and labels only."""

        features, head = None, "linear"


class ImageDataModule(Source, Loaders):  # type: ignore[misc]  # a parsed name
    """A dataset under an imbalance regime.

    A dataset overrides what ``Source`` lists. Nothing is read before ``prepare``.

    Args:
        name: ``dataset[+variant][@regime]``.
        image_size: (height, width) in pixels, or one number for a square.
        root: data root; default ``MEDTAIL_DATA``.
        cache: image cache; default ``MEDTAIL_CACHE``.
        augment: what an augmented training image goes through, see ``transforms.compose``.
        normalisation: ``imagenet``, ``half`` (pixels from -1 to 1), ``dataset`` (mean and standard
            deviation of the training images), or the numbers: (means, deviations) of the channels.
        split_seed: of the split, the folds and the regime's cut.
        folds: of a grouped cross-validation; 0 for one split.
        fold: which of them is the test, from 1.
        beside: another of them that is tested, too, so that neither is trained on; 0 for none.
        hold_out: of folds: a test that the data brings stays out of them.
        validation: ``whole``, or ``like_train``: cut by the regime as training is.
        copies: ``refuse`` images that stand in several splits, or ``exclude`` them from train (and
            from val those of test); by default as the dataset says.
        workers: loader processes; by default none, on a GPU by its cores. Never changes a number.
        batch_size: global, in a Trainer of one's own; a suite's is a term of its budget.
    """

    def __init__(
        self,
        name: str | DataName,
        image_size: int | tuple[int, int] = 28,
        *,
        root: Path | str | None = None,
        cache: Path | str | None = None,
        augment: Augmentation = "symmetries",
        normalisation: Normalisation | Constants = "imagenet",
        split_seed: int = 0,
        folds: int = 0,
        fold: int = 0,
        beside: int = 0,
        hold_out: bool = False,
        validation: Validation = "whole",
        copies: Copies | None = None,
        workers: int | None = None,
        batch_size: int = 128,
    ) -> None:
        super().__init__()
        self.name = name if isinstance(name, DataName) else DataName.parse(name)
        if self.name.variant and self.name.variant not in self.variants:
            raise unknown(f"variant of {self.name.dataset}", self.name.variant, self.variants)
        regimes.parse(self.name.dataset, self.name.regime)
        if self.name.source in self.refused:
            raise DataError(f"{self.name.source}: {self.refused[self.name.source]}")
        self.image_size = height_width(self.name.source, image_size)
        self.root = given_path(self.name.source, "root", root or data_root())
        self.cache = given_path(self.name.source, "cache", cache or cache_root())
        self.split_seed = whole_number(self.name.source, "split_seed", split_seed)
        self.folding = which_fold(self.name.source, folds, fold, beside, hold_out)
        self.validation = treatment_of_validation(self.name.source, validation)
        none = workers is None
        self.workers = None if none else whole_number(self.name.source, "workers", workers)
        if copies is not None:
            self.copies = treatment_of_copies(self.name.source, copies)
        self.batch_size = whole_number(self.name.source, "batch_size", batch_size, 1)
        self.augment: Augmentation = augmentation(augment)
        self.normalisation = given_normalisation(self.name.source, normalisation)
        self.constants: Constants = ((), ())
        self.split: NDArray[np.str_]
        self._ready = self._is_read = False

    def prepare(self) -> None:
        """Table, split, regime, image cache: everything before training. Idempotent.

        Raises:
            DataError: whatever is wrong with the data, before any training.
        """
        if self._ready:
            return
        self.store = self.open_images()
        self._settle_copies()
        self.apply_regime()
        self.constants = constants(str(self.name), self.normalisation, self.store, self.plan.train)
        self._ready = True

    def arrange(self) -> None:
        """Table, split and regime; reads pixels only where copies among them decide. Idempotent.

        Raises:
            DataError: whatever is wrong with the labels or the split.
        """
        if self.copies == "exclude" and not self.leaks_allowed:
            self.prepare()
        elif not self._ready:
            self._read()
            self.apply_regime()

    def _read(self) -> None:
        """Table and split, checked; no pixels. Idempotent."""
        if self._is_read:
            return
        self.table = self.load_table()
        source = self.name.source
        self.table.check(source, self.class_names)
        self.split = splits.split_of(source, self.table, self.split_seed, *self.folding)
        self.check_files()
        splits.check_split(source, self.table, self.split, self.class_names)
        if not self.leaks_allowed:
            leaks.forbid_shared_groups(source, self.table, self.split)
        self._is_read = True

    @property
    def decoded(self) -> bool:
        """Whether ``prepare`` reads no image any more, as the cache knows them and their digests.

        Raises:
            DataError: as ``prepare``.
        """
        self._read()
        return leaks.are_known(self.cache, *self._store_key())

    @property
    def content(self) -> Content:
        """Digests of labels and pixels, which say whether two results are of the same data."""
        shape = (*self.image_size, self.in_channels)
        pixels = pixels_digest(leaks.pixel_digests(self.store), shape)
        return Content.of(self.table, self.class_names, self.split, self.plan, pixels, self.recipe)

    @property
    def leaks_allowed(self) -> bool:
        """Whether this is a split that leaks, under its marked name."""
        return self.name.variant.startswith("leaky_")

    def _store_key(self) -> tuple[str, str, tuple[int, int, int, int]]:
        key = "\n".join([self.source, self.source_key(), *self.table.id])
        shape = (len(self.table), *self.image_size, self.in_channels)
        return self.name.dataset, key, shape

    def open_images(self) -> ImageStore:
        """Table, split and images, whether or not they leak; nothing is taken out."""
        self._read()
        try:
            return open_store(self.cache, *self._store_key(), self.read_image)
        finally:
            self.close_sources()

    def _settle_copies(self) -> None:
        """Refuse images that stand in several splits, or exclude them from train."""
        if not self.leaks_allowed:
            if self.copies == "exclude":
                self.split = leaks.without_copies(self.split, self.store)
            told = self.name.source, self.table, self.split
            splits.check_split(*told, self.class_names)
            leaks.forbid_identical_images(*told, self.store, self.called)

    def apply_regime(self) -> None:
        """Make the plan of the split as it stands."""
        table = self.table
        group = table.group if table.group is not None else table.id
        facts = (self.class_names, self.ordinal, table.target, group, self.split, self.split_seed)
        self.plan = plans.plan(Facts(self.name, *facts, self.rare_names, self.validation))
        self.target, self.kept = self.plan.target, self.plan.train

    @property
    def spec(self) -> DataSpec:
        """All that a method may know; needs ``prepare``."""
        plan = self.plan
        counts, withheld = (
            tuple(np.bincount(self.target[rows], minlength=len(plan.class_names)).tolist())
            for rows in (self.kept, plan.withheld)
        )
        return DataSpec(
            name=str(self.name),
            class_names=plan.class_names,
            class_counts=counts,
            image_size=self.image_size,
            in_channels=self.in_channels,
            ordinal=plan.ordinal,
            track=plan.track,
            episodes=plan.episodes,
            withheld=withheld if any(withheld) else (),
            rare=plan.rare,
            modality=self.modality,
            mean=self.constants[0],
            std=self.constants[1],
            features=self.features.width if self.features else 0,
            head=self.head,
        )

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Train on these rows of the table from now on (active: those labelled so far)."""
        self.kept = np.sort(rows)

    @property
    def digest(self) -> str:
        """Digest of the split lists (16 hex digits), of every image, before the regime."""
        return splits.split_digest(self.table, self.split)

    def rows(self, split: str) -> NDArray[np.int64]:
        """Rows of the table: kept ones of ``train``, ``val``, ``test``, ``query`` or ``pool``."""
        if split == "train":
            return self.kept
        chosen: NDArray[np.int64] = getattr(self.plan, split)
        return chosen

    # Lightning's hooks.

    def state_dict(self) -> dict[str, Any]:
        """Nothing: data is found again by name."""
        return {}


__all__ = ["ImageDataModule", "cache_root", "data_root"]
