"""Text from files as data in a prompt: it can neither end its own quotes nor speak for the model.

Answers come from models under test, and some will try to grade themselves. Each text becomes one
JSON string on one line, so that no quote, fence or new line of its own ends it; and characters that
begin the control tokens of chat templates (`<|end|>`, `</s>`, `[INST]`) are written as escapes, so
that a tokenizer cannot take them for such tokens.
"""

from __future__ import annotations

import json
import re

__all__ = ["clean_reference", "clean_text", "cut", "quoted"]

_TEMPLATE_CHARACTERS = frozenset("<>[]{}|`")
_CUT_MARK = " ... "
_SENTENCE_MARKS = re.compile(r"^\s*sos\s+|\s+eos\s*$")
_SHORT_ANSWER_INSTRUCTION = " Answer the question using a single word or phrase."


def quoted(text: str) -> str:
    """The text as a JSON string in visible characters, none of which a template or fence knows."""
    inner = json.dumps(text, ensure_ascii=False)[1:-1]
    return '"' + "".join(map(_harmless, inner)) + '"'


def _harmless(character: str) -> str:
    if character.isprintable() and character not in _TEMPLATE_CHARACTERS:
        return character
    if ord(character) > 0xFFFF:
        return json.dumps(character)[1:-1]
    return f"\\u{ord(character):04x}"


def cut(text: str, max_chars: int) -> str:
    """The text, without its middle where it is longer than `max_chars`."""
    if len(text) <= max_chars:
        return text
    half = (max_chars - len(_CUT_MARK)) // 2
    return text[:half] + _CUT_MARK + text[-half:]


def clean_reference(text: str) -> str:
    """A reference without the sentence marks of caption corpora and without outer blanks."""
    return _SENTENCE_MARKS.sub("", text).strip()


def clean_text(text: str) -> str:
    """A question without the instruction that some files append to it."""
    return text.removesuffix(_SHORT_ANSWER_INSTRUCTION)
