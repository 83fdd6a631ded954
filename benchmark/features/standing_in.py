"""Features put in the place of a table's images."""

from medtail.datamodules.core.base import ImageDataModule

from ..grid.cell import Terms
from .extraction import Extracted
from .own import OwnFeatures
from .store import CachedFeatures, Tell


def stand_in(terms: Terms, data: ImageDataModule) -> None:
    """Give a table that trains on frozen features its features; nothing is computed yet.

    Args:
        terms: of the table.
        data: prepared.

    Raises:
        MedtailError: there are no such features, or no such network.
    """
    if terms.budget.tune == "frozen":
        data.features = OwnFeatures(terms, data) if terms.features else Extracted(terms, data)
        data.head = terms.head


def compute(data: ImageDataModule, tell: Tell) -> None:
    """Compute the features that stand in for images, where they do not lie in the cache."""
    if data.features is not None:
        data.features.tell = tell  # type: ignore[attr-defined]  # all that stand in have it
        data.features.ensure()


def seconds(data: ImageDataModule) -> float:
    """How long one core computes the features that stand in for images; 0 where they are there."""
    stood: CachedFeatures | None = data.features  # type: ignore[assignment]  # as above
    return 0.0 if stood is None or stood.is_there() else stood.estimate()
