from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from posealign_core.evaluation.result import load_result
from posealign_core.judge import RefusedError, Reply
from posealign_core.judge.judgement import load_judgement
from posealign_core.judge.lexical import LexicalJudge
from posealign_core.training.lora_trainer import LoraTrainer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import RunCli

PRESET = ("--preset", "toy/demo/transform")


def the_folder(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "runs").glob("run-*")
    return path


def stages(folder: Path) -> dict[str, str]:
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return {name: stage["status"] for name, stage in record["stages"].items()}


def answers(folder: Path) -> list[str]:
    lines = (folder / "predictions" / "scanqa.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def test_stages_one_by_one(cli: RunCli, run_arguments: list[str], tmp_path: Path) -> None:
    arguments = (*PRESET, *run_arguments)
    early = cli("predict", *arguments)
    assert early.code == 4
    assert "found no finished training; run 'posealign train --run" in early.err
    folder = the_folder(tmp_path)
    early = cli("score", "--run", folder)
    assert early.code == 4
    assert "wanted answers to 'scanqa'" in early.err

    lacking = cli("train", "--run", folder)
    assert lacking.code == 4
    assert "posealign recover" in lacking.err
    assert stages(folder) == {"train": "failed"}

    assert cli("run", *arguments, "--jobs", "1").code == 0
    assert "was trained already" in cli("train", *arguments).out
    assert "was answered already" in cli("predict", "--run", folder).out
    scored = cli("score", "--run", folder)
    assert "scanqa (val, protocol strict, 8 questions, 0 unanswered)" in scored.out
    other = cli("score", "--run", folder, "--protocol", "chat-scene")
    assert "scanqa (val, protocol chat-scene, 8 questions" in other.out
    unknown = cli("score", "--run", folder, "--protocol", "nobody")
    assert unknown.code == 3
    assert "found 'nobody'" in unknown.err
    assert "protocol strict" in cli("score", "--run", folder).out
    assert set(stages(folder).values()) == {"finished"}


def test_run_does_everything_and_then_nothing(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    done = cli("run", *PRESET, *run_arguments, "--jobs", "1")
    assert done.code == 0, done.err
    folder = the_folder(tmp_path)
    for name in (
        "config.yaml",
        "train.jsonl",
        "checkpoints/final/meta.json",
        "predictions/scanqa.jsonl",
        "results/scanqa.json",
        "judge/scanqa.jsonl",
        "judge/scanqa.json",
        "report.html",
    ):
        assert (folder / name).is_file(), name
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["command"].startswith(
        "posealign run --preset toy/demo/transform -o dataset.name="
    )
    assert record["config"]["align"]["selector"] == {"name": "top"}
    assert record["backbone_config"] == {"width": 16, "dropout": 0.0}
    before = {
        path: path.stat().st_mtime_ns for path in folder.rglob("*.json*") if path.stem != "report"
    }
    again = cli("run", "--run", folder, "--jobs", "1")
    assert again.code == 0, again.err
    assert "was trained already" in again.out
    assert "scanqa: was answered already" in again.out
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_judge_is_a_stage_of_its_own(cli: RunCli, run_arguments: list[str], tmp_path: Path) -> None:
    arguments = ("--preset", "toy/demo/baseline", *run_arguments, "--no-report")
    unjudged = cli("run", *arguments, "-o", "judge.engine=none")
    assert unjudged.code == 0, unjudged.err
    folder = the_folder(tmp_path)
    assert not (folder / "judge").exists()
    assert not (folder / "report.html").exists()

    # Another judge makes no other run: nothing is trained or asked again.
    judged = cli("run", *arguments)
    assert judged.code == 0, judged.err
    assert "was trained already" in judged.out
    assert "scanqa: judged (lexical)" in judged.out
    assert "scanqa: was judged already" in cli("run", "--run", folder, "--no-report").out
    judgement = load_judgement(folder / "judge" / "scanqa.json")
    assert (judgement.metric, judgement.uses_llm, judgement.tokens_in) == ("word_rules", False, 0)
    assert len(judgement.statuses) == 8
    assert judgement.parts["all"]["n"] == 8

    unknown = cli("run", *arguments, "-o", "judge.engine=nobody")
    assert unknown.code == 3
    assert "judge.engine" in unknown.err


def test_judge_that_gives_up_leaves_scores_and_a_report(
    cli: RunCli, run_arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: LexicalJudge, ask: object) -> Reply:
        raise RefusedError("not today")

    arguments = ("--preset", "toy/demo/baseline", *run_arguments)
    with monkeypatch.context() as patched:
        patched.setattr(LexicalJudge, "ask", refuse)
        stopped = cli("run", *arguments)
    assert stopped.code == 7
    assert "run the same command again" in stopped.err
    folder = the_folder(tmp_path)
    assert (folder / "report.html").is_file()
    assert stages(folder)["judge scanqa"] == "failed"
    assert cli("run", *arguments, "--no-report").code == 0
    assert stages(folder)["judge scanqa"] == "finished"


def test_damaged_answers_are_made_again(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    cli("run", *PRESET, *run_arguments, "--jobs", "1")
    path = the_folder(tmp_path) / "predictions" / "scanqa.jsonl"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole[:-40], encoding="utf-8")
    again = cli("run", *PRESET, *run_arguments, "--jobs", "1")
    assert again.code == 0, again.err
    assert "was trained already" in again.out
    assert "scanqa: answered and scored" in again.out
    assert path.read_text(encoding="utf-8") == whole


def test_untrained_backbone_can_be_asked(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    asked = ("-o", "dataset.benchmarks=[]", "-o", "evaluate.benchmarks=[scanqa]")
    places = (*run_arguments, *asked, "-o", "dataset.split=none")
    done = cli("run", *PRESET, *places, "--jobs", "1", "--untrained")
    assert done.code == 0, done.err
    assert "train" not in stages(the_folder(tmp_path))


def test_another_runs_checkpoint_can_be_asked(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    assert cli("run", *PRESET, *run_arguments, "--jobs", "1").code == 0
    trained = the_folder(tmp_path)
    start = ("-o", f"backbone.checkpoint={trained / 'checkpoints' / 'final'}")
    name = ("-o", "output.name=other")
    done = cli("run", *PRESET, *run_arguments, *start, *name, "--jobs", "1", "--untrained")
    assert done.code == 0, done.err
    (other,) = (tmp_path / "runs").glob("other-*")
    assert answers(other) == answers(trained)
    record = json.loads((other / "run.json").read_text(encoding="utf-8"))
    assert "start" in record["stages"]["predict scanqa"]["inputs"]

    done = cli("train", *PRESET, *run_arguments, "-o", "backbone.checkpoint=nowhere")
    assert done.code == 4
    assert "nowhere: wanted weights to start from, found none" in done.err


def test_run_folder_and_other_configuration_exclude_each_other(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    done = cli("train", "--run", tmp_path, *PRESET, *run_arguments)
    assert done.code == 3
    assert "leave out --preset, --config and -o" in done.err


def test_missing_run_folder_is_one_line(cli: RunCli, tmp_path: Path) -> None:
    done = cli("score", "--run", tmp_path / "none")
    assert done.code == 3
    assert "config.yaml" in done.err
    assert "Traceback" not in done.err


def test_interrupted_training_is_recorded_and_continues(
    cli: RunCli, run_arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: LoraTrainer, **_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LoraTrainer, "train", interrupted)
        done = cli("run", *PRESET, *run_arguments, "--jobs", "1")
    assert done.code == 130
    assert "run the same command to continue" in done.err
    assert stages(the_folder(tmp_path)) == {"train": "interrupted"}
    assert cli("run", *PRESET, *run_arguments, "--jobs", "1").code == 0
    assert stages(the_folder(tmp_path))["train"] == "finished"


def test_unwritable_output_is_one_line(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = cli("train", *PRESET, *run_arguments, "-o", f"output.root={tmp_path / 'file'}")
    assert done.code == 1
    assert "choose another output folder" in done.err
    assert "Traceback" not in done.err


def test_missing_data_is_one_line(cli: RunCli, run_arguments: list[str], tmp_path: Path) -> None:
    place = f"dataset.annotations={tmp_path / 'nowhere'}"
    done = cli("train", *PRESET, *run_arguments, "-o", place)
    assert done.code == 4
    assert "wanted a folder of annotations" in done.err


def test_split_without_questions_is_named(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    done = cli("train", *PRESET, *run_arguments, "-o", "dataset.split=trian")
    assert done.code == 4
    assert "found no questions of split 'trian'" in done.err


def test_report_of_a_folder_without_runs_is_one_line(cli: RunCli, tmp_path: Path) -> None:
    done = cli("report", tmp_path)
    assert done.code == 4
    assert "wanted at least one run folder" in done.err


@pytest.mark.usefixtures("real_pictures")
def test_report_compares_runs(cli: RunCli, run_arguments: list[str], tmp_path: Path) -> None:
    for name in ("baseline", "transform"):
        done = cli("run", "--preset", f"toy/demo/{name}", *run_arguments, "--jobs", "1")
        assert done.code == 0, done.err
    page = tmp_path / "both.html"
    done = cli("report", tmp_path / "runs", "--output", page, "--title", "Two runs")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == str(page)
    text = page.read_text(encoding="utf-8")
    assert "<title>Two runs</title>" in text
    assert "transform, level, top" in text
    assert text.count('<details class="question"') == 8
    assert text.count("data:image/webp;base64,UklGR") == 8


HOSTILE = "</td></details></script><script>alert(1)</script><img src=x onerror='alert(2)'>\"&\x00\n"


class Elements(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_hostile_answers_stay_text(cli: RunCli, run_arguments: list[str], tmp_path: Path) -> None:
    assert cli("run", "--preset", "toy/demo/baseline", *run_arguments, "--no-report").code == 0
    folder = the_folder(tmp_path)
    path = folder / "predictions" / "scanqa.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, record in enumerate(records):
        record["text"] = HOSTILE if number else "x" * 100_000
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    record["environment"]["devices"] = record["command"] = HOSTILE
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    page = tmp_path / "page.html"
    done = cli("report", folder, "--output", page, "--title", HOSTILE)
    assert done.code == 0, done.err
    text = page.read_text(encoding="utf-8")
    elements = Elements()
    elements.feed(text)
    assert elements.tags.count("script") == 1
    assert elements.handlers == []
    assert all(source.startswith(("data:", "#")) for source in elements.sources)
    assert "&lt;script&gt;alert(1)" in text
    assert "(100,000 characters)" in text
    assert len(text) < 1_000_000


def test_a_configured_label_map_must_be_there(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    lacking = ("-o", f"dataset.label_map={tmp_path / 'none.tsv'}")
    assert cli("run", *PRESET, *run_arguments, "--jobs", "1", "--untrained").code == 0
    found = cli("run", *PRESET, *run_arguments, *lacking, "--jobs", "1", "--untrained")
    assert found.code == 4
    assert "none.tsv: wanted ScanNet's label map (dataset.label_map), found none" in found.err


def test_labels_of_a_file_split_the_scores(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    done = cli("run", "--preset", "toy/demo/baseline", *run_arguments, "--untrained", "--no-report")
    assert done.code == 0, done.err
    folder, labels = the_folder(tmp_path), tmp_path / "labels.jsonl"
    source = ("--benchmark", "scanqa", "--root", tmp_path / "data")
    assert cli("judge", "label", *source, "--rule", "lr_substring", "--out", labels).code == 0
    lines = [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines()]
    for place, line in enumerate(lines):
        line["direction_critical"] = (True, False, None, False)[place % 4]
    labels.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    done = cli("score", "--run", folder, "--labels", labels)
    assert done.code == 0, done.err
    result = load_result(folder / "results" / "scanqa.json")
    subsets = {name: len(keys) for name, keys in result.subsets.items() if ":" not in name}
    assert subsets == {"all": 8, "direction_critical": 2, "other": 4}
    assert result.remarks["direction_critical"] == "by labels that were given"
    labels.write_text(json.dumps(lines[0]) + "\n", encoding="utf-8")
    lacking = cli("score", "--run", folder, "--labels", labels)
    assert lacking.code == 4
    assert "found none for 7" in lacking.err
    several = cli("score", "--run", folder, "--labels", labels, "--benchmarks", "scanqa", "sqa3d")
    assert several.code == 3
    assert "wanted one benchmark, which the labels are for" in several.err
