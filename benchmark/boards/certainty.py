"""How sure a table is, in words and cells of a page."""

from medtail.datamodules.core.contract import Track

from ..statistics.intervals import REPLICATES
from .columns import column
from .section import Section
from .standing import Numbers, RowStanding, Standing

NO_ROW = RowStanding(intervals={}, classes={})
GROUPS = "test patients or lesions (images, where the dataset names neither) within each class"
DRAWN: dict[Track, str] = {
    "long_tail": GROUPS,
    "one_class": GROUPS,
    "few_shot": "episodes (of the same images: not other patients)",
}
SEEDS = "between its seeds, moderated over the rows of the table"
RANK = "A rank lies between the rows that are surely above and those that are surely below."


def sure(section: Section, standing: Standing) -> str:
    """How the intervals came about, and what difference the table could tell."""
    if not standing.rows:
        return ""
    if section.resplit:
        how = (
            f"The 95 % interval of a row is Student's t with the variance {SEEDS}, of which each "
            f"has its own split: see above. {RANK}"
        )
    elif section.track == "active":
        how = (
            f"The 95 % interval of a row is Student's t with the variance {SEEDS}: other first "
            f"labels and trainings, the same test images. {RANK}"
        )
    else:
        how = (
            f"The 95 % interval of a row adds the variance over other {DRAWN[section.track]}, by a "
            f"bootstrap of {REPLICATES:,} draws, and that over other trainings, {SEEDS}. {RANK}"
        )
    if len(section.seeds) == 1:
        how += " With one seed they know nothing of other trainings."
    smallest = [
        f"{100 * value:.1f} points of {column(metric).words}"
        for metric, value in standing.smallest_difference.items()
    ]
    if not smallest:
        return how
    return (
        f"{how} **Smallest difference** that this table can tell: {', '.join(smallest)}, by a "
        "paired test at 5 % that finds it four times in five (median over pairs of rows)."
    )


def ends(numbers: Numbers | None) -> str:
    """An interval in %."""
    if numbers is None:
        return "n/a"
    low, high = (100 * end for end in numbers[1:])
    return f"{low:.1f} to {high:.1f}"


def places(row: RowStanding, metric: str) -> str:
    """The interval of a rank by a metric."""
    if metric not in row.ranks:
        return "-"
    low, high = row.ranks[metric]
    return str(low) if low == high else f"{low} to {high}"
