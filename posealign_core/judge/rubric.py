"""Rubrics: versioned text files with named slots, and the prompts they become (judge spec 2)."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from posealign_core.errors import ConfigError, UnknownComponentError
from posealign_core.judge.quote import clean_reference, clean_text, cut, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posealign_core.judge.request import JudgeRequest
    from posealign_core.judge.sampling import LabelOrder

__all__ = ["MAX_CHARS", "Prompt", "Rubric", "built_in_rubrics", "load_rubric", "read_rubric"]

MAX_CHARS = 4000
"""An answer, question or reference longer than this loses its middle."""

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_EXAMPLE = re.compile(r"- .*\n(?:  .*\n)*")
_EXAMPLES = re.compile(
    rf"(?P<title>^Examples.*\n(?:(?!- ).+\n)*)(?P<list>(?:{_EXAMPLE.pattern})+)", re.MULTILINE
)
_TELLING_WORDS = 5
_SLOTS = ("situation", "question", "references", "prediction", "reply")
_FOLDER = resources.files("posealign_core.judge") / "rubrics"
_SCHEMA_REPLY = (
    'Reply with JSON only: {{"verdict": "{first}"}} if {positive}, or '
    '{{"verdict": "{second}"}} if {negative}.'
)
_LETTER_REPLY = (
    "Reply with one letter and nothing else: {first} if {positive}, or {second} if {negative}."
)


class _Header(TypedDict, total=False):
    """What a rubric file may say above its text; see `Rubric`."""

    positive: str
    negative: str
    words: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a model reads, as one user message.

    Attributes:
        text: The whole prompt.
        order: Which letter stands for the first grade.
        structured: Whether it asks for JSON.
        note: What was done to the request to fit it in, or `""`.
    """

    text: str
    order: LabelOrder
    structured: bool = False
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """The rules of grading, in words.

    Attributes:
        name: Name and version, `"scanqa.v1"`, or the file's name for a user's own.
        text: The text with its slots, without the header.
        sha: SHA-256 of the whole file.
        positive: When the first grade applies, as the end of a sentence.
        negative: When the second one does.
        words: The two grades as single words; a reply may use them instead of the letters.
    """

    name: str
    text: str
    sha: str
    positive: str = "the answer is correct"
    negative: str = "the answer is incorrect"
    words: tuple[str, str] = ("correct", "incorrect")

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots that the text has, in order."""
        return tuple(_SLOT.findall(self.text))

    @property
    def grades(self) -> bool:
        """Whether it is about an answer, rather than about a question."""
        return "prediction" in self.slots

    @property
    def prefix(self) -> str:
        """What all prompts begin with; a server that caches prefixes reads it once."""
        return _SLOT.split(self.text, maxsplit=1)[0]

    @property
    def with_examples_reversed(self) -> Rubric:
        """The same rules with the examples in the opposite order, for audits."""
        text = _EXAMPLES.sub(
            lambda block: block["title"] + "".join(_EXAMPLE.findall(block["list"])[::-1]), self.text
        )
        sha = hashlib.sha256(text.encode()).hexdigest()
        return dataclasses.replace(self, text=text, sha=sha)

    def items_shown(self, requests: Iterable[JudgeRequest]) -> list[str]:
        """Keys of the requests that the text gives away: a question and an accepted answer to it.

        A caption, which has no question, is given away by a reference of five words or more.
        """
        text = _plain(self.text)
        return [
            request.key
            for request in requests
            if _holds(text, request.question)
            if any(
                _holds(text, reference)
                for reference in map(clean_reference, request.references)
                if request.question or len(reference.split()) >= _TELLING_WORDS
            )
        ]

    def render(
        self, request: JudgeRequest, order: LabelOrder, *, structured: bool = False
    ) -> Prompt:
        """Fill the slots; a text of the request cannot fill another slot nor end its own."""
        reply = (_SCHEMA_REPLY if structured else _LETTER_REPLY).format(
            first=order.letters[0],
            second=order.letters[1],
            positive=self.positive,
            negative=self.negative,
        )
        fillings = {
            "situation": _quoted(request.situation),
            "question": _quoted(clean_text(request.question or "")),
            "references": "\n".join(
                f"- {_quoted(clean_reference(reference))}" for reference in request.references
            ),
            "prediction": _quoted(request.prediction or ""),
            "reply": reply,
        }
        text = _SLOT.sub(lambda slot: fillings[slot[1]], self.text)
        return Prompt(text=text, order=order, structured=structured, note=_note(request))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _holds(text: str, part: str | None) -> bool:
    """Whether a plain text holds a part, word by word; the empty part is in every text."""
    return f" {_plain(part or '')} ".replace("  ", " ") in f" {text} "


def _quoted(text: str) -> str:
    return quoted(cut(text, MAX_CHARS))


def _note(request: JudgeRequest) -> str:
    texts = (request.prediction, request.question, request.situation, *request.references)
    longest = max(len(text or "") for text in texts)
    if longest <= MAX_CHARS:
        return ""
    return f"a text of {longest} characters was cut to {MAX_CHARS}"


def built_in_rubrics() -> list[str]:
    """Names of the rubrics that come with the package."""
    names = (Path(item.name) for item in _FOLDER.iterdir())
    return sorted(name.stem for name in names if name.suffix == ".txt")


def load_rubric(name: str) -> Rubric:
    """One of the package's rubrics; without a version, the newest.

    Raises:
        UnknownComponentError: There is none of that name.
    """
    known = built_in_rubrics()
    versions = [n for n in known if n == name or n.rpartition(".v")[0] == name]
    if not versions:
        raise UnknownComponentError(f"no rubric named {name!r}; available: {', '.join(known)}")
    newest = max(versions, key=lambda n: int(n.rpartition(".v")[2]))
    return _parse(newest, (_FOLDER / f"{newest}.txt").read_bytes())


def read_rubric(path: Path) -> Rubric:
    """A user's own rubric.

    Raises:
        ConfigError: The file cannot be read, or its slots are not the known ones.
    """
    try:
        return _parse(path.name, path.read_bytes())
    except OSError as error:
        raise ConfigError([f"cannot read it: {error.strerror}"], source=str(path)) from error


def _parse(name: str, content: bytes) -> Rubric:
    try:
        whole = content.decode("utf-8")
    except UnicodeDecodeError as error:
        fault = f"wanted UTF-8, found other bytes at {error.start}"
        raise ConfigError([fault], source=name) from error
    header, line, text = whole.partition("\n---\n")
    if not line:
        header, text = "", whole
    rubric = Rubric(
        name=name, text=text.strip(), sha=hashlib.sha256(content).hexdigest(), **_header(header)
    )
    faults = _faults(rubric)
    if faults:
        raise ConfigError(faults, source=f"rubric {name}")
    return rubric


def _header(header: str) -> _Header:
    """The fields above the line `---`, one `name: value` each."""
    fields = _Header()
    for line in filter(None, header.splitlines()):
        name, _, value = (part.strip() for part in line.partition(":"))
        if name == "positive":
            fields["positive"] = value
        elif name == "negative":
            fields["negative"] = value
        elif name == "words":
            first, _, second = value.lower().partition(",")
            fields["words"] = (first.strip(), second.strip())
        else:
            fault = f"header: wanted positive, negative or words, found {name!r}"
            raise ConfigError([fault], source="rubric")
    return fields


def _faults(rubric: Rubric) -> list[str]:
    faults = [f"unknown slot {{{{{slot}}}}}" for slot in rubric.slots if slot not in _SLOTS]
    if "references" not in rubric.slots:
        faults.append("wanted a slot {{references}}")
    if not all(rubric.words) or rubric.words[0] == rubric.words[1]:
        faults.append(f"wanted two different words, found {rubric.words}")
    return faults
