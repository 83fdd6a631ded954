"""What a comparison of two rows of a table finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from medtail.datamodules.core.contract import Track

from ..statistics.intervals import Interval
from ..statistics.variance import Estimate

LEVEL = 0.05  # of the verdict, over all comparisons of a call


@dataclass(frozen=True)
class Difference:
    """A metric of two rows.

    Attributes:
        metric: its name in the records.
        label: its title, or the class that it is about.
        scale: 100 for a share, which is shown in %; 1 for a count.
        new: mean of the one over the seeds that both have.
        base: mean of the other.
        estimate: new minus base, with its error.
    """

    metric: str
    label: str
    scale: int
    new: float
    base: float
    estimate: Estimate

    @property
    def difference(self) -> Interval:
        """New minus base, with its interval of 95 %."""
        return self.estimate.interval


@dataclass(frozen=True)
class Comparison:
    """Two rows of a board.

    Attributes:
        data: name of the board.
        track: of it.
        table: which table of its page it is about; 0 where there is one only.
        new: name of the one row.
        base: name of the other.
        seeds: that both have.
        metrics: differences, the primary metric first.
        classes: differences of every class.
        p: of each metric that ranks, corrected for all of these of the call (Holm).
        submitted: those of the two names that are of predictions somebody handed in.
    """

    data: str
    track: Track
    table: int
    new: str
    base: str
    seeds: tuple[int, ...]
    metrics: tuple[Difference, ...]
    classes: tuple[Difference, ...]
    p: Mapping[str, float] = field(default_factory=dict)
    submitted: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The board, and which of its tables."""
        return f"{self.data}, table {self.table}" if self.table else self.data

    @property
    def primary(self) -> str:
        """The metric that orders the board."""
        return self.metrics[0].metric

    @property
    def verdict(self) -> str:
        """Of the primary metric, see ``verdict_by``."""
        return self.verdict_by(self.primary)

    def verdict_by(self, metric: str) -> str:
        """``higher``, ``lower`` or ``cannot tell`` by a metric that ranks and its corrected p."""
        if self.p.get(metric, 1.0) >= LEVEL:
            return "cannot tell"
        return "higher" if self.by(metric).estimate.value > 0 else "lower"

    def by(self, metric: str) -> Difference:
        """The difference by a metric."""
        return next(line for line in self.metrics if line.metric == metric)
