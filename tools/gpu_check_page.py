"""Of ``gpu_check``: ``docs/gpu.md`` from ``gpu.json`` alone. No figure is typed by hand."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

Part = dict[str, Any]
KINDS = {
    "medtail": "through medtail",
    "bare": "bare PyTorch",
    "gpu": "one batch on the GPU",
    "gpu, channels-last": "the same, channels-last",
}


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


def machine(facts: Part, run: Part) -> list[str]:
    """What it ran on."""
    if not facts:
        return ["Nothing is known of the machine: its part did not end."]
    versions = facts["versions"]
    rows = [
        ("GPU", f"{facts['gpu']}, {facts['gpu_gib']} GiB" if facts["gpu"] else "none"),
        ("driver, CUDA, cuDNN", f"{facts['driver'] or '-'}, {facts['cuda']}, {facts['cudnn']}"),
        ("processor", f"{facts['processor']}, {facts['cores']} cores"),
        ("memory", f"{facts['memory_gib']} GiB"),
        ("system", facts["system"]),
        ("packages", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("medtail's commit", run.get("commit") or "unknown"),
    ]
    return [table(("what", "which"), rows)]


def tests(part: Part) -> list[str]:
    """Verdicts of ``tests/gpu``."""
    found = part.get("found", [])
    counts: dict[str, int] = defaultdict(int)
    for entry in found:
        counts[entry["verdict"]] += 1
    told = ", ".join(f"{amount} {verdict}" for verdict, amount in counts.items()) or "none ran"
    rows = [
        (
            f"`{entry['name']}`",
            entry["verdict"],
            number(entry.get("seconds"), 1),
            ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in entry.get("notes", {}).items())
            or None,
        )
        for entry in found
    ]
    lines = [f"`tests/gpu` on this machine: {told}. {ended(part)}".strip()]
    lines.append(table(("test", "verdict", "seconds", "noted"), rows))
    lines += [f"- {reason}" for reason in part.get("reasons", [])]
    return lines


def _paces(rows: list[Part]) -> dict[tuple[Any, ...], list[Part]]:
    found: dict[tuple[Any, ...], list[Part]] = defaultdict(list)
    for row in rows:
        found[row["data"], row["size"], row["backbone"], row["batch"]].append(row)
    return dict(sorted(found.items(), key=lambda item: item[0][1:3]))


def ratio(rows: list[Part], workers: int) -> str | None:
    """Medtail over bare, round by round: the median, and the range of several rounds."""
    by_round: dict[int, dict[str, float]] = defaultdict(dict)
    for row in rows:
        if row["workers"] == workers:
            by_round[row["round"]][row["side"]] = row["images_per_second"]
    values = [r["medtail"] / r["bare"] for r in by_round.values() if {"medtail", "bare"} <= set(r)]
    if not values:
        return None
    spread = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    return f"{median(values):.2f}{spread}"


def pace(part: Part, drawing: Part) -> list[str]:
    """Images a second."""
    rows = part.get("rows", [])
    if not rows:
        return [f"Nothing was measured. {ended(part)}".strip()]
    lines = [
        "Images a second of training. Every row has the same stored images, augmentation "
        f"(symmetries, on the CPU), batch size, optimiser and precision ({rows[0]['precision']}) "
        "on both sides; loaders are processes that augment, 0 being the training process itself. "
        "*Ratio* is medtail over bare PyTorch with as many loaders: the median over rounds that "
        f"were run in turn. {ended(part)}".strip()
    ]
    out = []
    for (data, size, backbone, batch), group in _paces(rows).items():
        kinds: dict[tuple[int, str], list[Part]] = defaultdict(list)
        for row in group:
            kinds[row["workers"], row["side"]].append(row)
        for (workers, side), same in kinds.items():
            busy = [row["busy_percent"] for row in same if "busy_percent" in row]
            out.append(
                (
                    data,
                    size,
                    backbone,
                    batch,
                    KINDS[side],
                    None if side.startswith("gpu") else workers,
                    number(median(row["images_per_second"] for row in same)),
                    ratio(group, workers) if side == "medtail" else None,
                    number(median(busy)) if busy else None,
                    number(same[0]["torch_peak_mib"]),
                )
            )
    titles = ("data", "px", "network", "batch", "side", "loaders", "images/s", "ratio")
    lines.append(table((*titles, "GPU busy, %", "peak GPU memory, MiB"), out))
    drawn = drawing.get("images", [])
    if drawn:
        told = "; ".join(
            f"{d['data']} at {d['size']} px in {d['seconds']} s ({d['mib']} MiB)" for d in drawn
        )
        lines.append(f"The image caches were filled once, one process each, beforehand: {told}.")
    return lines


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


def page(found: dict[str, Part]) -> str:
    """The whole page."""
    run = found.get("run", {})
    facts = {k: v for k, v in found.get("facts", {}).items() if k not in ("seconds", "error")}
    seconds = f" It took {run['seconds']:.0f} s." if "seconds" in run else " It did not end."
    tiny = (
        " This was a trial run on small sizes: its figures say nothing." if run.get("tiny") else ""
    )
    named = facts.get("gpu") or "a machine without a GPU"
    parts: list[tuple[str, list[str]]] = [
        ("Machine", machine(facts, run)),
        ("Tests", tests(found.get("tests", {}))),
        ("Images a second", pace(found.get("pace", {}), found.get("drawing", {}))),
        ("Cells packed on one GPU", packed(found.get("packed", {}))),
        ("DAML at its paper's length", learning(found.get("learning", {}))),
    ]
    text = [
        "# medtail on a GPU",
        f"Written by `tools/gpu_check.py --page` from one run of `tools/gpu_check.sh` on {named}."
        f"{seconds}{tiny} Every part has a time limit; what was not reached is said.",
    ]
    for title, lines in parts:
        text += [f"## {title}", *lines]
    return "\n\n".join(text) + "\n"
