"""The configured engine is handed to a backbone for the time of a prediction, and taken back."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from posealign_core.config.convert import Converter
from posealign_core.config.schema import EngineConfig, EvaluateConfig
from posealign_core.errors import BackboneError
from posealign_core.hookspecs import hookimpl
from posealign_core.host import build_host
from posealign_core.language.engine import GenerationEngine
from posealign_core.runs.materials import Materials
from posealign_core.specs import EngineSpec


class Recorder(GenerationEngine):
    def __init__(self, *, log: list[str]) -> None:
        self.log = log

    def open(self, weights) -> None:
        self.log.append(f"open {sorted(path.name for path in weights.iterdir())}")

    def generate(self, prompts, options, eos_token_id):
        return []

    def close(self) -> None:
        self.log.append("close")


class Recording:
    @staticmethod
    @hookimpl
    def posealign_register_engines(register) -> None:
        register(EngineSpec(name="recorder", summary="s", factory=f"{__name__}:Recorder"))


def materials_of(engine: EngineConfig | None) -> Materials:
    host = build_host(plugins=[Recording], entry_points=False, strict=True)
    config = SimpleNamespace(
        evaluate=SimpleNamespace(engine=engine), backbone=SimpleNamespace(name="mine")
    )
    return Materials(host, SimpleNamespace(config=config))


def backbone_of(lm: LlamaForCausalLM | None) -> SimpleNamespace:
    return SimpleNamespace(engine=None, language_model=lm)


@pytest.fixture
def recorder(monkeypatch) -> EngineConfig:
    monkeypatch.setitem(sys.modules, __name__, SimpleNamespace(Recorder=Recorder))
    return EngineConfig(name="recorder", parameters={"log": []})


def tiny_lm() -> LlamaForCausalLM:
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=8, num_hidden_layers=1, **sizes))


def test_open_while_predicting_and_closed_after_a_fault(recorder):
    backbone = backbone_of(tiny_lm())
    log = recorder.parameters["log"]

    def predict() -> None:
        with materials_of(recorder).engine(backbone):
            assert isinstance(backbone.engine, GenerationEngine)
            assert log == ["open ['config.json', 'generation_config.json', 'model.safetensors']"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        predict()
    assert backbone.engine is None
    assert log[1:] == ["close"]


def test_without_engine_and_without_language_model(recorder):
    backbone = backbone_of(None)
    with materials_of(None).engine(backbone):
        assert backbone.engine is None
    with (
        pytest.raises(BackboneError, match="generates by itself alone"),
        materials_of(recorder).engine(backbone),
    ):
        pass


def test_how_it_is_written():
    built = Converter().build(EvaluateConfig, {"engine": "vllm"}, source="test")
    assert built.engine == EngineConfig(name="vllm")
    given = {"engine": {"name": "vllm", "python": "p"}}
    built = Converter().build(EvaluateConfig, given, source="test")
    assert built.engine == EngineConfig(name="vllm", parameters={"python": "p"})
