"""Tensors of all processes on every process, with gradients."""

from typing import Any

import torch
from torch import Tensor, distributed


class _Gather(torch.autograd.Function):
    """Every process's rows; the gradient is summed over the processes that used them."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:  # noqa: ANN401 - torch's own signature
        """Rows [B_r, ...] of this process -> rows of all, in the order of ranks."""
        size = torch.tensor([len(value)], device=value.device)
        sizes = [torch.empty_like(size) for _ in range(distributed.get_world_size())]
        distributed.all_gather(sizes, size)
        amounts = [int(amount) for amount in sizes]
        # Gathered tensors must be of one shape: the shorter ones are filled up and cut again.
        padded = value.new_zeros(max(amounts), *value.shape[1:])
        padded[: len(value)] = value
        parts = [torch.empty_like(padded) for _ in amounts]
        distributed.all_gather(parts, padded)
        rank = distributed.get_rank()
        ctx.start, ctx.amount = sum(amounts[:rank]), len(value)
        return torch.cat([part[:n] for part, n in zip(parts, amounts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401
        """Every process's loss depends on every process's rows."""
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return total[ctx.start : ctx.start + ctx.amount]


def gathered(value: Tensor) -> Tensor:
    """Rows [B_r, ...] of each process as [sum of B_r, ...] on all; itself where there is one.

    A loss of gathered tensors is the loss of the global batch, the same on every process. DDP takes
    the mean of the processes' gradients, which then is the gradient of one process with the whole
    batch.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    if distributed.get_world_size() == 1:
        return value
    rows: Tensor = _Gather.apply(value)
    return rows
