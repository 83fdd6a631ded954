"""How much memory a cell takes: of a GPU in all of its processes, of a CPU in this one."""

import atexit
import ctypes
import gc
import resource
import sys
from contextlib import suppress
from functools import cache

import torch

_elsewhere: list[float] = []  # MiB of a GPU, in other processes


@cache
def _leave_out_what_is_there() -> None:
    """Look for garbage among what cells make alone: all of torch takes 0.3 s to look through."""
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # or what is left at the end is taken for leaked


def begin() -> None:
    """A cell begins: what a GPU had before does not count."""
    _leave_out_what_is_there()
    _elsewhere.clear()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def of_gpu() -> float:
    """The most that this process had allocated at a time, MiB; 0 without a GPU."""
    return torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0


def note(mib: float) -> None:
    """What another process had of its GPU, which trained for this one."""
    _elsewhere.append(mib)


def peak() -> float:
    """MiB: the most that one process of the cell had of its GPU; else this one's largest ever."""
    if torch.cuda.is_available():
        return max(of_gpu(), *_elsewhere, 0.0)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return resident / 2**20 if sys.platform == "darwin" else resident / 2**10


def give_back() -> None:
    """Return freed memory to the system, so that a worker does not grow by the cell."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
