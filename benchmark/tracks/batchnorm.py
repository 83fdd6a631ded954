"""BatchNorm over all processes on CPUs, where PyTorch's SyncBatchNorm is not available."""

from typing import Any

import torch
from lightning.pytorch.plugins import LayerSync
from torch import Tensor, distributed, nn


class _Sum(torch.autograd.Function):
    """The sum over processes; the gradient is summed over them, too."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:  # noqa: ANN401 - torch's own signature
        """Forward: the sum of every process's tensor."""
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401
        """Every process's output depends on every process's input."""
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


def synced_batch_norm(norm: nn.modules.batchnorm._BatchNorm, image: Tensor) -> Tensor:
    """Normalise by the mean and variance of the global batch, in two passes.

    Args:
        norm: gives the weights, the running statistics and the momentum.
        image: [B, C, ...] of this process.
    """
    dims = [d for d in range(image.ndim) if d != 1]
    shape = [1, -1] + [1] * (image.ndim - 2)
    values = image if image.dtype == torch.float64 else image.float()
    amount = values.new_tensor([values.numel() / values.shape[1]])
    total: Tensor = _Sum.apply(torch.cat([values.sum(dims), amount]))
    count = total[-1].detach()
    mean = total[:-1] / count
    centred = values - mean.view(shape)
    squares: Tensor = _Sum.apply(centred.square().sum(dims))
    var = squares / count
    if norm.running_mean is not None and norm.running_var is not None:
        step = norm.momentum if norm.momentum is not None else 0.1
        with torch.no_grad():
            norm.running_mean.lerp_(mean, step)
            norm.running_var.lerp_(var * count / (count - 1), step)
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.add_(1)
    scaled = centred * torch.rsqrt(var + norm.eps).view(shape)
    if norm.affine:
        scaled = scaled * norm.weight.view(shape) + norm.bias.view(shape)
    return scaled.to(image.dtype)


class SyncedBatchNorm1d(nn.BatchNorm1d):
    """BatchNorm1d over all processes while training."""

    def forward(self, input: Tensor) -> Tensor:
        """See ``synced_batch_norm``."""
        return synced_batch_norm(self, input) if self.training else super().forward(input)


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d over all processes while training."""

    def forward(self, input: Tensor) -> Tensor:
        """See ``synced_batch_norm``."""
        return synced_batch_norm(self, input) if self.training else super().forward(input)


SYNCED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: SyncedBatchNorm1d,
    nn.BatchNorm2d: SyncedBatchNorm2d,
}


class GlooBatchNorm(LayerSync):
    """Lightning's plug-in: BatchNorms count over all processes in ``fit``."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Switch in place, parameters untouched."""
        return self._switch(model, SYNCED)

    def revert(self, model: nn.Module) -> nn.Module:
        """Switch back in place."""
        return self._switch(model, {new: old for old, new in SYNCED.items()})

    @staticmethod
    def _switch(model: nn.Module, classes: dict[type[nn.Module], type[nn.Module]]) -> nn.Module:
        for module in model.modules():
            module.__class__ = classes.get(type(module), type(module))
        return model
