"""Named, versioned rules of scoring: what the benchmarks and the code bases each count."""

from __future__ import annotations

from posealign_core.evaluation.protocols.catalogue import find_protocol, protocol_names
from posealign_core.evaluation.protocols.protocol import Item, Material, Protocol, Scores

__all__ = ["Item", "Material", "Protocol", "Scores", "find_protocol", "protocol_names"]
