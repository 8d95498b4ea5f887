"""What the plugin registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import JudgeSpec, Requirement

if TYPE_CHECKING:
    from posealign_core.registry import Registrar

SPEC = JudgeSpec(
    name="openai",
    summary="a model behind any OpenAI-compatible server: vLLM, transformers serve, the API",
    factory="posealign_judge_openai.engine:OpenAIJudge",
    requires=(Requirement(module="openai", install="pip install 'posealign[openai]'"),),
)


@hookimpl
def posealign_register_judges(register: Registrar[JudgeSpec]) -> None:
    """Announce the engine."""
    register(SPEC)
