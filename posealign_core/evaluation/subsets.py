"""Questions that need a direction, by rules on their words (judge spec 3.2, 3.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.benchmarks.referit3d import VIEW_WORDS
from posealign_core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from posealign_core.structures import Query

__all__ = [
    "ANNOTATED",
    "DEFAULT_RULE",
    "WORD_RULES",
    "WordRule",
    "direction_rule",
    "direction_subsets",
    "split_by_rule",
]

ANNOTATED = "annotated"
"""The rule of a data set that says itself which of its questions need a direction."""
DEFAULT_RULE = "r3d_words"
_LEFT_RIGHT = frozenset({"left", "right"})
_FIVE = _LEFT_RIGHT | {"front", "back", "against"}


@dataclass(frozen=True, kw_only=True)
class WordRule:
    """A question needs a direction if one of these words is in it.

    Attributes:
        words: Lower-case words.
        answers: Whether the accepted answers count too; where nothing is asked, as for captions,
            they always do.
        situation: Whether the stated situation counts too.
        whole: Whether only whole words count.
    """

    words: frozenset[str]
    answers: bool = True
    situation: bool = True
    whole: bool = True

    def holds(self, query: Query) -> bool:
        """Say whether a query needs a direction."""
        texts = [query.text, *([query.situation] if self.situation else [])]
        if self.answers or not query.text:
            texts += query.references
        edge = r"\b" if self.whole else ""
        pattern = rf"{edge}(?:{'|'.join(sorted(self.words))}){edge}"
        return any(re.search(pattern, text.lower()) for text in texts)


WORD_RULES = {
    "r3d_words": WordRule(words=VIEW_WORDS),
    "r3d_words_question": WordRule(words=VIEW_WORDS, answers=False),
    "lr_substring": WordRule(words=_LEFT_RIGHT, answers=False, situation=False, whole=False),
    "lr_words": WordRule(words=_LEFT_RIGHT),
    "lr_plus_words": WordRule(words=_LEFT_RIGHT | {"leftmost", "rightmost"}),
    "five_words": WordRule(words=_FIVE),
    "five_plus_words": WordRule(words=_FIVE | {"behind"}),
}
"""ReferIt3D's view-dependent words on question and answers, or on the question alone; the released
keyword rule; and the other lists whose shares are published (judge spec 3.3)."""


def direction_rule(queries: Iterable[Query]) -> str:
    """Which rule `direction_subsets` goes by: the data set's own where it has one."""
    flagged = any("direction_critical" in query.extra for query in queries)
    return ANNOTATED if flagged else DEFAULT_RULE


def direction_subsets(
    queries: Sequence[Query], labels: Mapping[str, bool | None] | None = None
) -> dict[str, tuple[str, ...]]:
    """Query ids by what they need: `all`, `direction_critical`, and `other`, where not empty.

    A benchmark's reader says so in `Query.extra["direction_critical"]`; where no query says
    anything, their words do.

    Args:
        queries: The queries.
        labels: Whether each needs a direction, by its id, None where that is not known; win over
            reader and words.

    Raises:
        DataError: A query has no label.
    """
    keys = tuple(query.query_id for query in queries)
    if labels is not None:
        unlabelled = [key for key in keys if key not in labels]
        if unlabelled:
            raise DataError(
                f"labels: wanted one for every query, found none for {len(unlabelled)}, first "
                f"{unlabelled[0]!r}; were they made for another benchmark or split?"
            )
        critical = tuple(key for key in keys if labels[key] is True)
        other = tuple(key for key in keys if labels[key] is False)
    elif direction_rule(queries) == ANNOTATED:
        flags = [(q.query_id, q.extra.get("direction_critical")) for q in queries]
        critical = tuple(key for key, flag in flags if flag == "true")
        other = tuple(key for key, flag in flags if flag == "false")
    else:
        critical, other = split_by_rule(queries, DEFAULT_RULE)
    subsets = {"all": keys, "direction_critical": critical, "other": other}
    return {name: members for name, members in subsets.items() if members}


def split_by_rule(queries: Sequence[Query], rule: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of the queries that need a direction by a rule of words, and of the others.

    Raises:
        ConfigError: There is no such rule.
    """
    if rule not in WORD_RULES:
        fault = f"wanted one of {', '.join(WORD_RULES)}, found {rule!r}"
        raise ConfigError([fault], source="direction-critical subset")
    held = {query.query_id: WORD_RULES[rule].holds(query) for query in queries}
    critical = tuple(key for key, holds in held.items() if holds)
    return critical, tuple(key for key, holds in held.items() if not holds)
