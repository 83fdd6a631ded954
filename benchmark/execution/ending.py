"""Signals that end a run: each is as Ctrl-C, with an exit status of its own."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGHUP)  # of a batch system or a shutdown, of a closed terminal


@dataclass
class Ending:
    """Which signal came.

    Attributes:
        signal: SIGINT where it was Ctrl-C.
    """

    signal: int = signal.SIGINT

    @property
    def status(self) -> int:
        """The exit status that shells give to it: 130, 143 or 129."""
        return 128 + self.signal


@contextmanager
def noticed() -> Iterator[Ending]:
    """Within, these signals are a ``KeyboardInterrupt``; those that are ignored stay so."""
    ending = Ending()

    def end(number: int, frame: FrameType | None) -> None:
        ending.signal = number
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {number: signal.getsignal(number) for number in ENDS}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, end)
    try:
        yield ending
    finally:
        for number in heard:
            signal.signal(number, before[number])
