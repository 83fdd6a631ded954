"""The columns of a leaderboard: which number stands where, and which end of it is best."""

from dataclasses import dataclass
from typing import Literal

PRIMARY = "balanced_accuracy"


@dataclass(frozen=True)
class Column:
    """A number that tables may show.

    Attributes:
        name: in ``benchmark.metrics``, or an attribute of ``Cost``.
        title: in a page.
        best: direction.
        source: where in a record it stands.
        on: the tables that show it beside the CSV: ``page``, ``page-if-any`` and ``terminal``.
        short: its title in the terminal, where the usual one is too wide.
    """

    name: str
    title: str
    best: Literal["high", "low", "none"] = "high"
    source: Literal["metrics", "balanced", "cost"] = "metrics"
    on: tuple[str, ...] = ()
    short: str = ""

    @property
    def key(self) -> str:
        """Its name in the CSV."""
        return f"balanced_prior_{self.name}" if self.source == "balanced" else self.name


COLUMNS: tuple[Column, ...] = (
    Column("macro_auc", "AUC", on=("page", "terminal")),
    Column("balanced_accuracy", "Balanced accuracy", on=("page", "terminal"), short="Bal. acc."),
    Column("macro_f1", "Macro F1", on=("page",)),
    Column("quadratic_kappa", "Quadratic kappa", on=("page-if-any",)),
    Column("head_recall", "Head recall", on=("page",)),
    Column("medium_recall", "Medium recall", on=("page",)),
    Column("tail_recall", "Tail recall", on=("page", "terminal"), short="Tail"),
    Column("worst_class_recall", "Worst class recall", on=("page",)),
    Column("macro_ap", "Macro AP"),
    Column("accuracy", "Accuracy"),
    Column("mcc", "MCC"),
    Column("sensitivity_at_95_specificity", "Sensitivity at 95 % specificity"),
    Column("achieved_specificity", "Specificity reached", "none"),
    Column("ece", "ECE", "low"),
    Column("nll", "NLL", "low"),
    Column("brier", "Brier", "low"),
    Column("classes_scored", "Classes scored", "none"),
    Column("macro_auc", "AUC, balanced prior", source="balanced"),
    Column("macro_ap", "Macro AP, balanced prior", source="balanced"),
    Column("macro_f1", "Macro F1, balanced prior", source="balanced"),
    Column("mcc", "MCC, balanced prior", source="balanced"),
    Column(
        "sensitivity_at_95_specificity",
        "Sensitivity at 95 % specificity, balanced prior",
        source="balanced",
    ),
    Column("ece", "ECE, balanced prior", "low", "balanced"),
    Column("nll", "NLL, balanced prior", "low", "balanced"),
    Column("brier", "Brier, balanced prior", "low", "balanced"),
    Column("train_seconds", "Training time, s", "low", "cost"),
    Column("parameters", "Parameters", "none", "cost"),
)
CLASS_COLUMNS = ("recall", "precision", "auc", "ap", "sensitivity_at_95_specificity_per_class")


def column(name: str) -> Column:
    """A column by its name in the CSV."""
    return next(c for c in COLUMNS if c.key == name)
