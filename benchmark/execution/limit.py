"""A cell that hangs has an end: its time limit, which is no term of it.

A thread watches over the cell. At the limit it interrupts the main thread, which fails the cell
and ends its ranks; a main thread that does not answer, within C, is ended with its process.
"""

import faulthandler
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from medtail.datamodules.core.errors import MedtailError

from .job import Job

FLOOR = 3600.0  # seconds below which no cell is ended that was given no limit
GENEROUS = 20  # times its estimate, which may be of an unknown machine
UNKNOWN = 24 * FLOOR  # where no estimate can be had
PATIENCE = 600.0  # of the estimate itself
GRACE = 30.0  # to answer
INTERRUPT = signal.SIGVTALRM  # a signal that nothing else makes use of
ESTIMATE = """
import pickle, sys
from medtail.benchmark.execution.estimate import estimate
print(sum(estimate([pickle.load(sys.stdin.buffer)]).values()))
"""


class TimeLimitError(MedtailError):
    """A cell ran longer than it may."""


def reason(seconds: float) -> str:
    """What the record of a cell says that was ended."""
    return f"ran longer than its limit of {in_words(seconds)}: raise time_limit, or mend what hangs"


def in_words(seconds: float) -> str:
    """Such as ``90 s``, ``1.5 min`` or ``2 h``."""
    units = ((3600, "h"), (60, "min"))
    size, unit = next(((size, unit) for size, unit in units if seconds >= size), (1, "s"))
    return f"{seconds / size:.3g} {unit}"


class Watch(threading.Thread):
    """Ends a job at its limit.

    Args:
        job: that begins now.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(daemon=True, name="time limit")
        self.job, self.over, self.lock = job, threading.Event(), threading.Lock()
        self.limit = job.limit or FLOOR
        self.began = time.monotonic()

    def run(self) -> None:
        """Wait for the end of the cell, or of its time."""
        if self._ends_within(self.limit):
            return
        if not self.job.limit:
            self.limit = self.generous()
            if self._ends_within(self.limit):
                return
        with self.lock:
            if self.over.is_set():
                return
            signal.pthread_kill(threading.main_thread().ident or 0, INTERRUPT)
        if not self.over.wait(min(GRACE, self.limit)):
            self._end_the_process()

    def _ends_within(self, seconds: float) -> bool:
        return self.over.wait(max(0.0, self.began + seconds - time.monotonic()))

    def generous(self) -> float:
        """By an estimate in a process of its own: it draws numbers, and may hang itself."""
        hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        asked = [sys.executable, "-c", ESTIMATE]
        quiet = subprocess.DEVNULL
        given = subprocess.PIPE
        with subprocess.Popen(asked, stdin=given, stdout=given, stderr=quiet, env=hidden) as made:
            assert made.stdin is not None
            assert made.stdout is not None
            made.stdin.write(pickle.dumps(self.job.cell))
            made.stdin.close()
            late = time.monotonic() + PATIENCE
            while made.poll() is None and time.monotonic() < late and not self.over.wait(0.2):
                pass
            made.kill()
            words = made.stdout.read().split()
        return max(FLOOR, GENEROUS * float(words[-1])) if words else UNKNOWN

    def _end_the_process(self) -> None:
        text = reason(self.limit)
        try:
            self.job.over.parent.mkdir(parents=True, exist_ok=True)
            with self.job.over.open("w", encoding="utf-8") as file:
                file.write(f"{text}\n")
                file.flush()
                faulthandler.dump_traceback(file)
        finally:
            sys.stderr.write(
                f"medtail: {self.job.cell}: {text}; nothing ends it but the end of this process: "
                "--launcher processes runs the rest\n"
            )
            sys.stderr.flush()
            os._exit(1)

    def end(self) -> None:
        """The cell is over."""
        with self.lock:
            self.over.set()


@contextmanager
def limited(job: Job) -> Iterator[None]:
    """Within, a ``TimeLimitError`` comes when the job's time is over; in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watch = Watch(job)

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeLimitError(reason(watch.limit))

    before = signal.signal(INTERRUPT, end)
    watch.start()
    try:
        yield
    finally:
        watch.end()
        signal.signal(INTERRUPT, before)


def ended(job: Job) -> tuple[TimeLimitError, str] | None:
    """Why a process is gone that was ended at its limit, and where it hung; None of others."""
    try:
        text, _, trace = job.over.read_text(encoding="utf-8").partition("\n")
    except FileNotFoundError:
        return None
    job.over.unlink()
    return TimeLimitError(text), trace
