"""Signals that end a run: each is as Ctrl-C, with an exit status of its own."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

# Of a terminal, of a batch system or a shutdown, of a closed terminal.
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedError(KeyboardInterrupt):
    """As Ctrl-C; Python itself ends by SIGINT, whatever the exit status, after a plain one."""


@dataclass
class Ending:
    """Which signal came.

    Attributes:
        signal: 0 where none did.
    """

    signal: int = 0

    @property
    def status(self) -> int:
        """The exit status that shells give to it: 130, 143 or 129."""
        return 128 + (self.signal or signal.SIGINT)


def _heard() -> dict[int, object]:
    """Handlers of the signals that are not ignored; none outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in ENDS}
    return {number: handler for number, handler in found.items() if handler != signal.SIG_IGN}


@contextmanager
def noticed() -> Iterator[Ending]:
    """Within, these signals are a ``KeyboardInterrupt``; those that are ignored stay so."""
    ending, before = Ending(), _heard()

    def end(number: int, frame: FrameType | None) -> None:
        ending.signal = ending.signal or number
        raise EndedError

    for number in before:
        signal.signal(number, end)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within, these signals wait: what is being written, or ended, is not left half-way."""
    came: list[int] = []
    before = _heard()
    for number in before:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        for number in came[:1]:
            signal.raise_signal(number)


@contextmanager
def in_one_line() -> Iterator[None]:
    """Within, a signal that nobody answers ends the process with a line and its exit status.

    After an end by a signal no further one is heard: it would only disturb Python's own end.
    """
    try:
        with noticed() as ending:
            try:
                yield
            except BaseException as error:  # a library may make something else of it
                if not ending.signal or (isinstance(error, SystemExit) and _answered(error)):
                    raise
                _ignore()
                sys.stderr.write("medtail: interrupted\n")
                sys.exit(ending.status)
    except SystemExit as error:
        if error.code in [128 + number for number in ENDS]:
            _ignore()
        raise


def _ignore() -> None:
    for number in _heard():
        signal.signal(number, signal.SIG_IGN)


def _answered(error: SystemExit) -> bool:
    """Whether a command ended so by itself; typer makes an exit of an interrupt, too."""
    return not isinstance(getattr(error.__context__, "__cause__", None), KeyboardInterrupt)
