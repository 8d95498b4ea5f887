"""What a check is, and the words in which it fails."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.errors import ConformanceError
from posealign_core.testing.subject import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from posealign_core.specs import BackboneSpec
    from posealign_core.testing.subject import Subject
    from posealign_core.vocabulary import AlignMode, TaskKind

__all__ = ["Check", "answers", "claims", "conformance_check", "demand", "produces"]


def _always(spec: BackboneSpec) -> str:
    return ""


@dataclass(frozen=True)
class Check:
    """One rule of the contract, called with a backbone's spec.

    Attributes:
        name: `check_<property>`; its id everywhere.
        group: File that it lives in.
        summary: What must hold, in one sentence.
        function: The check itself; it raises when the rule is broken.
        reason_to_skip: Why a backbone's claims make the check void, or `""`.
    """

    name: str
    group: str
    summary: str
    function: Callable[[Subject], None]
    reason_to_skip: Callable[[BackboneSpec], str]

    def __call__(self, spec: BackboneSpec, *, preset: str = "tiny") -> None:
        """Check a backbone.

        Raises:
            ConformanceError: The rule is broken; what was observed.
        """
        self.function(subject_of(spec, preset))

    def __repr__(self) -> str:
        return self.name


def conformance_check(
    *, only_if: Callable[[BackboneSpec], str] = _always
) -> Callable[[Callable[[Subject], None]], Check]:
    """Make a function a check; its docstring's first line says what must hold.

    Args:
        only_if: Gives the reason to skip a backbone, or `""`.
    """

    def make(function: Callable[[Subject], None]) -> Check:
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        group = function.__module__.rpartition(".")[2]
        return Check(function.__name__, group, summary, function, only_if)

    return make


def claims(mode: AlignMode) -> Callable[[BackboneSpec], str]:
    """Condition: the backbone claims an alignment mode."""
    return lambda spec: "" if mode in spec.tags.modes else f"does not claim mode {mode.value!r}"


def answers(kind: TaskKind) -> Callable[[BackboneSpec], str]:
    """Condition: the backbone claims a kind of answer."""
    return lambda spec: "" if kind in spec.tags.kinds else f"does not claim kind {kind.value!r}"


def produces(what: str) -> Callable[[BackboneSpec], str]:
    """Condition: the backbone claims to produce text, boxes or masks."""
    return lambda spec: "" if what in spec.tags.produces else f"does not claim to produce {what!r}"


def demand(condition: object, observation: str) -> None:
    """Fail the check unless the condition holds.

    Raises:
        ConformanceError: It does not; the observation says what was seen and what was wanted.
    """
    if not condition:
        raise ConformanceError(observation)
