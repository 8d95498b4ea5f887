"""The final answer within the text of a model that reasons first.

Two forms are known: harmony (GPT-OSS), where each message names its channel, and a block between
`<think>` and `</think>`. Damaged headers give an empty final answer and no error, so that the
reply is drawn again rather than counted as wrong.
"""

from __future__ import annotations

import re

__all__ = ["split_channels"]

_MESSAGE = re.compile(
    r"<\|channel\|>(?P<header>.*?)<\|message\|>(?P<body>.*?)"
    r"(?=<\|end\|>|<\|return\|>|<\|call\|>|<\|start\|>|<\|channel\|>|\Z)",
    re.DOTALL,
)
_ENDS = re.compile(r"<\|(?:end|return|call|im_end|eot_id|endoftext)\|>|</s>|<end_of_turn>")
_THINK_END = "</think>"


def split_channels(text: str) -> tuple[str, str]:
    """The final answer and the reasoning, both without outer blanks.

    Args:
        text: The generated text with its special tokens.

    Returns:
        The last message of the channel `final`, or `""` where there is none, and all of `analysis`.
        For other models what follows the reasoning, and the reasoning.
    """
    if "<|channel|>" in text:
        return _harmony(text)
    analysis, end, final = text.rpartition(_THINK_END)
    if not end and "<think>" in text:
        analysis, final = text, ""
    return _ENDS.sub("", final).strip(), analysis.replace("<think>", "").strip()


def _harmony(text: str) -> tuple[str, str]:
    bodies: dict[str, list[str]] = {"final": [], "analysis": []}
    for message in _MESSAGE.finditer(text):
        channel = message["header"].split()[:1]
        for name in channel:
            bodies.setdefault(name, []).append(message["body"].strip())
    return (bodies["final"] or [""])[-1], "\n".join(bodies["analysis"])
