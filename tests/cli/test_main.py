from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from posealign_core.cli import main as main_module
from posealign_core.cli.doctor import DoctorCommand
from posealign_core.errors import DataError, PoseAlignWarning

if TYPE_CHECKING:
    from conftest import RunCli


def raising(error: BaseException) -> Any:
    def run(*_: object) -> int:
        raise error

    return run


def test_own_warnings_are_one_line(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def warn(*_: object) -> int:
        shown.append(warnings.formatwarning("look out", PoseAlignWarning, "x.py", 3, "code"))
        shown.append(warnings.formatwarning("old", DeprecationWarning, "x.py", 3, "code"))
        return 0

    usual = warnings.formatwarning
    monkeypatch.setattr(DoctorCommand, "run", warn)
    cli("doctor")
    assert shown == ["posealign: warning: look out\n", "x.py:3: DeprecationWarning: old\n  code\n"]
    assert warnings.formatwarning is usual


def test_users_errors_are_one_line(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DoctorCommand, "run", raising(DataError("x is cut short; make it again")))
    assert cli("doctor") == (4, "", "posealign: error: x is cut short; make it again\n")
    with pytest.raises(DataError):
        cli("doctor", "--traceback")
    monkeypatch.setenv("POSEALIGN_TRACEBACK", "1")
    with pytest.raises(DataError):
        cli("doctor")


def test_defects_keep_their_traceback(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DoctorCommand, "run", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli("doctor")


def test_interruption_is_code_130(cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DoctorCommand, "run", raising(KeyboardInterrupt()))
    done = cli("doctor")
    assert done.code == 130
    assert "run the same command to continue" in done.err


def test_without_a_verb_the_verbs_are_listed(cli: RunCli) -> None:
    done = cli()
    assert done.code == 0
    for verb in ("config", "demo", "doctor", "predict", "report", "run", "score", "train"):
        assert f"\n  {verb} " in done.out, verb


def test_unknown_verb_names_close_ones(cli: RunCli) -> None:
    done = cli("trian")
    assert done.code == 5
    assert "did you mean 'train'" in done.err


def test_wrong_arguments_are_code_2(cli: RunCli, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli("report")
    assert caught.value.code == 2
    assert "posealign report" in capsys.readouterr().err


def test_arguments_come_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["posealign", "--version"])
    with pytest.raises(SystemExit) as caught:
        main_module.main()
    assert caught.value.code == 0
