"""One self-contained HTML page: no network, and readable where scripts are off."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Card", "Section", "render_page"]

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Card:
    """A figure that a reader sees first.

    Attributes:
        value: The figure.
        label: What it is.
        details: Comparison, interval, sample size: a line each.
        good: Whether it speaks for PoseAlign; None is neutral.
    """

    value: str
    label: str
    details: tuple[str, ...] = ()
    good: bool | None = None


@dataclass(frozen=True)
class Section:
    """A heading and what is below it.

    Attributes:
        title: Heading.
        body: HTML.
        lead: One sentence in front of the body, plain text.
    """

    title: str
    body: str
    lead: str = ""


def render_page(
    *, title: str, facts: Sequence[str], cards: Sequence[Card], sections: Sequence[Section]
) -> str:
    """Assemble the page.

    Args:
        title: Heading of the page.
        facts: Short facts below it: date, version, seed, ...
        cards: Main figures.
        sections: The content, in order.
    """
    template, script = Template(_file("page.html")), _file("page.js")
    numbered = list(enumerate(sections, start=1))
    page = template.substitute(
        title=escape(title),
        style=_file("page.css"),
        script=script,
        policy=_policy(script),
        facts="".join(f"<span>{escape(fact)}</span>" for fact in facts),
        cards="".join(map(_card, cards)),
        contents="".join(f'<a href="#s{i}">{escape(s.title)}</a>' for i, s in numbered),
        sections="".join(_section(i, s) for i, s in numbered),
    )
    return _UNPRINTABLE.sub(lambda found: _shown(found[0]), page)


def _shown(character: str) -> str:
    """A character that HTML forbids or UTF-8 cannot hold, as an answer may have it: its escape."""
    return character.encode("unicode_escape").decode()


def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """What the page may load: nothing but what is in it, and no script but its own."""
    sha = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{sha}'; base-uri 'none'; form-action 'none'"
    )


def _card(card: Card) -> str:
    tone = {True: " good", False: " bad", None: ""}[card.good]
    details = "".join(f'<div class="detail">{escape(line)}</div>' for line in card.details)
    return (
        f'<div class="card{tone}"><div class="label">{escape(card.label)}</div>'
        f'<div class="value">{escape(card.value)}</div>{details}</div>'
    )


def _section(number: int, section: Section) -> str:
    lead = f'<p class="lead">{escape(section.lead)}</p>' if section.lead else ""
    return f'<section id="s{number}"><h2>{escape(section.title)}</h2>{lead}{section.body}</section>'
