"""A tiny suite on phantom, medtail in a process with a fault in it, and boards to compare."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests import signals

INJECT = Path(__file__).parent / "inject"
TINY = """title: tiny
methods: [erm, tau_norm, crt]
data:
  - {name: phantom@natural, params: {count: 300}}
seeds: [0]
image_size: 28
budget: {epochs: 3, batch_size: 64, optimizer: adamw, lr: 0.003, weight_decay: 0.05}
"""
OF_THE_MOMENT = ("cost", "provenance")


@dataclass(frozen=True)
class Run:
    """What a command left.

    Attributes:
        status: exit status, negative for a signal.
        out: both streams.
        fired: what the fault said when it happened; empty where it did not.
    """

    status: int
    out: str
    fired: str


def start(folder: Path, *words: str, fault: str = "", **environment: str) -> subprocess.Popen[str]:
    """Start ``medtail words`` in a folder, in a session of its own; ``fault`` as in ``inject``."""
    found = {"FAULT": fault, "FAULT_FIRED": str(folder / "fired"), "OMP_NUM_THREADS": "1"}
    path = f"{INJECT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep)
    return subprocess.Popen(
        [sys.executable, "-m", "medtail", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, **found, "PYTHONPATH": path, **environment},
        start_new_session=True,
        preexec_fn=signals.heard,
    )


def ended(process: subprocess.Popen[str], folder: Path, seconds: float = 120) -> Run:
    """What a process left; one that does not end in ``seconds`` is killed, and raises."""
    try:
        out, _ = process.communicate(timeout=seconds)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    note = folder / "fired"
    return Run(process.returncode, out, note.read_text() if note.exists() else "")


def medtail(
    folder: Path, *words: str, fault: str = "", seconds: float = 120, **environment: str
) -> Run:
    """Run ``medtail words`` in a folder to its end."""
    return ended(start(folder, *words, fault=fault, **environment), folder, seconds)


def tiny(folder: Path, text: str = TINY) -> str:
    """Write the tiny suite into a folder; its name for ``bench``."""
    (folder / "tiny.yaml").write_text(text)
    return "tiny.yaml"


def bench(folder: Path, *words: str, fault: str = "", seconds: float = 120, **more: str) -> Run:
    """``medtail bench`` of the tiny suite, inline unless ``words`` name a launcher."""
    if "--launcher" not in words:
        words = (*words, "--launcher", "inline")
    return medtail(folder, "bench", tiny(folder), *words, fault=fault, seconds=seconds, **more)


def results(folder: Path) -> dict[str, object]:
    """Of the boards below ``folder/runs``: each record but for its moment, and which pages exist.

    Predictions and networks are in it by their digests.
    """
    boards = folder / "runs" / "leaderboards"
    found: dict[str, object] = {"pages": sorted(p.name for p in boards.glob("*@*.md"))}
    for path in sorted(boards.glob("records/*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            for key in OF_THE_MOMENT:
                record.pop(key, None)
            for stage in record.get("stages", ()):
                del stage["shared"]  # whether another cell, or this one before, had trained it
            found[record["cell_id"]] = record
    return found


def alive(group: int) -> bool:
    """Whether a process of a group is there, some seconds after its first one has ended."""
    late = time.monotonic() + 15
    while time.monotonic() < late:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.2)
    return True


def signal_all(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal as a terminal does: to every process of the group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def text(path: Path) -> str:
    """Of a note, which may be gone by now."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
