"""Values that a search chose for one row, in the place of its table's."""

from pydantic import Field, PositiveFloat

from .frozen import Frozen


class Tuned(Frozen):
    """Learning rate and weight decay of a row's own, and the search that they come from.

    A single trial of a search has the two values alone: it is the same cell in every search that
    comes upon them.

    Attributes:
        lr: in the place of the budget's.
        weight_decay: in the place of the budget's.
        trials: that the search spent on the row, failed ones among them; 0 for a trial itself.
        folds: of train and validation that each was scored on.
        search: digest of the search, which all rows of a table share: seed, span, trials, folds.
        default: identity of the row with the table's values and the method's own, ``Cell.kind``.
    """

    lr: PositiveFloat
    weight_decay: float = Field(ge=0)
    trials: int = Field(0, ge=0)
    folds: int = Field(0, ge=0)
    search: str = ""
    default: str = ""

    def __str__(self) -> str:
        return f"lr {self.lr:g}, weight decay {self.weight_decay:g}"
