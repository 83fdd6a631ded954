"""BatchNorm over all processes on CPUs, where PyTorch's SyncBatchNorm is not available."""

import torch
from lightning.pytorch.plugins import LayerSync
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce


class _Synced:
    """Mixed into a BatchNorm: batch statistics of the global batch, in two passes, differentiable."""

    def forward(self: nn.modules.batchnorm._BatchNorm, image: Tensor) -> Tensor:  # type: ignore[misc]
        if not self.training or not distributed.is_initialized():
            return super().forward(image)  # type: ignore[safe-super]
        dims = [d for d in range(image.ndim) if d != 1]
        shape = [1, -1] + [1] * (image.ndim - 2)
        values = image.float()
        amount = torch.tensor([values.numel() / values.shape[1]])
        total = all_reduce(torch.cat([values.sum(dims), amount]))
        count = total[-1].detach()
        mean = total[:-1] / count
        centred = values - mean.view(shape)
        var = all_reduce(centred.square().sum(dims)) / count
        if (
            self.track_running_stats
            and self.running_mean is not None
            and self.running_var is not None
        ):
            with torch.no_grad():
                step = self.momentum if self.momentum is not None else 0.1
                self.running_mean.lerp_(mean, step)
                self.running_var.lerp_(var * count / (count - 1), step)
                if self.num_batches_tracked is not None:
                    self.num_batches_tracked.add_(1)
        scaled = centred * torch.rsqrt(var + self.eps).view(shape)
        if self.affine:
            scaled = scaled * self.weight.view(shape) + self.bias.view(shape)
        return scaled.to(image.dtype)


class SyncedBatchNorm1d(_Synced, nn.BatchNorm1d):
    """BatchNorm1d over all processes."""


class SyncedBatchNorm2d(_Synced, nn.BatchNorm2d):
    """BatchNorm2d over all processes."""


SYNCED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: SyncedBatchNorm1d,
    nn.BatchNorm2d: SyncedBatchNorm2d,
}


class GlooBatchNorm(LayerSync):
    """Lightning's plug-in: BatchNorms count over all processes while training, and are plain again afterwards."""

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
