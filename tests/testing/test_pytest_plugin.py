"""The fixtures that plugin authors get without importing anything."""

from __future__ import annotations

import subprocess
import sys

from posealign_core.errors import ExitCode


def test_scene_trajectory_and_queries_belong_together(toy_scene, toy_trajectory, toy_queries):
    assert {toy_trajectory.scene_id, *(q.scene_id for q in toy_queries)} == {toy_scene.scene_id}


def test_host_has_the_core_only(host):
    assert [info.name for info in host.plugins()] == ["posealign_core"]


def test_run_cli_catches_output_and_code(run_cli):
    listing = run_cli("list", "commands", "--json")
    assert (listing.code, listing.err) == (0, "")
    assert '"name": "check"' in listing.out


def test_run_cli_catches_usage_errors(run_cli):
    assert run_cli("list", "nonsense").code == ExitCode.USAGE
    help_page = run_cli("check", "--help")
    assert help_page.code == 0
    assert "posealign check template" in help_page.out


def test_run_cli_catches_the_one_line_of_an_error(run_cli):
    outcome = run_cli("check", "no-such-backbone")
    assert outcome.code == ExitCode.PLUGIN
    assert outcome.err.startswith("posealign: error: no backbone named 'no-such-backbone'")


def test_the_plugin_costs_other_projects_nothing():
    code = (
        "import sys, posealign_core.testing.pytest_plugin; "
        "print(sorted({'numpy', 'torch', 'pluggy.x', 'posealign_core.host'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
