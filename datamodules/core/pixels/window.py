"""Which grey levels of more than 8 bits become black and white: the user's choice."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import MedtailError

Levels = NDArray[np.float64]
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
RANGE = re.compile(rf"\[?\s*({NUMBER})\s*,\s*({NUMBER})\s*\]?")
PERCENTILES = re.compile(r"p(\d+(?:\.\d+)?)\s*-\s*p(\d+(?:\.\d+)?)")
HOW = (
    "window=[low, high] in the images' own values (HU for CT), window=p1-p99 (percentiles of each "
    "image), or window=file (what a DICOM file says itself)"
)


@dataclass(frozen=True)
class Window:
    """The levels that become 0 and 255; those between become linear, those beyond are clipped.

    Attributes:
        kind: ``range``: ``low`` and ``high`` are values; ``percentiles``: of each image's pixels;
            ``file``: the first VOI LUT or window that a DICOM file names.
        low: what becomes black.
        high: what becomes white.
    """

    kind: Literal["range", "percentiles", "file"]
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def parse(cls, value: Any) -> "Window":  # noqa: ANN401
        """A window of ``[low, high]``, ``p1-p99`` or ``file``, from text or YAML.

        Raises:
            MedtailError: it is none of these, or the two are not in order.
        """
        if isinstance(value, cls):
            return value
        text = str(list(value) if isinstance(value, tuple) else value).strip().lower()
        if text == "file":
            return cls("file")
        if match := RANGE.fullmatch(text):
            found = cls("range", float(match[1]), float(match[2]))
            good = found.low < found.high < np.inf
        elif match := PERCENTILES.fullmatch(text):
            found = cls("percentiles", float(match[1]), float(match[2]))
            good = found.low < found.high <= 100
        else:
            raise MedtailError(f"window={value}: write {HOW}")
        if not good:
            raise MedtailError(f"window={value}: the first is black and must be below the second")
        return found

    def __str__(self) -> str:
        if self.kind == "range":
            return f"[{self.low:.15g}, {self.high:.15g}]"
        return "file" if self.kind == "file" else f"p{self.low:.15g}-p{self.high:.15g}"

    def levels(self, values: Levels, counted: NDArray[np.bool_] | None = None) -> Levels:
        """[H, W] values -> levels from 0 to 255, not rounded.

        Args:
            values: [H, W] in the file's own units.
            counted: [H, W] pixels that percentiles are taken of; all by default. Where they are
                one value, what is above it becomes white.

        Raises:
            ValueError: a value is no finite number, or this is the window of a DICOM file.
        """
        if self.kind == "file":
            raise ValueError("only DICOM files name a window of their own")
        if not np.isfinite(values).all():
            raise ValueError("some grey levels are no finite numbers")
        low, high = self.low, self.high
        if self.kind == "percentiles":
            some = counted is not None and counted.any()
            low, high = np.percentile(values[counted] if some else values, (low, high))
        if high <= low:
            return np.where(values > low, 255.0, 0.0)
        return np.clip((values - low) / (high - low), 0, 1) * 255
