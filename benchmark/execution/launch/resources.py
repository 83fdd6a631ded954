"""What Slurm is asked for: ``--slurm partition=gpu,time=2:00:00,gpus=1``, read and checked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from medtail.datamodules.core.errors import MedtailError, unknown

AS_THEY_ARE = frozenset(
    ["account", "constraint", "exclude", "gres", "nodelist", "partition", "qos", "reservation"]
)
WHOLE = ("cells", "cpus", "gpus", "requeues")
KEYS = (*AS_THEY_ARE, *WHOLE, "mem", "setup", "time")
UNITS = {"": 1.0, "g": 1.0, "gb": 1.0, "m": 1 / 1024, "mb": 1 / 1024, "t": 1024.0, "tb": 1024.0}


@dataclass(frozen=True)
class Resources:
    """Of each Slurm job.

    Attributes:
        time: minutes after which it goes to the queue again, and on from its checkpoint.
        gpus: on its node.
        cpus: 0 for one for each process that trains.
        mem: GB; 0 for the partition's own limit.
        cells: side by side in one job; 0 for one, or as many as its GPUs hold.
        requeues: how often it may run out of time.
        setup: lines of shell before it starts.
        given: options of ``sbatch`` that are passed on as they are.
    """

    time: int = 60
    gpus: int = 0
    cpus: int = 0
    mem: float = 0.0
    cells: int = 0
    requeues: int = 10
    setup: tuple[str, ...] = ()
    given: dict[str, str] = field(default_factory=dict)

    def bundle(self, devices: int, cells_per_gpu: int) -> int:
        """How many cells a job has side by side.

        Args:
            devices: of one cell.
            cells_per_gpu: small cells that share a GPU.

        Raises:
            MedtailError: a cell has fewer GPUs than it asks for.
        """
        if self.gpus and self.gpus < devices:
            raise MedtailError(f"--devices {devices}: write --slurm gpus={devices}, or more")
        share = cells_per_gpu if devices == 1 else 1
        return self.cells or max(1, self.gpus // devices * share)


def read(words: Sequence[str]) -> Resources:
    """Of ``KEY=VALUE`` words, several in one where commas stand between; later ones count.

    Raises:
        MedtailError: a word is none of these, or its value is none.
    """
    found: dict[str, Any] = {}
    given: dict[str, str] = {}
    for word in (part for text in words for part in _parts(text)):
        key, equals, value = word.partition("=")
        key = key.strip()
        if not equals or not value.strip():
            raise MedtailError(f"--slurm {word}: write KEY=VALUE, such as time=60")
        if key not in KEYS:
            raise MedtailError(str(unknown("key of --slurm", key, KEYS)).partition(" (med")[0])
        if key == "setup":
            found["setup"] = (*found.get("setup", ()), value)
        elif key in AS_THEY_ARE:
            given[key] = value.strip()
        else:
            found[key] = _value(key, value.strip())
    return Resources(**found, given=given)


def _parts(text: str) -> list[str]:
    """Commas part words only where a key follows: lists of nodes have commas of their own."""
    return [text] if text.startswith("setup=") else re.split(r",(?=\s*[a-z_]+=)", text)


def _value(key: str, text: str) -> float | int:
    if key == "time":
        return _minutes(text)
    if key == "mem":
        parts = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.lower())
        if parts is None or parts[2] not in UNITS or not float(parts[1]):
            raise MedtailError(f"--slurm mem={text}: write GB, such as mem=16, or mem=800M")
        return float(parts[1]) * UNITS[parts[2]]
    if not text.isdecimal():
        raise MedtailError(f"--slurm {key}={text}: write a whole number")
    return int(text)


def _minutes(text: str) -> int:
    """Of ``90``, ``1:30:00`` or ``1-12``, as Slurm reads them; parts of a minute are one."""
    days, dash, clock = text.rpartition("-")
    numbers = clock.split(":")
    if not all(n.isdecimal() for n in (*numbers, days or "0")) or len(numbers) > 3:
        raise MedtailError(f"--slurm time={text}: write minutes, H:MM:SS or D-HH:MM:SS")
    values = [*map(int, numbers), 0, 0]
    hours_first = dash or len(numbers) == 3  # else it is minutes:seconds
    hours, minutes, seconds = values[:3] if hours_first else (0, *values[:2])
    total = int(days or 0) * 1440 + hours * 60 + minutes + (seconds > 0)
    if not total:
        raise MedtailError(f"--slurm time={text}: a job needs a minute at least")
    return total
