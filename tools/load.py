"""A sweep of very many tiny cells: what the driver costs for each, and whether memory stays flat.

``tools/load.py [CELLS]`` (2,000 by default) trains four rows for an epoch of a hundred images of
phantom, 8 x 8 pixels, by ``medtail bench`` with two workers in a folder of its own. The overhead of
a cell is what it costs beyond the seconds that its own record counts.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = ("focal", "ldam", "balanced_softmax", "logit_adjustment")
WORKERS = 2
SUITE = """title: load
methods: [{rows}]
data:
  - {{name: phantom@natural, params: {{count: 150}}}}
seeds: [{seeds}]
image_size: 8
selection: last
budget: {{epochs: 1, batch_size: 64, optimizer: adamw, lr: 0.003, precision: 32-true}}
"""
WORDS = ("--launcher", "processes", "--workers", str(WORKERS), "--wandb", "disabled")


def memory(pid: int) -> float:
    """MiB of a process that no file backs; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def children(pid: int) -> list[int]:
    """Workers of a driver, the largest of its processes."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        threads = Path(f"/proc/{pid}/task").iterdir()
        found += [c for t in threads for c in (t / "children").read_text().split()]
    except OSError:
        return []
    return sorted({*map(int, found)}, key=memory)[-WORKERS:]


def swept(folder: Path) -> list[tuple[float, float, float]]:
    """Seconds, MiB of the driver and of its largest worker: at the start, each cell, the end."""
    command = [sys.executable, "-m", "medtail", "bench", "load.yaml", *WORDS, "--keep", "none"]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    seen = [(time.monotonic(), 0.0, 0.0)]
    with subprocess.Popen(
        command, cwd=folder, env=one_thread, stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdout is not None
        for line in driver.stdout:
            if re.match(r"\[\d+/\d+, ", line):
                workers = max(map(memory, children(driver.pid)), default=0.0)
                seen.append((time.monotonic(), memory(driver.pid), workers))
            elif line.startswith("✗") or "Traceback" in line:
                sys.stdout.write(line)
    seen.append((time.monotonic(), 0.0, 0.0))
    if driver.returncode:
        sys.exit(f"medtail bench: exit status {driver.returncode}")
    return seen


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Run it and print the figures."""
    amount = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory(prefix="medtail-load-") as place:
        folder = Path(place)
        seeds = ", ".join(map(str, range(amount // len(ROWS))))
        (folder / "load.yaml").write_text(SUITE.format(rows=", ".join(ROWS), seeds=seeds))
        (begun, *_), *cells, (ended, *_) = swept(folder)
        records = [json.loads(p.read_text()) for p in folder.glob("runs/cells/*/*/record.json")]
        again, *_, over = swept(folder)
    own = sum(record["cost"]["seconds"] for record in records) / len(records)
    say(f"{len(records)} cells, {WORKERS} workers: {ended - begun:.0f} s")
    say(
        f"until the first cell {cells[0][0] - begun:.1f} s, boards {ended - cells[-1][0]:.1f} s, "
        f"the same command again {over[0] - again[0]:.1f} s"
    )
    say(f"a cell's own seconds: {own:.3f}")
    step = max(1, len(cells) // 5)
    for start in range(0, len(cells) - step + 1, step):
        part = cells[start : start + step]
        each = (part[-1][0] - part[0][0]) / max(1, len(part) - 1)
        say(
            f"cells {start + 1:>5}-{start + step:<5} overhead {WORKERS * each - own:6.3f} s each, "
            f"driver {part[-1][1]:.0f} MiB, worker {part[-1][2]:.0f} MiB"
        )


if __name__ == "__main__":
    main()
