"""What a search may draw of a method's own arguments, declared beside them in its file."""

from dataclasses import dataclass
from typing import Any

from medtail.datamodules.core.errors import MedtailError


@dataclass(frozen=True)
class Range:
    """Numbers between two ends.

    Args:
        low: included.
        high: included.
        log: whether the logarithm is drawn evenly, not the number.
        whole: whether it is a whole number.

    Raises:
        MedtailError: the ends are no range, or have no logarithm.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            above = " above 0" if self.log else ""
            raise MedtailError(f"{self}: give two rising ends{above}")

    def at(self, share: float) -> float | int:
        """The number a share of [0, 1) of the way up, to three digits."""
        if self.log:
            value: float = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        if self.whole:
            return round(value)
        short = float(f"{value:.3g}")
        return min(max(short, self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One of some values.

    Args:
        values: two or more.

    Raises:
        MedtailError: there is nothing to choose.
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise MedtailError(f"{self}: give two values or more")

    def at(self, share: float) -> Any:  # noqa: ANN401 - whatever an argument takes
        """The value a share of [0, 1) of the way through the list."""
        return self.values[int(share * len(self.values))]
