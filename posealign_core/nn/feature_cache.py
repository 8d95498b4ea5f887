"""What a frozen network computed, kept for the next questions about the same input."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

__all__ = ["FeatureCache"]

T = TypeVar("T")


class FeatureCache(Generic[T]):
    """Computes the features of each distinct input once, until the network's weights change.

    Args:
        budget_bytes: Memory for features that are kept, those used last; one input's always are.
    """

    def __init__(self, budget_bytes: int = 2**29) -> None:
        self._budget_bytes = budget_bytes
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._n_bytes = 0
        self._made_with: object = None

    def get(
        self, network: nn.Module, digests: Sequence[str], compute: Callable[[list[int]], list[T]]
    ) -> list[T]:
        """Features of inputs, in their order.

        Args:
            network: What computes them.
            digests: Names of the contents of the inputs.
            compute: Computes the features of the inputs at some places of `digests`.
        """
        self._forget_if_changed(network)
        first = {digest: place for place, digest in reversed([*enumerate(digests)])}
        lacking = sorted(place for digest, place in first.items() if digest not in self._kept)
        computed = compute(lacking) if lacking else []
        for place, features in zip(lacking, computed, strict=True):
            self._keep(digests[place], features)
        found = []
        for digest in digests:
            self._kept.move_to_end(digest)
            found.append(self._kept[digest])
        self._drop_oldest()
        return found

    def put(self, network: nn.Module, digest: str, features: T) -> None:
        """Keep features that came about otherwise."""
        self._forget_if_changed(network)
        self._keep(digest, features)
        self._drop_oldest()

    def _keep(self, digest: str, features: T) -> None:
        if digest in self._kept:
            self._n_bytes -= _n_bytes(self._kept.pop(digest))
        self._kept[digest] = features
        self._n_bytes += _n_bytes(features)

    def _forget_if_changed(self, network: nn.Module) -> None:
        weights = _weights_version(network)
        if weights != self._made_with:
            self._kept.clear()
            self._n_bytes = 0
            self._made_with = weights

    def _drop_oldest(self) -> None:
        while self._n_bytes > self._budget_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._n_bytes -= _n_bytes(oldest)

    def __deepcopy__(self, memo: object) -> FeatureCache[T]:
        """A copy of a model starts without what the original kept."""
        return FeatureCache(self._budget_bytes)


def _n_bytes(value: object) -> int:
    """Memory of the tensors in a tensor, a sequence or a data class."""
    if isinstance(value, torch.Tensor):
        return value.nbytes
    if isinstance(value, list | tuple):
        return sum(_n_bytes(part) for part in value)
    if is_dataclass(value):
        return sum(_n_bytes(getattr(value, field.name)) for field in fields(value))
    return 0


def _weights_version(network: nn.Module) -> object:
    """Something that changes when weights do: where they are, and how often they were written."""
    tensors = [*network.parameters(), *network.buffers()]
    return tuple((tensor.data_ptr(), tensor._version, tensor.dtype) for tensor in tensors)
