"""A problem of ``medtail.methods.core.submodular``, as its two engines get it."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from .similarity import Parts, inner_products, take

Function = Literal["flqmi", "flvmi", "gcmi", "logdetmi", "com", "facility_location"]
BLOCK = 1024  # of the pool, whose similarities to what is labelled are computed at once
Greedy = tuple[list[int], list[float]]


@dataclass(frozen=True)
class Problem:
    """What is maximised.

    Attributes:
        function: see ``medtail.methods.core.submodular``.
        pool: N vectors, of norm 1 where similarities are cosines.
        query: Q vectors.
        eta: weight of the similarities to the query.
        ridge: added to the diagonal in ``logdetmi``.
        labelled: of ``facility_location``: vectors that cover the pool already, by parts as of the
            pool; empty for none.
    """

    function: Function
    pool: Parts
    query: Parts
    eta: float = 1.0
    ridge: float = 1.0
    labelled: Parts = ()

    def __len__(self) -> int:
        return len(self.pool[0])

    def to_query(self) -> Tensor:
        """S between pool and query, [N, Q]; of ``com`` without the negative ones."""
        found = inner_products(self.pool, self.query)
        return found.clamp_(min=0) if self.function == "com" else found

    def within_pool(self, rows: Tensor | slice, columns: Tensor | slice = slice(None)) -> Tensor:
        """Some of S within the pool."""
        return inner_products(take(self.pool, rows), take(self.pool, columns))

    def covered(self) -> Tensor:
        """max_l S_il over the labelled, not below 0, [N]; zeros where there are none."""
        nearest = self.pool[0].new_zeros(len(self))
        if self.labelled and len(self.labelled[0]):
            for start in range(0, len(self), BLOCK):
                rows = slice(start, start + BLOCK)
                found = inner_products(take(self.pool, rows), self.labelled)
                nearest[rows] = found.amax(1).clamp(min=0)
        return nearest

    def within_query(self) -> Tensor:
        """S within the query, [Q, Q]."""
        return inner_products(self.query, self.query)
