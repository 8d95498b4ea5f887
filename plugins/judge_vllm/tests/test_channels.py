from __future__ import annotations

import pytest

from posealign_judge_vllm.channels import split_channels

ANALYSIS = "<|channel|>analysis<|message|>They agree.<|end|>"


@pytest.mark.parametrize(
    ("text", "final", "analysis"),
    [
        (
            ANALYSIS + "<|start|>assistant<|channel|>final<|message|>A<|return|>",
            "A",
            "They agree.",
        ),
        ("<|channel|>final<|message|> B \n", "B", ""),
        (ANALYSIS, "", "They agree."),
        ("<|channel|>analysis<|message|>They agr", "", "They agr"),
        (
            "<|channel|>final<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>B",
            "B",
            "",
        ),
        ("<|channel|>final json<|message|>A", "A", ""),
        ("<|channel|>fin<|message|>A<|end|>", "", ""),
        ("<|channel|>final A", "", ""),
        ("<|channel|><|message|>A", "", ""),
        ("<think>hm</think>\nA<|im_end|>", "A", "hm"),
        ("hm</think>A", "A", "hm"),
        ("<think>cut off", "", "cut off"),
        ("A</s>", "A", ""),
        ("", "", ""),
    ],
)
def test_final_and_analysis(text, final, analysis):
    assert split_channels(text) == (final, analysis)
