"""What the plugin registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import EngineSpec

if TYPE_CHECKING:
    from posealign_core.registry import Registrar

SPEC = EngineSpec(  # vLLM itself may live in another environment: the engine looks for it
    name="vllm",
    summary="vLLM, fed with prompt embeddings",
    factory="posealign_vllm_engine.engine:VllmEngine",
)


@hookimpl
def posealign_register_engines(register: Registrar[EngineSpec]) -> None:
    """Announce the engine."""
    register(SPEC)
