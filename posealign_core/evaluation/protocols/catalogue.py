"""Which protocols a benchmark has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.errors import ConfigError
from posealign_core.evaluation.protocols.answers import (
    ANSWER_PROTOCOLS,
    SCANQA_PROTOCOLS,
    SQA3D_PROTOCOLS,
)
from posealign_core.evaluation.protocols.captions import CAPTION_PROTOCOLS, SCAN2CAP_PROTOCOLS
from posealign_core.evaluation.protocols.grounding import (
    GROUNDING_PROTOCOLS,
    MULTI3DREFER_PROTOCOLS,
    SCANREFER_PROTOCOLS,
)
from posealign_core.evaluation.protocols.selection import (
    REFERIT3D_PROTOCOLS,
    SELECTION_PROTOCOLS,
)
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posealign_core.evaluation.protocols.protocol import Protocol

__all__ = ["find_protocol", "protocol_names"]

_BY_BENCHMARK: Mapping[str, tuple[Protocol, ...]] = {
    "multi3drefer": MULTI3DREFER_PROTOCOLS,
    "nr3d": REFERIT3D_PROTOCOLS,
    "nr3d_caption": SCAN2CAP_PROTOCOLS,
    "scan2cap": SCAN2CAP_PROTOCOLS,
    "scanqa": SCANQA_PROTOCOLS,
    "scanrefer": SCANREFER_PROTOCOLS,
    "sqa3d": SQA3D_PROTOCOLS,
    "sr3d": REFERIT3D_PROTOCOLS,
}
_BY_KIND: Mapping[TaskKind, tuple[Protocol, ...]] = {
    TaskKind.ANSWER: ANSWER_PROTOCOLS,
    TaskKind.CAPTION: CAPTION_PROTOCOLS,
    TaskKind.GROUND: GROUNDING_PROTOCOLS,
    TaskKind.SELECT: SELECTION_PROTOCOLS,
}


def protocol_names(benchmark: str, kind: TaskKind) -> list[str]:
    """Names of the protocols that a benchmark can be scored by, `strict` first."""
    return [protocol.name for protocol in _protocols(benchmark, kind)]


def find_protocol(benchmark: str, kind: TaskKind, name: str) -> Protocol:
    """A protocol by its name.

    Raises:
        ConfigError: The benchmark has none of that name.
    """
    for protocol in _protocols(benchmark, kind):
        if protocol.name == name:
            return protocol
    known = ", ".join(protocol_names(benchmark, kind))
    fault = f"wanted one of {known} for {benchmark!r}, found {name!r}"
    raise ConfigError([fault], source="protocol")


def _protocols(benchmark: str, kind: TaskKind) -> tuple[Protocol, ...]:
    return _BY_BENCHMARK.get(benchmark, _BY_KIND[kind])
