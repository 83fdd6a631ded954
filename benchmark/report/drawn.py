"""Draws and folds of a table in sentences for a paper, past tense."""

from ..boards.section import Section


def drawn(section: Section) -> list[str]:
    """What the splits of a table with draws or folds were."""
    terms = section.terms
    told = {
        f"In a cross-validation of {terms.folds} folds by group, stratified by class, every image "
        "was tested once; the predictions of all folds were scored together, and the training "
        "counts above are means over folds.": bool(terms.folds),
        f"The seeds took {terms.draws} draws of the split and of the regime's cut in turn, the "
        "same for all methods; the counts above are those of the first.": section.resplit,
        f"The seeds took {terms.draws} draws in turn, of the folds or of the regime's cut, the "
        "same for all methods.": terms.draws > 1 and not section.resplit,
        "Validation was cut to the class shares that training kept.": (
            terms.validation == "like_train"
        ),
    }
    return [text for text, so in told.items() if so]
