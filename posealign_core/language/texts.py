"""The wordings around questions and answers: a backbone's own, or those of a file."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from posealign_core.datasets.files import read_json
from posealign_core.errors import ConfigError, PoseAlignWarning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["TextRules", "load_texts"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TextRules:
    """What a file of wordings must keep to.

    Attributes:
        backbone: Registered name, for messages.
        needs: Markers that a text must hold, by field.
        aliases: What may be written for a marker, and the marker.
    """

    backbone: str
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def plain(self, text: str) -> str:
        """The text with every alias written out."""
        for alias, marker in self.aliases.items():
            text = text.replace(alias, marker)
        return text


def load_texts(own: T, path: Path | None, digests: Mapping[str, str], rules: TextRules) -> T:
    """Lay the wordings of a file over a backbone's own.

    Args:
        own: Dataclass of texts; its values stand where the file is silent.
        path: JSON object with any of its fields, or None for the own wordings.
        digests: SHA-256 that wordings must have, by field. Warns of those for which the own wording
            stands in; a model that was trained with other words answers worse.
        rules: Markers that texts must hold.

    Raises:
        ConfigError: The file names an unknown text, one lacks a marker, or has another digest.
        DataError: The file is missing or damaged.
    """
    given: dict[str, Any] = {} if path is None else read_json(path)
    known = [entry.name for entry in fields(own)]  # type: ignore[arg-type]
    faults = [f"{name}: wanted one of {', '.join(known)}" for name in given if name not in known]
    faults += [f"{name}: names no text" for name in digests if name not in known]
    for name in given.keys() & set(known):
        found = hashlib.sha256(given[name].encode()).hexdigest()
        if digests.get(name, found) != found:
            faults.append(f"{name}: wanted the text with SHA-256 {digests[name]}, found {found}")
        missing = [m for m in rules.needs.get(name, ()) if m not in rules.plain(given[name])]
        faults += [f"{name}: wanted the marker {marker} in it" for marker in missing]
    if faults:
        raise ConfigError(sorted(faults), source=str(path or "text_digests"))
    stand_ins = sorted(digests.keys() - given.keys())
    if stand_ins:
        warnings.warn(
            f"{rules.backbone}: our own wording stands in for {', '.join(stand_ins)}; published "
            "weights know other words. Name the file that holds them with backbone.config.texts",
            PoseAlignWarning,
            stacklevel=2,
        )
    plain = {name: rules.plain(text) for name, text in given.items()}
    return replace(own, **plain)  # type: ignore[type-var]
