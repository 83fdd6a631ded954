"""Of ``gpu_check``: ``docs/gpu.md`` from ``gpu.json`` alone. No figure is typed by hand."""

from collections import defaultdict
from statistics import median
from typing import Any

from page_cells import Part, ended, learning, number, packed, table

KINDS = {
    "medtail": "through medtail",
    "medtail there": "the same, augmented on the GPU",
    "bare": "bare PyTorch",
    "gpu": "one batch on the GPU",
    "gpu, channels-last": "the same, channels-last",
}

# What holds whatever was measured.
USES = """\
How medtail uses it:

- **Images are augmented on the GPU.** The loader sends what is stored and what the CPU's own \
augmentation draws for the place (seed, epoch, position, view); the GPU does what was drawn. \
Symmetries and light come out to the last bit; what is shifted, scaled and rotated (`standard`, \
`contrastive`) differs by one grey level in a pixel now and then, as OpenCV's own rounding does \
from one processor to another, so it is done there, too, and where is no term. An OpenCV that \
rounds otherwise is noticed, and then warps itself.
- **Loaders** are as many as a cell has cores, without its own, where they augment, and four at \
most where they only read; `workers` says another number. Batches are pinned and copied while \
the GPU computes. Batches that are only predicted are as large as the free memory allows.
- **Networks are channels-last, as the images are stored**, on every device.
- **cuDNN tries its plans** once for each shape, so two runs on a GPU may differ in their last \
bits. **TF32 is off**: `32-true` is float32, and so is what is predicted; who wants less \
precision for more speed has `bf16-mixed`.
- **Out of memory**, a cell is trained once more with half as many images at a time \
(`accumulate` doubled); its record says so in `cost.retried`. `cost.peak_mib` is the memory of \
the GPU that a process of the cell had allocated at most. How many cells share a GPU follows \
from the memory that a trial step of the largest of them took."""


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
        ("GPU memory in use before", f"{number(facts.get('idle_gpu_mib')) or '-'} MiB"),
        (
            "TF32 in float32 convolutions",
            f"PyTorch's default {'yes' if facts['tf32_convolutions'] else 'no'}, medtail's no",
        ),
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
    rows = [row for row in part.get("rows", []) if "error" not in row]
    failed = [row for row in part.get("rows", []) if "error" in row]
    broken = [
        f"- {row['size']} px, {row['backbone']}, {KINDS[row['side']]}, {row['workers']} loaders, "
        f"round {row['round']}: {row['error']}"
        for row in failed
    ]
    if not rows:
        return [f"Nothing was measured. {ended(part)}".strip(), *broken]
    lines = [
        "Images a second of training. Every row has the same stored images, augmentation "
        "(symmetries, on the CPU where nothing is said), batch size, optimiser and precision "
        f"({rows[0]['precision']}) on both sides; loaders are processes that augment (that read, "
        "where it is done on the GPU), 0 being the training process itself. "
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
    return lines + broken


def page(found: dict[str, Part], calls: list[Part]) -> str:
    """The whole page, of one call of the script or of several that had some parts each."""
    run = found.get("run", {})
    facts = {k: v for k, v in found.get("facts", {}).items() if k not in ("seconds", "error")}
    lasted = " and ".join(
        f"{call['seconds']:.0f} s" if "seconds" in call else "no time: it did not end"
        for call in calls
    )
    called = "one call" if len(calls) == 1 else f"{len(calls)} calls, one after the other,"
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
        f"Written by `tools/gpu_check/check.py --page` from {called} of `tools/gpu_check.sh` on "
        f"{named}, which took {lasted}.{tiny} Every part has a time limit; what was not reached "
        "is said.",
        USES,
    ]
    for title, lines in parts:
        text += [f"## {title}", *lines]
    return "\n\n".join(text) + "\n"
