"""Of ``gpu_check``: results on disk, a watch over the GPU, processes that end by the clock."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

Command = list[str]
Ended = dict[str, Any]
SMI = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]


def driver() -> str:
    """The driver's version; empty without one."""
    with suppress(Exception):
        words = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[0]
    return ""


class Log:
    """``gpu.json``, whole on disk after every change.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, dict[str, Any]] = {}
        self.lock = threading.Lock()

    def put(self, part: str, **values: object) -> None:
        """Set values of a part."""
        with self.lock:
            self.values.setdefault(part, {}).update(values)
            text = json.dumps(self.values, indent=1)
            aside = self.path.with_suffix(".part")
            aside.write_text(text + "\n")
            aside.replace(self.path)


class Watch(threading.Thread):
    """Notes the GPU's busy share and memory every fifth of a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[float, float, float]] = []

    def run(self) -> None:
        """Sample until the process ends, or until nothing can be read."""
        try:
            read = self._library()
        except Exception:  # no such package, or no driver
            read = self._command
        with suppress(Exception):
            while True:
                busy, memory = read()
                self.samples.append((time.time(), busy, memory))
                time.sleep(0.2)

    @staticmethod
    def _library() -> Callable[[], tuple[float, float]]:
        import pynvml

        pynvml.nvmlInit()
        gpu = pynvml.nvmlDeviceGetHandleByIndex(0)

        def read() -> tuple[float, float]:
            used = pynvml.nvmlDeviceGetMemoryInfo(gpu).used
            return pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu, used / 2**20

        read()
        return read

    @staticmethod
    def _command() -> tuple[float, float]:
        done = subprocess.run(SMI, capture_output=True, text=True, check=True)
        busy, memory = done.stdout.splitlines()[0].split(",")
        return float(busy), float(memory)

    def between(self, start: float, end: float | None = None) -> dict[str, Any]:
        """Mean busy share (percent) and largest memory (MiB) of a span; empty without samples."""
        inside = [s for s in self.samples if start <= s[0] <= (end or time.time())]
        if not inside:
            return {}
        busy = sum(s[1] for s in inside) / len(inside)
        return {"busy_percent": round(busy, 1), "gpu_mib": round(max(s[2] for s in inside))}


def _stop(process: subprocess.Popen[str]) -> None:
    """End a process that we started, and those that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def follow(
    commands: Mapping[str, Command],
    until: float,
    hear: Callable[[str, str], object],
    errors: Path,
    background: bool = False,
) -> dict[str, Ended]:
    """Run commands side by side and hear every line they print, until all end or time is up.

    Args:
        commands: by name.
        until: seconds since the epoch, after which they are killed.
        hear: called with the name and a line; what it raises is noted, and the line is lost.
        errors: file to which their standard errors are appended.
        background: return at once; ``stop`` of each end kills it.

    Returns:
        Exit status, seconds, and whether the clock ended it, by name.
    """
    lines: queue.Queue[tuple[str, str | None]] = queue.Queue()
    started, ends = time.time(), dict[str, Ended]()
    processes: dict[str, subprocess.Popen[str]] = {}
    with errors.open("a") as sink:
        for name, command in commands.items():
            processes[name] = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=sink, text=True, start_new_session=True
            )

    def say(name: str, line: str) -> None:
        try:
            hear(name, line)
        except Exception as error:
            with errors.open("a") as sink:
                sink.write(f"{name}: {line.rstrip()}: {error}\n")

    def listen(name: str) -> None:
        for line in processes[name].stdout or ():
            (say if background else lambda *words: lines.put(words))(name, line)
        lines.put((name, None))

    for name in processes:
        threading.Thread(target=listen, args=(name,), daemon=True).start()
    if background:
        return {name: {"stop": lambda p=process: _stop(p)} for name, process in processes.items()}
    try:
        while len(ends) < len(processes) and (left := until - time.time()) > 0:
            with suppress(queue.Empty):
                name, line = lines.get(timeout=left)
                if line is not None:
                    say(name, line)
                else:
                    ends[name] = _end(processes[name].wait(), started, False)
    finally:  # also where this process is told to end: they are sessions of their own
        for name, process in processes.items():
            if name not in ends:
                _stop(process)
                ends[name] = _end(process.wait(), started, True)
    while not lines.empty():
        name, line = lines.get()
        if line is not None:
            say(name, line)
    return ends


def _end(status: int, started: float, by_clock: bool) -> Ended:
    return {"status": status, "seconds": round(time.time() - started, 1), "by_clock": by_clock}
