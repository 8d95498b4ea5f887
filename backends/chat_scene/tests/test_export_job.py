from __future__ import annotations

import pytest

from posealign_core.cli.main import main

PLAIN = [
    *("-o", "dataset.name=generic", "-o", "dataset.root=nowhere"),
    *("-o", "dataset.benchmarks=[scanqa]"),
]


def test_a_run_of_another_backbone_is_refused(tmp_path, capsys):
    arguments = ["--preset", "template/demo/baseline", *PLAIN, "-o", f"output.root={tmp_path}"]
    code = main(["chat-scene", "export", *arguments, "--out", str(tmp_path / "c.pth")])
    assert code == 3
    assert "wanted 'chat_scene'" in capsys.readouterr().err


def test_a_run_without_training_is_refused(tmp_path, capsys):
    arguments = ["--preset", "chat_scene/tiny/baseline", *PLAIN, "-o", f"output.root={tmp_path}"]
    code = main(["chat-scene", "export", *arguments, "--out", str(tmp_path / "c.pth")])
    assert code == 4
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("job", ["export", "missing"])
def test_help(job, capsys):
    with pytest.raises(SystemExit):
        main(["chat-scene", job, "--help"])
    assert "--out" in capsys.readouterr().out or job == "missing"
