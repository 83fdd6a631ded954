"""The precision of the weights, where autocast would round to bfloat16."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def without_autocast(function: Callable[P, R]) -> Callable[P, R]:
    """The function with autocast switched off inside."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # The device's type is not known here; a device that is not there is left alone.
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            return function(*args, **kwargs)

    return run


def exact(value: Tensor) -> Tensor:
    """In float32, or in float64 if it is: 8 bits would tie logits and lose margins."""
    return value if value.dtype == torch.float64 else value.float()
