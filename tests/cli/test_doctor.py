from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import posealign_core

if TYPE_CHECKING:
    import pytest

    from conftest import RunCli


def test_doctor_says_what_a_backbone_lacks_and_how_to_get_it(cli: RunCli) -> None:
    done = cli("doctor")
    assert done.code == 0
    assert re.search(r"^  ok  toy +ready$", done.out, re.MULTILINE)
    assert "no_such_module is not installed; run: pip install no-such-package" in done.out


def test_doctor_as_json(cli: RunCli) -> None:
    findings = {row["name"]: row for row in json.loads(cli("doctor", "--json").out)}
    assert findings["posealign"]["detail"] == posealign_core.__version__
    assert findings["torch"]["ok"]
    assert not findings["toy-lacking"]["ok"]


def test_doctor_without_java(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "install a Java 8+ runtime" in cli("doctor").out
