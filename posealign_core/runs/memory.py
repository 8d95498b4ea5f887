"""How much memory a stage took."""

from __future__ import annotations

import resource
import sys

__all__ = ["peak_memory_gib", "reset_peak_memory"]

_KIB_PER_GIB = 2**20


def reset_peak_memory() -> None:
    """Begin to measure anew, on a GPU; a process's own peak cannot be reset."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def peak_memory_gib() -> float:
    """The most that was held: on the GPU, where one is in use, else by the process so far."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return round(float(torch.cuda.max_memory_allocated()) / 2**30, 3)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_GIB, 3)
