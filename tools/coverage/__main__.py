"""Measure, and print or write the tables of the page."""

import argparse
import sys
from pathlib import Path

from .measure import Line, measure

MARK = ("<!-- measured -->", "<!-- /measured -->")


def page(lines: list[Line], boards: int) -> str:
    """The table: a line per kind, a column per world and number of seeds, lowest first told."""
    worlds = list(dict.fromkeys((line.world, line.seeds) for line in lines))
    parts = []
    for track in dict.fromkeys(line.track for line in lines):
        mine = [line for line in lines if line.track == track]
        columns = [w for w in worlds if any((m.world, m.seeds) == w for m in mine)]
        head = ["", *(f"{world}, {seeds} seeds" for world, seeds in columns)]
        rows = [head, ["---", *["--:"] * len(columns)]]
        for kind in dict.fromkeys(m.kind for m in mine):
            found = {(m.world, m.seeds): m for m in mine if m.kind == kind}
            rows.append([kind, *(_cell(found[w]) for w in columns)])
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        parts.append(f"### {track.replace('_', ' ').capitalize()}\n\n{table}")
    error = 100 * max(line.error for line in lines)
    low, high = (f(line.held for line in lines) for f in (min, max))
    first = (
        f"{boards} boards of each world; a share errs by at most {error:.1f} points. Lowest "
        f"{100 * low:.1f}, highest {100 * high:.1f} %. Outside 93 to 97 %: *slanted*; under 90: "
        "**bold**."
    )
    return "\n\n".join([first, *parts])


def _cell(line: Line) -> str:
    text = f"{100 * line.held:.1f}"
    if line.held < 0.9:
        return f"**{text}**"
    return text if 0.93 <= line.held <= 0.97 else f"*{text}*"


def main() -> None:
    """Measure, and print or write the table."""
    parser = argparse.ArgumentParser("tools.coverage", description=__doc__)
    parser.add_argument("--boards", type=int, default=300, help="draws of each world")
    parser.add_argument("--write", type=Path, help="page to write the table into")
    asked = parser.parse_args()
    lines = measure(asked.boards)
    table = page(lines, asked.boards)
    if asked.write:
        before, rest = asked.write.read_text().split(MARK[0])
        asked.write.write_text(f"{before}{MARK[0]}\n{table}\n{MARK[1]}{rest.split(MARK[1])[1]}")
    else:
        sys.stdout.write(table + "\n")


if __name__ == "__main__":
    main()
