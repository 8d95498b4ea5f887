from __future__ import annotations

import pytest
from scoring_toys import answer, query, score

from posealign_core.errors import ConfigError
from posealign_core.evaluation.protocols import find_protocol, protocol_names
from posealign_core.vocabulary import TaskKind


@pytest.mark.parametrize(
    ("benchmark", "kind", "names"),
    [
        ("scanqa", TaskKind.ANSWER, "strict official 3d-llava chat-scene ll3da video3dllm"),
        ("sqa3d", TaskKind.ANSWER, "strict official 3d-llava chat-scene video3dllm"),
        ("scanrefer", TaskKind.GROUND, "strict official 3d-llava chat-scene"),
        ("multi3drefer", TaskKind.GROUND, "strict official 3d-llava chat-scene"),
        ("nr3d", TaskKind.SELECT, "strict official chat-scene"),
        (
            "nr3d_caption",
            TaskKind.CAPTION,
            "strict official 3d-llava chat-scene ll3da video3dllm",
        ),
        ("scan2cap", TaskKind.CAPTION, "strict official 3d-llava chat-scene ll3da video3dllm"),
        ("mine", TaskKind.CAPTION, "strict"),
        ("mine", TaskKind.GROUND, "strict"),
    ],
)
def test_protocols_of_benchmarks(benchmark: str, kind: TaskKind, names: str) -> None:
    assert protocol_names(benchmark, kind) == names.split()
    for name in names.split():
        assert find_protocol(benchmark, kind, name).name == name


def test_other_protocols_are_refused() -> None:
    with pytest.raises(ConfigError, match="one of strict, official, chat-scene for 'nr3d'"):
        find_protocol("nr3d", TaskKind.SELECT, "ll3da")


def test_captions_of_other_benchmarks_have_no_metric() -> None:
    result = score([query("mine", "a", TaskKind.CAPTION)], [answer("a", "a chair")], "strict")
    assert (result.scores, result.n_predicted) == ({}, 1)
