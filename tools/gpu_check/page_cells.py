"""Of ``gpu_check``: the page's parts on cells packed and on learning, and what all parts use."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

Part = dict[str, Any]


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; a dash where a value is None."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(
        "| " + " | ".join("-" if cell is None else str(cell) for cell in line) + " |"
        for line in lines
    )


def number(value: float | None, digits: int = 0) -> str | None:
    """With thousands separated."""
    return None if value is None else f"{value:,.{digits}f}"


def ended(part: Part) -> str:
    """One sentence where a part did not end by itself."""
    if part.get("error"):
        return f"This part broke off: {part['error']}."
    end = part.get("ended") or {}
    if end.get("by_clock"):
        return f"The clock ended this part after {end['seconds']} s: what follows is not all of it."
    return ""


def packed(part: Part) -> list[str]:
    """Cells an hour."""
    rows = part.get("rows", [])
    if not rows:
        return [f"Nothing was measured. {ended(part)}".strip()]
    suite = part["suite"]
    data = suite["data"][0]
    name = data if isinstance(data, str) else data["name"]
    lines = [
        f"Cells of {', '.join(suite['methods'])} on {name}, {suite['image_size']} px, "
        f"{suite['backbone']}, {suite['budget']['epochs']} epochs, batch "
        f"{suite['budget']['batch_size']}: so many processes at a time on one GPU, each `medtail "
        "bench --launcher inline` with one cell. *With start* counts the process from its start to "
        "its board; *without* counts the cells alone, as a worker does that goes on to the next."
    ]
    out = []
    for row in rows:
        if not row["reached"]:
            why = "; ".join(row.get("reasons", [])) or "the clock"
            out.append((row["at_a_time"], f"not reached: {why}", None, None, None, None))
            continue
        own = row["cell_seconds"]
        out.append(
            (
                row["at_a_time"],
                number(3600 * row["cells"] / row["seconds"]),
                number(sum(3600 / seconds for seconds in own)),
                number(median(own), 1),
                number(row.get("gpu_mib")),
                number(row.get("busy_percent")),
            )
        )
    titles = ("cells at a time", "cells/h with start", "cells/h without", "a cell, s (median)")
    order = sorted(out, key=lambda line: line[0])
    lines.append(table((*titles, "peak GPU memory, MiB", "GPU busy, %"), order))
    return lines


def learning(part: Part) -> list[str]:
    """DAML at its paper's length."""
    cells: dict[str, Part] = part.get("cells", {})
    if not cells:
        return [f"Nothing was run. {ended(part)}".strip()]
    any_cell = next((c for c in cells.values() if "iterations_asked" in c), {})
    lines = [
        "Li et al. 2020 train for 3,000 outer iterations. The terms are those of the suite "
        f"`isic2018-few-shot` ({any_cell.get('backbone')}, {any_cell.get('image_size')} px, "
        f"{any_cell.get('precision')}, {any_cell.get('tasks_a_step')} tasks an iteration), seed 0, "
        "with as many epochs as make the iterations; the cells of a method ran side by side on the "
        "one GPU. One seed says nothing of what another would give. ± is the 95 % half-width over "
        "test episodes alone."
    ]
    out = []
    for name, cell in sorted(cells.items()):
        auc, half = cell.get("episode_auc"), cell.get("episode_auc_ci95")
        score = f"{100 * auc:.1f} ± {100 * half:.1f}" if auc is not None and half else None
        end = cell.get("ended") or {}
        if not cell.get("trained"):
            score = "the clock ended it" if end.get("by_clock", True) else "it failed"
        out.append(
            (
                name,
                f"{number(cell.get('iterations'))} of {number(cell.get('iterations_asked'))}",
                number(cell.get("images")),
                number(cell.get("train_seconds")),
                number(cell.get("episodes")),
                score,
                number(100 * cell["episode_accuracy"], 1) if "episode_accuracy" in cell else None,
                number(cell.get("largest_task_weight"), 1) if name.startswith("daml") else None,
            )
        )
    titles = ("method, shots", "iterations", "images", "training, s", "test episodes", "AUC, %")
    lines.append(table((*titles, "accuracy, %", "largest task weight"), out))
    missing = [m for m in ("daml", "maml") if not any(name.startswith(m) for name in cells)]
    if missing:
        lines.append(f"Not reached: {', '.join(missing)}.")
    return lines
