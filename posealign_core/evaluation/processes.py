"""What torchrun tells the processes that it starts, and waiting for each other."""

from __future__ import annotations

import os
from datetime import timedelta

import torch.distributed as dist

from posealign_core.evaluation.parts import Shard

__all__ = ["own_shard", "wait_for_all"]

_PATIENCE = timedelta(hours=12)
"""The fastest process waits for the slowest; torchrun ends all when one fails."""


def own_shard() -> Shard:
    """The share of this process, which torchrun's environment names; all of it without torchrun."""
    rank, world_size = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE"))
    return Shard(int(rank or 0), int(world_size or 1))


def wait_for_all() -> None:
    """Return when every process of the run has come here; at once where there is one."""
    if own_shard().world_size == 1:
        return
    if not dist.is_initialized():
        dist.init_process_group("gloo", timeout=_PATIENCE)
    dist.barrier()
