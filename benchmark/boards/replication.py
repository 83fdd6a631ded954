"""What a table says of the splits that its numbers vary by: draws and folds."""

from ..grid.cell import Terms
from .section import Section


def words(terms: Terms) -> list[str]:
    """How the data is split, where it is not once."""
    cut = terms.validation == "like_train"
    return [
        *([f"{terms.draws} draws of split and cut"] if terms.draws > 1 else []),
        *([f"{terms.folds} folds"] if terms.folds else []),
        *(["validation cut like training"] if cut else []),
    ]


def known(section: Section) -> list[str]:
    """What intervals know of splits, where there are several."""
    terms, lines = section.terms, []
    if terms.folds:
        lines.append(
            f"{terms.folds} folds by group: every image is tested once, by a network that saw no "
            "image of its group, and the predictions of all folds are scored together; training "
            "counts are the mean over folds. An AUC so compares scores of several networks. "
            "Intervals know of images and seeds, and not that the folds' training sets overlap, of "
            "which no unbiased estimate exists (Bengio and Grandvalet 2004)."
        )
    if section.resplit:
        lines.append(
            f"{terms.draws} draws: every seed has one of them, a split by group and a cut of its "
            "own, the same for all rows. Counts above are those of the first. Intervals are of "
            "the mean over draws: its variance between seeds counts 1/S and, because tests and "
            "trainings of the draws share images, tested over other images more (Nadeau and "
            "Bengio 2003)."
        )
    elif terms.draws > 1:
        lines.append(
            f"{terms.draws} draws: every seed has one of them, the folds or the regime's cut, the "
            "same for all rows. All are tested on the same images."
        )
    return lines
