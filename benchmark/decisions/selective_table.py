"""What if only the sure answers count, and the rest goes to a human?"""

import numpy as np

from . import pictures
from .material import Entry, Material
from .selective import COVERAGE, Selective, selective
from .topic import Grid, Topic, mean, percent

TEXT = (
    "Images are answered in the order of the highest probability, the rest is handed over. "
    "**AURC** is the area under the curve of risk (share of errors among the answered) against "
    "coverage (Geifman and El-Yaniv 2017), in %. **Balanced risk** is the mean over classes of "
    "that share; a class of which nothing is answered has the risk 100. Few errors among the "
    "answered may mean that the tail is never answered: the last column says how much of it is. "
    "Means over seeds, least balanced risk first; T changes the order of images, too, but little, "
    "and is not applied.",
)


def topic(material: Material) -> Topic:
    """Of a table of a board."""
    rows = [(e.name, _row(e, material)) for e in material.entries if e.name in material.shown]
    rows.sort(key=lambda row: mean([found.balanced_covered for found in row[1]]))
    at = f"{100 * COVERAGE:.0f} %"
    head = (
        "Method",
        "AURC",
        "Risk, all answered",
        "Balanced risk, all answered",
        f"Balanced risk at {at}",
        f"Tail answered at {at}",
    )
    lines = []
    for name, found in rows:
        values = np.array(found).mean(0)
        lines.append((name, *(percent(float(v)) for v in values)))
    pages = {"risk": pictures.risk(material)}
    return Topic(
        "Risk against coverage", TEXT, (Grid("", head, tuple(lines), (1, 2, 3, 4, 5)),), pages
    )


def _row(entry: Entry, material: Material) -> list[Selective]:
    tail = material.of_group("tail")
    return [selective(test.probabilities, test.target, tail) for test in entry.test]
