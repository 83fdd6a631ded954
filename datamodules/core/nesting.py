"""Folds within train and val: a dataset whose own test is out of reach."""

from .base import ImageDataModule
from .pixels.normalisation import constants
from .splitting import splits


def nest(data: ImageDataModule, folds: int, fold: int) -> None:
    """Put a fold of train and val in the place of the whole, see ``splits.inner_split``.

    Args:
        data: prepared, and not nested yet. What its test was cannot be reached afterwards.
        folds: how many.
        fold: which of them, from 1.

    Raises:
        DataError: too few groups, or a class without a training image.
    """
    name, table = data.name.source, data.table
    data.split = splits.inner_split(name, table, data.split, data.split_seed, folds, fold)
    splits.check_split(f"{name}, inner fold {fold} of {folds}", table, data.split, data.class_names)
    data.apply_regime()
    data.constants = constants(str(data.name), data.normalisation, data.store, data.plan.train)
