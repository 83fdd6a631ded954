"""The columns of a leaderboard: which number stands where, and which end of it is best."""

from dataclasses import dataclass
from typing import Literal

from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting import regimes

from ..evidence.record import Record

LONG_TAIL: tuple[Track, ...] = ("long_tail", "active")
FEW_SHOT: tuple[Track, ...] = ("few_shot",)
ONE_CLASS: tuple[Track, ...] = ("one_class",)
ACTIVE: tuple[Track, ...] = ("active",)
EVERY: tuple[Track, ...] = ("long_tail", "few_shot", "one_class", "active")
Unit = Literal["percent", "count", "half"]


@dataclass(frozen=True)
class Column:
    """A number that tables may show.

    Attributes:
        name: in the metrics of its tracks, in ``fitted``, or an attribute of ``Cost``.
        title: in a page.
        best: direction.
        source: where in a record it stands.
        tracks: the problem settings that have it.
        short: its title in the terminal, where the usual one is too wide.
        unit: of what is shown: a share as ``percent``, a ``count``, or half of an interval.
        if_any: pages show it only where a row has a value.
    """

    name: str
    title: str
    best: Literal["high", "low", "none"] = "high"
    source: Literal["metrics", "balanced", "cost", "fitted"] = "metrics"
    tracks: tuple[Track, ...] = LONG_TAIL
    short: str = ""
    unit: Unit = "percent"
    if_any: bool = False

    @property
    def key(self) -> str:
        """Its name in the CSV."""
        return f"balanced_prior_{self.name}" if self.source == "balanced" else self.name

    @property
    def words(self) -> str:
        """Its title within a sentence."""
        first, rest = self.title[0], self.title[1:]
        return self.title if rest[:1].isupper() else first.lower() + rest

    @property
    def sign(self) -> str:
        """What follows its title in the terminal."""
        return "" if self.unit == "count" or self.title.startswith("95 %") else " %"


@dataclass(frozen=True)
class View:
    """What the tables of a track show; the CSV has every column.

    Attributes:
        title: of the track.
        primary: the column that ranks.
        second: the column that is told beside it, in the front table and when a cell ends.
        page: columns of a page, in order.
        terminal: those of the terminal.
        classes: per-class metrics of a page and their titles, first those of the picture.
        also: further per-class metrics of the CSV.
        ranks_too: further columns by which rows have a rank.
    """

    title: str
    primary: str
    second: str
    page: tuple[str, ...]
    terminal: tuple[str, ...]
    classes: dict[str, str]
    also: tuple[str, ...] = ()
    ranks_too: tuple[str, ...] = ()

    @property
    def ranking(self) -> tuple[str, ...]:
        """The columns that rank, the primary one first."""
        return (self.primary, *self.ranks_too)


