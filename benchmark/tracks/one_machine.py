"""Processes that train one cell together meet on this machine's loopback, where nobody else comes.

PyTorch's own meeting place, a ``TCPStore`` by address, listens on every interface.
"""

import os
import socket
from contextlib import suppress

import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy
from torch.distributed import TCPStore  # type: ignore[attr-defined]

LOOPBACK = "127.0.0.1"
INTERFACES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")


def loopback_interface() -> str:
    """Its name on this machine: ``lo``, elsewhere ``lo0``; empty where it has another."""
    with suppress(OSError):
        return next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), "")
    return ""


def meeting(port: int, rank: int, world_size: int) -> TCPStore:
    """The store in which processes find each other; the first one serves it, on loopback alone."""
    if rank:
        return TCPStore(LOOPBACK, port, world_size)
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind((LOOPBACK, port))
    door.listen()
    # The store closes what it is handed.
    handed = door.detach()
    return TCPStore(LOOPBACK, port, world_size, is_master=True, master_listen_fd=handed)


class OneMachine(DDPStrategy):
    """DDP of processes on one machine."""

    def setup_distributed(self) -> None:
        """Form the group, which Lightning then finds there."""
        if name := loopback_interface():
            os.environ.update(dict.fromkeys(INTERFACES, name))
        self.set_world_ranks()
        assert self.cluster_environment is not None
        port = self.cluster_environment.main_port
        dist.init_process_group(
            self._get_process_group_backend(),
            store=meeting(port, self.global_rank, self.world_size),
            rank=self.global_rank,
            world_size=self.world_size,
            timeout=self._timeout,
            device_id=self.root_device if self.root_device.type != "cpu" else None,
        )
        super().setup_distributed()
