"""The help of each field, read from the docstring of its dataclass."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from typing import TYPE_CHECKING, Any

from posealign_core.config.annotations import field_types, type_text
from posealign_core.config.convert import to_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FieldHelp", "config_reference", "field_help", "walk_fields"]

_ENTRY = re.compile(r"^    (\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class FieldHelp:
    """One row of the configuration reference.

    Attributes:
        key: Dotted key.
        type: What values it takes, in words.
        default: The default in YAML, `""` where the value is required.
        text: What it means.
    """

    key: str
    type: str
    default: str
    text: str

    def markdown(self) -> str:
        """A row of a Markdown table."""
        default = f"`{self.default}`" if self.default else "required"
        cells = (f"`{self.key}`", self.type, default, self.text)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def config_reference() -> str:
    """Every key of a run's configuration with its help, as Markdown."""
    from posealign_core.config.schema import RunConfig

    lines: list[str] = []
    texts, types = field_help(RunConfig), field_types(RunConfig)
    for field in dataclasses.fields(RunConfig):
        kind = types[field.name]
        lines += ["", f"## {field.name}", "", texts[field.name]]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            lines += ["", "| key | type | default | meaning |", "|---|---|---|---|"]
            lines += [row.markdown() for row in walk_fields(kind, f"{field.name}.")]
    return "\n".join(lines).strip()


def field_help(cls: type[Any]) -> dict[str, str]:
    """What a dataclass's docstring says of each of its fields, inherited ones included."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        section = (inspect.cleandoc(base.__doc__ or "")).partition("Attributes:")[2]
        entries = _ENTRY.findall(section.partition("\n\nRaises:")[0])
        texts |= {name: " ".join(text.split()) for name, text in entries}
    return texts


def walk_fields(cls: type[Any], prefix: str = "") -> Iterator[FieldHelp]:
    """Every key below a config dataclass, in order."""
    texts, types = field_help(cls), field_types(cls)
    for field in dataclasses.fields(cls):
        kind, key = types[field.name], f"{prefix}{field.name}"
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            yield from walk_fields(kind, f"{key}.")
        else:
            shown = f"{prefix}<name>" if field.metadata.get("open") else key
            text = texts.get(field.name, "")
            yield FieldHelp(shown, type_text(kind), _default(field), text)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return ""
    return json.dumps(to_plain(value))
