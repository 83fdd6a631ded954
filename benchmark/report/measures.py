"""What the numbers of a table are and how sure they are, in sentences for a paper, past tense."""

from medtail.datamodules.core.contract import Track

from ..boards.columns import column
from ..boards.replicates import FITS
from ..boards.section import Section
from ..boards.standing import Standing
from ..statistics.intervals import LEVEL, REPLICATES
from .marked import listed

DEFINED = {
    "macro_auc": "the mean over classes of the one-vs-rest area under the ROC curve on softmax "
    "probabilities, classes without a test image left out",
    "balanced_accuracy": "the mean recall of the classes in the test split, at the class of "
    "highest probability",
    "fitted_balanced_accuracy": "the same after one scale of the log-probabilities and an offset "
    "of each class, fitted on validation for every row alike, so that it does not depend on the "
    "class prior that a network learnt",
    "macro_f1": "the mean F1 of the classes in the test split",
    "quadratic_kappa": "Cohen's kappa with quadratic weights over the order of the classes",
    "head_recall": "the mean recall of the classes with more than 4/3 of the mean training images",
    "medium_recall": "that of the classes between",
    "tail_recall": "that of the classes with fewer than 2/3 of the mean training images",
    "worst_class_recall": "the lowest recall of a class",
    "episode_auc": "the mean over episodes of the area under the ROC curve (of more than two "
    "classes, the mean of one against the rest)",
    "episode_auc_ci95": "half of a normal 95 % interval of that mean over the episodes of a seed",
    "episode_accuracy": "the mean over episodes of the share of queries that are right",
    "episode_class_average": "the mean over episodes of the mean over their classes of that share",
    "episode_auc_30": "the AUC over the first 30 episodes",
    "auroc": "the area under the ROC curve of the abnormality score, abnormal against given images",
    "auprc": "its average precision, for which chance is the prevalence of abnormal images",
    "sensitivity_at_95_specificity": "the share of abnormal images above the threshold that 95 % "
    "of the given images of validation do not exceed",
    "achieved_specificity": "the share of given test images that are not above it",
    "f1": "the F1 of abnormal images at that threshold",
    "identity_auroc": "a control near 50 %, the AUROC of given images that went through the image "
    "operations of a method without a change of meaning against the same images as they are",
    "rare_accuracy": "the mean recall of the rare classes after the last training",
    "rare_accuracy_area": "the mean height, by trapezoids, of its curve over labelled images",
    "balanced_accuracy_area": "the same of the mean recall of all classes",
    "rare_found": "the images of rare classes that were chosen in all rounds",
    "rare_found_share": "their share of those in the pool",
    "recall": "the share of its test images that are right",
    "class_auc": "the mean AUC of the episodes that it takes part in",
    "class_auroc": "the AUROC of an abnormal class against the given one",
}
DRAWN: dict[Track, str] = {
    "long_tail": "test groups (single images, where no group is known) within each class",
    "one_class": "test groups (single images, where no group is known) within each class",
    "few_shot": "test episodes (of the same images)",
}
ORDER = (
    "A rank interval lies between the rows that are surely above and those that are surely below a "
    "row, one row being surely above another where the 95 % interval of their paired difference "
    "(same test samples, same seeds) excludes zero."
)
DIFFERENCE = (
    "A difference was taken as one only where the interval of the paired difference excludes "
    "zero: a row whose rank interval begins with 1 (marked ≈) has no row surely above it, whatever "
    "the order of the means."
)
MULTIPLE = (
    "The intervals, and the rank intervals that follow from them, were not corrected for the "
    "number of rows, metrics or classes that are compared: among many pairs some intervals exclude "
    "zero by chance. Verdicts of {compare} are corrected by Holm's method over all that it shows."
)


def metrics(section: Section) -> list[str]:
    """Every number that the tables show, defined."""
    columns = section.columns(section.view.page)
    told = [f"{c.title}: {DEFINED[c.key]}" for c in columns]
    classes = [f"{title} of each class: {DEFINED[n]}" for n, title in section.view.classes.items()]
    primary = column(section.view.primary).words
    return [
        f"The metric that orders the rows was {primary}.",
        f"The metrics were defined as follows. {'; '.join([*told, *classes])}.",
    ]


def uncertainty(section: Section, standing: Standing) -> list[str]:
    """± and intervals."""
    told = [
        "Numbers were means over seeds, ± the sample standard deviation between them, which is no "
        "confidence interval."
        if len(section.seeds) > 1
        else "Numbers were of one seed."
    ]
    if not standing.rows:
        return [*told, "No interval could be computed, as the predictions are not there."]
    share = f"{100 * LEVEL:g} %"
    if section.resplit:
        told.append(
            f"{share} intervals were those of Student's t with the variance between seeds, each on "
            "a split of its own, moderated over the rows of the table (Smyth 2004) and corrected "
            "for what the splits share (Nadeau and Bengio 2003)."
        )
    elif section.track == "active":
        told.append(
            f"{share} intervals were those of Student's t with the variance between seeds, "
            "moderated over the rows of the table (Smyth 2004): other first labels and trainings, "
            "the same test images."
        )
    else:
        fits = f" ({FITS} of the fitted number)" if section.track == "long_tail" else ""
        told.append(
            f"{share} intervals added two variances: that over other {DRAWN[section.track]}, by a "
            f"bootstrap of {REPLICATES:,} draws{fits}, and that over other trainings, from the "
            "seeds, moderated over the rows of the table (Smyth 2004); the degrees of freedom of "
            "the sum followed Satterthwaite, and shares were adjusted as by Agresti and Coull."
        )
    if len(section.seeds) == 1:
        told.append("With one seed the intervals know nothing of other trainings.")
    return told


def differences(section: Section, standing: Standing) -> list[str]:
    """What counts as a difference, and which one the table could tell."""
    if not standing.rows:
        return []
    told = [ORDER, DIFFERENCE]
    smallest = [
        f"{100 * value:.1f} points of {column(metric).words}"
        for metric, value in standing.smallest_difference.items()
    ]
    if smallest:
        told.append(
            f"The smallest difference that a paired test at 5 % finds four times in five was "
            f"{listed(smallest)}, the median over pairs of rows."
        )
    return told


def multiplicity(compare: str) -> list[str]:
    """What was corrected."""
    return [MULTIPLE.format(compare=compare)]
