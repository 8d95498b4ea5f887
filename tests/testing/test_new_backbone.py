"""`posealign new-backbone` writes a package that builds, installs, and keeps every rule."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from posealign_core.errors import ExitCode
from posealign_core.host import build_host
from posealign_core.testing.scaffold import copy_template
from posealign_rooms.make import make_rooms
from posealign_rooms.presets import PRESETS


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "posealign-my-model"
    copy_template(build_host(), "my-model", folder)
    return folder


@pytest.fixture(scope="module")
def fresh_python(copied, tmp_path_factory) -> Path:
    """Interpreter of a new environment that holds the copy, installed from a wheel.

    The packages of this environment are visible there, so that nothing is downloaded.
    """
    folder = tmp_path_factory.mktemp("environment")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-index", "--no-deps"]
    _run(*pip, "wheel", *offline, "--no-build-isolation", "-w", folder / "dist", copied)
    _run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    site = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
    shared = sysconfig.get_path("purelib")
    (site / "shared.pth").write_text(f"import site; site.addsitedir({shared!r})\n")
    (wheel,) = (folder / "dist").glob("*.whl")
    _run(*pip, "--python", python, "install", *offline, wheel)
    return python


def _run(*command: object, **options) -> str:
    """Standard output of a command that must succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        **options,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def test_nothing_of_the_template_is_left(copied):
    for path in copied.rglob("*.py"):
        text = path.read_text()
        compile(text, str(path), "exec")
        assert "posealign_template" not in text
        assert "TemplateBackbone" not in text
    plugin = (copied / "posealign_my_model" / "plugin.py").read_text()
    assert 'name="my-model"' in plugin
    assert '"posealign_my_model.model:MyModelBackbone"' in plugin


def test_the_conformance_test_is_five_lines(copied):
    lines = (copied / "tests" / "test_conformance.py").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("from posealign_core"))
    assert [line for line in lines[start:] if line] == [
        "from posealign_core.testing import parametrize_with_checks",
        "from posealign_my_model.plugin import SPEC",
        "@parametrize_with_checks([SPEC])",
        "def test_conformance(spec, check):",
        "    check(spec)",
    ]


def test_a_fresh_environment_lists_it(fresh_python):
    posealign = [fresh_python, "-m", "posealign_core.cli.main"]
    listed = {
        row["name"]: row for row in json.loads(_run(*posealign, "list", "backbones", "--json"))
    }
    assert listed["my-model"]["plugin"] == "my-model"
    assert listed["my-model"]["modes"] == ["embed", "prompt", "transform"]
    plugins = {row["name"]: row for row in json.loads(_run(*posealign, "plugins", "--json"))}
    assert plugins["my-model"]["distribution"] == "posealign-my-model"
    assert plugins["my-model"]["error"] == ""


def test_a_fresh_environment_holds_it_to_the_contract(fresh_python, tmp_path):
    code = "import posealign_my_model; print(posealign_my_model.__file__)"
    assert str(fresh_python.parents[1]) in _run(fresh_python, "-c", code, cwd=tmp_path)
    posealign = [fresh_python, "-m", "posealign_core.cli.main"]
    results = json.loads(_run(*posealign, "check", "my-model", "--json", cwd=tmp_path))
    assert {r["check"] for r in results if r["status"] == "skipped"} == {
        "check_missing_dependency_message"
    }
    assert [r for r in results if r["status"] == "failed"] == []


def test_a_fresh_environment_trains_it_on_rooms(fresh_python, tmp_path):
    rooms = tmp_path / "rooms"
    preset = replace(PRESETS["mini"], n_train=2, n_val=1, n_objects=(4, 5), n_viewpoints=2)
    make_rooms(rooms, replace(preset, spacing_m=0.15, n_frames=40, image_every=40), 0, jobs=1)
    values = {
        "dataset.name": "scannet",
        "dataset.root": rooms,
        "dataset.annotations": rooms / "annotations",
        "dataset.benchmarks": "[scanqa]",
        "recover.every": 5,
        "align.modes": "[transform]",
        "backbone.name": "my-model",
        "backbone.config.pretrained": "false",
        "train.max_steps": 8,
        "train.batch_size": 2,
        "train.learning_rate": 2e-3,
        "train.log_every_steps": 1,
        "output.root": tmp_path / "runs",
    }
    overrides = [part for key, value in values.items() for part in ("-o", f"{key}={value}")]
    _run(fresh_python, "-m", "posealign_core.cli.main", "run", *overrides, cwd=tmp_path)
    (run,) = (tmp_path / "runs").glob("run-*")
    log = [json.loads(line) for line in (run / "train.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in log]
    assert len(losses) == 8
    assert losses[-1] < losses[0]
    meta = json.loads((run / "checkpoints" / "final" / "meta.json").read_text())
    assert (meta["backbone"], meta["step"]) == ("my-model", 8)
    answers = (run / "predictions" / "scanqa.jsonl").read_text().splitlines()
    asked = json.loads((rooms / "annotations" / "ScanQA_v1.0_val.json").read_text())
    assert len(answers) == len(asked) > 0


def test_the_verb_says_what_to_do_next(run_cli, tmp_path):
    outcome = run_cli("new-backbone", "another", "--output", tmp_path / "another")
    assert outcome.code == ExitCode.OK
    assert f"pip install --editable {tmp_path / 'another'}" in outcome.out
    assert "posealign check another" in outcome.out


@pytest.mark.parametrize("name", ["My-model", "my_model", "-x", "x--y", "", "x/y"])
def test_malformed_names_are_refused(name, run_cli, tmp_path):
    outcome = run_cli("new-backbone", f"--output={tmp_path / 'new'}", "--", name)
    assert outcome.code == ExitCode.PLUGIN
    assert repr(name) in outcome.err
    assert not (tmp_path / "new").exists()


def test_taken_names_are_refused(run_cli, tmp_path):
    outcome = run_cli("new-backbone", "template", "--output", tmp_path / "new")
    assert outcome.code == ExitCode.PLUGIN
    assert "'template' exists already" in outcome.err


def test_folders_with_content_are_left_alone(run_cli, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    outcome = run_cli("new-backbone", "my-model", "--output", tmp_path)
    assert outcome.code == ExitCode.CONFIG
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_unwritable_places_are_named(run_cli, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = run_cli("new-backbone", "my-model", "--output", tmp_path / "file" / "new")
    assert outcome.code == ExitCode.RUN_FAILED
    assert "cannot write" in outcome.err


@pytest.mark.parametrize(
    ("name", "package", "prefix"),
    [("3d-net", "posealign_3d_net", "Model3dNet"), ("x", "posealign_x", "X")],
)
def test_any_allowed_name_gives_valid_code(name, package, prefix, tmp_path):
    copy_template(build_host(), name, tmp_path / "new")
    config = (tmp_path / "new" / package / "config.py").read_text()
    compile(config, "config.py", "exec")
    assert f"class {prefix}Config" in config
