"""How many cells a machine runs side by side."""

import torch

from medtail.datamodules.core.loading.machine import cores

__all__ = ["cells_per_gpu", "cores"]
RESERVE_MIB = 800  # of a GPU for each process: CUDA's own context and cuDNN's plans
MARGIN = 2.0  # over one measured step: second views, auxiliary networks, the allocator's holes


def cells_per_gpu(step_mib: float) -> int:
    """As many as a GPU's free memory holds, and no more than it has cores; 1 without a GPU.

    Args:
        step_mib: GPU memory of one measured training step, MiB.
    """
    if not torch.cuda.is_available():
        return 1
    free = torch.cuda.mem_get_info()[0] / 2**20
    room = int(free / (RESERVE_MIB + MARGIN * step_mib))
    return max(1, min(room, cores() // torch.cuda.device_count()))
