"""How soon the command line answers, and how large a worker is before its first cell.

``tools/perf.py`` runs it. Each command runs in processes of its own; CPU seconds of user and
system, the median of five after one that warms the files up.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

AIMS = {
    ("--help",): 0.5,
    ("--version",): 0.5,
    ("list",): 1.0,
    ("status", "isic2018"): 1.0,
    ("data", "status"): 1.0,
}
ROUNDS = 5
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
MEDTAIL = Path(sys.executable).with_name("medtail")
# What a worker of Ray imports before it runs its first cell, a plain cross-entropy.
WORKER = """
import medtail.benchmark.execution.worker, medtail.benchmark.tracks.supervised
from medtail import methods
methods.get("erm")
status = open("/proc/self/status").read()
print(*(int(status.partition(f"{name}:")[2].split()[0]) // 1024 for name in ("VmHWM", "RssAnon")))
"""


def measured(words: list[str]) -> tuple[float, float]:
    """CPU seconds of a process and its largest resident memory, MiB."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=ONE_THREAD)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def tables(console: Console) -> bool:
    """Print the figures; returns whether every command is as quick as it should be."""
    table = Table("medtail ...", "CPU, s", "aim, s", "MiB")
    quick = True
    for words, aim in AIMS.items():
        runs = [measured([str(MEDTAIL), *words]) for _ in range(ROUNDS + 1)][1:]
        seconds, mib = (statistics.median(values) for values in zip(*runs, strict=True))
        quick = quick and seconds < aim
        table.add_row(" ".join(words), f"{seconds:.2f}", f"{aim}", f"{mib:.0f}")
    console.print(table)
    done = subprocess.run(
        [sys.executable, "-c", WORKER], env=ONE_THREAD, capture_output=True, text=True, check=True
    )
    whole, own = done.stdout.split()
    console.print(
        f"a worker before its first cell: {whole} MiB, of which {own} are its own; the rest are "
        "files of libraries, which all workers share"
    )
    return quick


if __name__ == "__main__":
    sys.exit(not tables(Console()))
