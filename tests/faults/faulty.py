"""Faulty: cross-entropy, and a fault at the second epoch of training.

Paper: none; it is here to fail.
Deviations: none.
Status: faithful.
"""

import ctypes
import os
import signal
import sys
import time

import torch
from torch.nn import functional as F

from medtail.methods.core.base import Method

FOREVER = 1e6


def hang_in_c():
    """Within C, where no signal is answered: a lock that is taken twice."""
    lock = ctypes.create_string_buffer(64)
    for _ in range(2):
        ctypes.CDLL(None).pthread_mutex_lock(lock)


def raise_error():
    raise RuntimeError(f"rank {rank()} gives up")


def rank():
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_rank() if several else 0


FAULTS = {
    "none": lambda: None,
    "raise": raise_error,
    "hang": lambda: time.sleep(FOREVER),
    "hang_in_c": hang_in_c,
    "exit": lambda: sys.exit(0),
    "exit_at_once": lambda: os._exit(3),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


class Faulty(Method):
    """Cross-entropy with a fault.

    Args:
        spec: the data.
        fault: one of ``FAULTS``, or ``nan``.
        where: rank of the process that has it.
        common: see ``Method``.
    """

    paper = "none"

    def __init__(self, spec, *, fault: str = "none", where: int = 0, **common):
        super().__init__(spec, **common)
        self.fault, self.where = fault, where

    def loss(self, batch):
        """Mean loss of a training batch."""
        # The estimate of a cell's time calls this, too, and preflight: with a Trainer that is new.
        trains = self._trainer is not None and self.training and self.current_epoch >= 1
        loss = F.cross_entropy(self(batch.image), batch.target)
        if trains and rank() == self.where:
            if self.fault == "nan":
                return loss * float("nan")
            FAULTS[self.fault]()
        return loss
