"""`posealign check`: what it prints, and what it returns to the shell."""

from __future__ import annotations

import json

from posealign_core.errors import ExitCode
from posealign_core.testing import backbone_checks


def test_a_good_backbone(run_cli):
    outcome = run_cli("check", "toy", "--only", "check_ego_axes", "--only", "check_encoder_pickles")
    assert outcome.code == ExitCode.OK
    lines = outcome.out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [
        ["passed", "check_encoder_pickles"],
        ["passed", "check_ego_axes"],
    ]
    assert lines[-1].startswith("2 passed, 0 failed, 0 skipped")


def test_a_broken_backbone(run_cli):
    outcome = run_cli("check", "toy-turned", "--only", "check_ego_axes")
    assert outcome.code == ExitCode.CHECKS_FAILED
    assert "failed" in outcome.out
    assert "2 m ahead lies at [[-2.0, 0.0, 0.0]]" in outcome.out


def test_json(run_cli):
    outcome = run_cli("check", "toy-turned", "--only", "check_ego_axes", "--json")
    assert outcome.code == ExitCode.CHECKS_FAILED
    (result,) = json.loads(outcome.out)
    assert result.keys() == {"check", "status", "reason", "seconds"}
    assert (result["check"], result["status"]) == ("check_ego_axes", "failed")


def test_skipped_checks_say_why(run_cli):
    outcome = run_cli("check", "toy", "--only", "check_missing_dependency_message")
    assert outcome.code == ExitCode.OK
    assert "requires no package beyond the core's" in outcome.out


def test_list_names_every_check(run_cli):
    rows = json.loads(run_cli("check", "--list", "--json").out)
    assert [row["check"] for row in rows] == [check.name for check in backbone_checks()]
    assert "check_world_gauge_invariance" in run_cli("check", "--list").out


def test_another_preset_must_exist(run_cli):
    outcome = run_cli("check", "toy", "--preset", "huge", "--only", "check_encoder_pickles")
    assert outcome.code == ExitCode.CHECKS_FAILED
    assert "huge" in outcome.out


def test_unknown_check(run_cli):
    outcome = run_cli("check", "toy", "--only", "check_ego_axis")
    assert outcome.code == ExitCode.CONFIG
    assert "'check_ego_axis'" in outcome.err


def test_no_name(run_cli):
    assert run_cli("check").code == ExitCode.CONFIG
