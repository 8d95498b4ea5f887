"""Pointwise MLPs over (B, C, n), with the published names of their layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PointwiseMlp", "normed_layers", "plain_layers"]


def normed_layers(n_in: int, n_out: int, dropout: float | None, *, bias: bool) -> list[nn.Module]:
    """Convolution, batch norm, ReLU and, where there is a rate, dropout."""
    layers = [nn.Conv1d(n_in, n_out, 1, bias=bias), nn.BatchNorm1d(n_out), nn.ReLU()]
    return layers if dropout is None else [*layers, nn.Dropout(dropout)]


def plain_layers(n_in: int, n_out: int) -> list[nn.Module]:
    """Convolution with bias, ReLU."""
    return [nn.Conv1d(n_in, n_out, 1), nn.ReLU()]


class PointwiseMlp(nn.Module):
    """Layers in a row under `layers`.

    Args:
        layers: The layers.
    """

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, n) to (B, C', n)."""
        out: Tensor = self.layers(x)
        return out
