"""Print scores of a board's own predictions as a CSV, as a user's file for ``medtail score``.

Any Python in which medtail is installed: python some_scores.py isic2018@natural > scores.csv
"""

import csv
import sys

from medtail.benchmark.boards.leaderboard import read_predictions
from medtail.benchmark.evidence.shipped import SHIPPED, records_of


def main(data: str) -> None:
    """Write the first finished record's predictions to standard output."""
    record = next(r for r in records_of(SHIPPED, data) if r.status == "ok")
    scores = read_predictions(SHIPPED, data)[record.cell_id]
    writer = csv.writer(sys.stdout)
    writer.writerow(["id", *record.class_names])
    writer.writerows([name, *row] for name, row in zip(scores.id, scores.logits, strict=True))


if __name__ == "__main__":
    main(sys.argv[1])