COLUMNS: tuple[Column, ...] = (
    Column("rare_accuracy_area", "Rare accuracy, area", tracks=ACTIVE, short="Rare area"),
    Column("rare_accuracy", "Rare accuracy, last", tracks=ACTIVE, short="Rare last"),
    Column("balanced_accuracy_area", "Balanced accuracy, area", tracks=ACTIVE, short="Bal. area"),
    Column("accuracy_area", "Accuracy, area", tracks=ACTIVE),
    Column("rare_found", "Rare images found", tracks=ACTIVE, unit="count", short="Found"),
    Column("rare_found_share", "of the pool's", tracks=ACTIVE),
    Column("episode_auc", "AUC", tracks=FEW_SHOT),
    Column(
        "episode_auc_ci95", "95 %, episodes", "none", tracks=FEW_SHOT, unit="half", short="95 %"
    ),
    Column("episode_accuracy", "Accuracy", tracks=FEW_SHOT),
    Column("episode_accuracy_ci95", "95 %, episodes", "none", tracks=FEW_SHOT, unit="half"),
    Column("episode_class_average", "Class average", tracks=FEW_SHOT, if_any=True),
    Column("episode_auc_30", "AUC, first 30 episodes", tracks=FEW_SHOT),
    Column("episode_auc_30_ci95", "95 %, episodes", "none", tracks=FEW_SHOT, unit="half"),
    Column("episodes", "Episodes", "none", tracks=FEW_SHOT, unit="count"),
    Column("auroc", "AUROC", tracks=ONE_CLASS),
    Column("auprc", "AUPRC", tracks=ONE_CLASS),
    Column("f1", "F1", tracks=ONE_CLASS),
    Column("macro_auc", "AUC"),
    Column("balanced_accuracy", "Balanced accuracy", short="Balanced"),
    Column(
        "fitted_balanced_accuracy",
        "Balanced accuracy, fitted",
        tracks=("long_tail",),
        short="Fitted",
        if_any=True,
    ),
    Column("macro_f1", "Macro F1"),
    Column("quadratic_kappa", "Quadratic kappa", if_any=True),
    Column("head_recall", "Head recall"),
    Column("medium_recall", "Medium recall"),
    Column("tail_recall", "Tail recall", short="Tail"),
    Column("worst_class_recall", "Worst class recall"),
    Column("macro_ap", "Macro AP"),
    Column("accuracy", "Accuracy"),
    Column("mcc", "MCC"),
    Column(
        "sensitivity_at_95_specificity",
        "Sensitivity at 95 % specificity",
        tracks=LONG_TAIL + ONE_CLASS,
        short="Sens. at 95",
    ),
    Column("achieved_specificity", "Specificity reached", "none", tracks=LONG_TAIL + ONE_CLASS),
    Column("prevalence", "Prevalence", "none", tracks=ONE_CLASS),
    Column("given_images", "Given test images", "none", tracks=ONE_CLASS, unit="count"),
    Column("identity_auroc", "Identity AUROC", "none", "fitted", ONE_CLASS, if_any=True),
    Column("ece", "ECE", "low"),
    Column("nll", "NLL", "low"),
    Column("brier", "Brier", "low"),
    Column("classes_scored", "Classes scored", "none", unit="count"),
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
    Column("train_seconds", "Training time, s", "low", "cost", EVERY, unit="count"),
    Column("parameters", "Parameters", "none", "cost", EVERY, unit="count"),
)
RECALLS = ("precision", "auc", "ap", "sensitivity_at_95_specificity_per_class")
VIEWS: dict[Track, View] = {
    "long_tail": View(
        "Long tail",
        "balanced_accuracy",
        "macro_auc",
        (
            *("macro_auc", "balanced_accuracy", "fitted_balanced_accuracy", "macro_f1"),
            *("quadratic_kappa", "head_recall", "medium_recall", "tail_recall"),
            "worst_class_recall",
        ),
        ("macro_auc", "balanced_accuracy", "fitted_balanced_accuracy", "tail_recall"),
        {"recall": "Recall"},
        ("fitted_recall", *RECALLS),
        ("fitted_balanced_accuracy",),
    ),
    "few_shot": View(
        "Few-shot",
        "episode_auc",
        "episode_accuracy",
        (
            *("episode_auc", "episode_auc_ci95", "episode_accuracy", "episode_class_average"),
            "episode_auc_30",
        ),
        ("episode_auc", "episode_auc_ci95", "episode_accuracy"),
        {"class_auc": "AUC", "recall": "recall"},
    ),
    "one_class": View(
        "One-class",
        "auroc",
        "auprc",
        (
            *("auroc", "auprc", "sensitivity_at_95_specificity", "achieved_specificity", "f1"),
            "identity_auroc",
        ),
        ("auroc", "auprc", "sensitivity_at_95_specificity"),
        {"class_auroc": "AUROC"},
    ),
    "active": View(
        "Active",
        "rare_accuracy_area",
        "balanced_accuracy",
        (
            *("rare_accuracy_area", "rare_accuracy", "balanced_accuracy_area"),
            *("balanced_accuracy", "macro_auc", "rare_found", "rare_found_share"),
        ),
        ("rare_accuracy_area", "rare_accuracy", "balanced_accuracy"),
        {"recall": "Recall"},
        RECALLS,
    ),
}


def track(data: str) -> Track:
    """The problem setting of a ``dataset@regime``."""
    return regimes.track(DataName.parse(data).regime)


def column(key: str) -> Column:
    """A column by its name in the CSV."""
    return next(c for c in COLUMNS if c.key == key)


def headline(record: Record) -> str:
    """The two numbers that tell most of a finished cell: its track's primary metric and another."""
    view, told = VIEWS[track(record.cell.terms.data)], []
    for key in (view.primary, view.second):
        value = record.metrics.get(key)
        shown = f"{value:.3f}" if isinstance(value, float) else "n/a"
        told.append(f"{column(key).words} {shown}")
    return ", ".join(told)
