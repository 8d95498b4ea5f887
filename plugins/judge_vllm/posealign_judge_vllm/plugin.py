"""What the plugin registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import JudgeSpec, Requirement

if TYPE_CHECKING:
    from posealign_core.registry import Registrar

SPEC = JudgeSpec(
    name="vllm",
    summary="a model in this process through vLLM, many answers at once",
    factory="posealign_judge_vllm.engine:VllmJudge",
    requires=(Requirement(module="vllm", install="pip install 'posealign[judge]'"),),
)


@hookimpl
def posealign_register_judges(register: Registrar[JudgeSpec]) -> None:
    """Announce the engine."""
    register(SPEC)
