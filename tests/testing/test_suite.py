"""Running checks: statuses, strictness, and the pytest front."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from posealign_core.errors import ConfigError, ConformanceError
from posealign_core.testing import backbone_checks, check_backbone, run_check

BY_NAME = {check.name: check for check in backbone_checks()}
TOYS = Path(__file__).parent / "toys"


def test_checks_have_unique_names_and_say_what_must_hold():
    checks = list(backbone_checks())
    assert len({check.name for check in checks}) == len(checks)
    assert all(check.name.startswith("check_") for check in checks)
    assert all(check.summary.endswith(".") for check in checks)


def test_claims_decide_which_checks_apply(toy_spec):
    from toy_plugin import TAGS, spec

    from posealign_core.specs import BackboneTags
    from posealign_core.vocabulary import AlignMode

    tags = {**TAGS, "modes": frozenset({AlignMode.EMBED}), "packs_questions": False}
    fewer = {check.name for check in backbone_checks(spec("toy", tags=BackboneTags(**tags)))}
    all_of_them = {check.name for check in backbone_checks(toy_spec("toy"))}
    assert all_of_them - fewer == {
        "check_world_gauge_invariance",
        "check_ego_axes",
        "check_prompt_shares_frame",
        "check_packed_questions_all_count",
    }


def test_result_of_a_failed_check_says_what_was_observed(toy_spec):
    result = run_check(BY_NAME["check_ego_axes"], toy_spec("toy-turned"))
    assert result.status == "failed"
    assert "2 m ahead lies at [[-2.0, 0.0, 0.0]]" in result.reason


def test_an_expected_failure_is_an_xfail_with_its_reason(toy_spec):
    known = {"check_ego_axes": "looks backwards on purpose"}
    result = run_check(BY_NAME["check_ego_axes"], toy_spec("toy-turned"), expected_failures=known)
    assert (result.status, result.reason) == ("xfail", "looks backwards on purpose")


def test_an_expected_failure_that_passes_is_a_failure(toy_spec):
    known = {"check_ego_axes": "was wrong once"}
    result = run_check(BY_NAME["check_ego_axes"], toy_spec("toy"), expected_failures=known)
    assert result.status == "failed"
    assert "was wrong once" in result.reason
    assert "take it off the list" in result.reason


def test_check_backbone_raises_at_the_first_failure(toy_spec):
    with pytest.raises(ConformanceError, match=r"check_spec_is_complete: .*'toy-without-summary'"):
        check_backbone(toy_spec("toy-without-summary"))


def test_expected_failures_must_name_checks(toy_spec):
    with pytest.raises(ConfigError, match="check_ego_axis"):
        check_backbone(toy_spec("toy"), expected_failures={"check_ego_axis": "typing error"})


def test_a_misspelt_preset_is_an_error_not_a_pass(toy_spec):
    result = run_check(BY_NAME["check_encoder_pickles"], toy_spec("toy"), preset="huge")
    assert result.status == "failed"
    assert "huge" in result.reason


STRANGERS_TEST = """
from __future__ import annotations
import toy_plugin
from posealign_core.testing import parametrize_with_checks

@parametrize_with_checks(
    [toy_plugin.spec("toy"), toy_plugin.spec("toy-turned")],
    expected_failures={
        "toy": {"check_ego_axes": "not true any more"},
        "toy-turned": {"check_ego_axes": "looks backwards"},
    },
)
def test_conformance(spec, check):
    check(spec)
"""


def test_each_check_is_a_pytest_item_and_xfail_is_strict(tmp_path):
    (tmp_path / "test_stranger.py").write_text(STRANGERS_TEST)
    chosen = "ego_axes or missing_dependency or encoder_pickles"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "-k", chosen, "."],
        cwd=tmp_path,
        env={"PYTHONPATH": str(TOYS), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "test_conformance[toy-check_encoder_pickles]" in done.stdout, done.stdout
    assert "FAILED test_stranger.py::test_conformance[toy-check_ego_axes]" in done.stdout
    assert "XFAIL test_stranger.py::test_conformance[toy-turned-check_ego_axes]" in done.stdout
    assert re.search(r"1 failed, 2 passed, 2 skipped, .*1 xfailed", done.stdout)


def test_importing_the_kit_is_light():
    code = (
        "import sys, posealign_core.testing; print({'torch', 'pytest', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_spec_that_nobody_installed_is_checked_on_its_own():
    from toy_plugin import spec

    stranger = spec("toy-nobody-knows")
    light = run_check(BY_NAME["check_plugin_import_is_light"], stranger)
    assert (light.status, light.reason) == ("skipped", "no installed plugin registers it")
    assert run_check(BY_NAME["check_ego_axes"], stranger).status == "passed"


def test_an_installed_spec_is_checked_with_its_plugins_hooks(toy_spec):
    from posealign_core.testing.subject import host_of

    assert "toys" in {info.name for info in host_of(toy_spec("toy")).plugins()}
    other = dataclasses.replace(toy_spec("toy"), summary="not what is installed")
    assert "toys" not in {info.name for info in host_of(other).plugins()}
