"""How sure a table is, in words and cells of a page."""

from medtail.datamodules.core.contract import Track

from ..statistics.intervals import REPLICATES
from .columns import column
from .section import Section
from .standing import Numbers, RowStanding, Standing

NO_ROW = RowStanding(intervals={}, classes={})
DRAWN: dict[Track, str] = {
    "long_tail": "seeds, and of test patients or lesions (images, where the dataset names neither) "
    "within each class",
    "one_class": "seeds, and of test patients or lesions (images, where the dataset names neither)",
    "few_shot": "seeds and episodes: other trainings and other episodes of the same images, not "
    "other patients",
}


def sure(section: Section, standing: Standing) -> str:
    """How the intervals came about, and what difference the table could tell."""
    if not standing.rows:
        return ""
    if section.track == "active":
        how = (
            "The 95 % interval of a row is Student's t over its seeds, that of its rank a "
            "bootstrap of them: other first labels and trainings, the same test images."
        )
    else:
        how = (
            f"The 95 % intervals of a row and of its rank are from a bootstrap ({REPLICATES:,} "
            f"draws, the same for all rows) of {DRAWN[section.track]}."
        )
    if len(section.seeds) == 1:
        how += " With one seed they know nothing of other trainings."
    if standing.smallest_difference is None:
        return how
    words = column(section.view.primary).words
    return (
        f"{how} **Smallest difference** that this table can tell: "
        f"{100 * standing.smallest_difference:.1f} points of {words}, by a paired test at 5 % that "
        "finds it four times in five (median over pairs of rows)."
    )


def ends(numbers: Numbers | None) -> str:
    """An interval in %."""
    if numbers is None:
        return "n/a"
    low, high = (100 * end for end in numbers[1:])
    return f"{low:.1f} to {high:.1f}"


def places(row: RowStanding) -> str:
    """The interval of a rank."""
    if row.rank is None:
        return "-"
    low, high = row.rank
    return str(low) if low == high else f"{low} to {high}"
