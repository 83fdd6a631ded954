"""How a GPU computes in float32: as it says, not in TF32."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def without_tf32() -> None:
    """Leave TF32 off in this process: its products have 10 bits behind the point, float32 has 23.

    PyTorch has it on in cuDNN's convolutions, whatever precision is asked for; of matrices it is
    off. Of mixed precision it would be the part that is to be exact: who wants it fast has
    bfloat16.
    """
    torch.backends.cudnn.allow_tf32 = False


@contextmanager
def exact_float32() -> Iterator[None]:
    """Within, TF32 is off; afterwards as it was."""
    try:
        before = torch.backends.cudnn.allow_tf32
    except RuntimeError:  # set by PyTorch's newer switches, one by one, which only they read
        yield
        return
    without_tf32()
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
