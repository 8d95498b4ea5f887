from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import RunCli

PRESET = ("--preset", "toy/demo/transform")


def test_list_names_presets_of_all_backbones(cli: RunCli) -> None:
    done = cli("config", "list")
    assert done.code == 0
    assert "toy  (backbone presets: tiny)\n  toy/demo/baseline\n  toy/demo/transform" in done.out
    plain = json.loads(cli("config", "list", "--json").out)
    assert plain["toy"] == {"presets": ["tiny"], "runs": ["demo/baseline", "demo/transform"]}


def test_show_says_where_each_value_was_set(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("train: {max_steps: 7, batch_size: 3}\n", encoding="utf-8")
    extra = ("--config", str(file), "-o", "train.batch_size=5", *run_arguments)
    done = cli("config", "show", *PRESET, *extra, "--json")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    train, origins = shown["config"]["train"], shown["origins"]
    assert (train["max_steps"], origins["train.max_steps"]) == (7, str(file))
    assert (train["batch_size"], origins["train.batch_size"]) == (5, "-o")
    assert origins["train.lora_rank"] == "default"
    assert origins["align.modes"] == "preset toy/demo/transform"
    assert origins["train.learning_rate"].endswith("baseline.yaml")
    assert origins["backbone.name"] == "preset toy/demo/transform"
    text = cli("config", "show", *PRESET, *extra).out
    assert "train.batch_size = 5" in text
    assert f"digest {shown['digest'][:8]}" in text


def test_every_fault_is_named_at_once(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "trian: {}\n"
        "train: {lora_rank: 0, batch_size: many}\n"
        "align: {modes: [transform, prompt], selector: {name: topp}}\n"
        "backbone: {config: {widht: 3}}\n"
        "evaluate: {benchmarks: [scanqaa]}\n",
        encoding="utf-8",
    )
    done = cli("config", "validate", *PRESET, "--config", file, *run_arguments)
    assert done.code == 3
    for fault in (
        "trian = {}",
        "did you mean 'train'?",
        f"train.batch_size = 'many' ({file}): wanted a whole number, found text",
        "align.selector.name: no selector named 'topp'; did you mean 'top'?",
        "backbone.config: widht = 3 (override): no such key; did you mean 'width'?",
        "evaluate.benchmarks: no benchmark named 'scanqaa'; did you mean 'scanqa'",
    ):
        assert fault in done.err, fault
    assert "Traceback" not in done.err


def test_mode_that_the_backbone_lacks_is_a_fault(cli: RunCli, run_arguments: list[str]) -> None:
    done = cli("config", "validate", *PRESET, "-o", "align.modes=[embed]", *run_arguments)
    assert done.code == 3
    assert "backbone 'toy' does not support 'embed'; it supports: transform" in done.err


def test_parameter_that_the_selector_lacks_is_a_fault(
    cli: RunCli, run_arguments: list[str]
) -> None:
    bad = cli("config", "validate", *PRESET, "-o", "align.selector.ratio=0.3", *run_arguments)
    assert bad.code == 3
    assert "align.selector.ratio: selector 'top' takes no such parameter" in bad.err
    for selector in ("{name: clip, ratio: 0.3}", "{name: annotated, otherwise: clip, ratio: 0.3}"):
        choice = ("-o", f"align.selector={selector}")
        good = cli("config", "validate", *PRESET, *choice, *run_arguments)
        assert good.code == 0, good.err


def test_value_that_the_selector_refuses_is_a_fault(cli: RunCli, run_arguments: list[str]) -> None:
    choice = ("-o", "align.selector={name: annotated, otherwise: best}")
    done = cli("config", "validate", *PRESET, *choice, *run_arguments)
    assert done.code == 3
    assert "align.selector.otherwise: wanted one of top, clip, random, found 'best'" in done.err


def test_required_values_are_named(cli: RunCli) -> None:
    done = cli("config", "validate", *PRESET)
    assert done.code == 3
    assert "dataset: is required and not set" in done.err


def test_a_benchmark_must_be_named(cli: RunCli, run_arguments: list[str]) -> None:
    done = cli("config", "validate", *PRESET, *run_arguments, "-o", "dataset.benchmarks=[]")
    assert done.code == 3
    assert "dataset.benchmarks: wanted at least one, here or in evaluate.benchmarks" in done.err


def test_unknown_presets_name_close_ones(cli: RunCli) -> None:
    done = cli("config", "validate", "--preset", "toy/demo/transfrom")
    assert done.code == 3
    assert "did you mean 'demo/transform'?" in done.err
    assert cli("config", "validate", "--preset", "tory/demo/transform").code == 5


def test_bad_override_is_one_error(cli: RunCli) -> None:
    done = cli("config", "validate", *PRESET, "-o", "train.batch_size", "-o", "a=[1")
    assert done.code == 3
    assert "'train.batch_size': wanted dotted.key=value" in done.err
    assert "'a=[1': the value is not YAML" in done.err


def test_copy_is_a_file_that_works_alone(
    cli: RunCli, run_arguments: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "copy.yaml"
    assert cli("config", "copy", "toy/demo/transform", file).code == 0
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert values["backbone"] == {"name": "toy", "preset": "tiny"}
    assert values["train"]["max_steps"] == 4
    shown = [
        json.loads(cli("config", "show", *source, *run_arguments, "--json").out)["digest"]
        for source in (PRESET, ("--config", file))
    ]
    assert shown[0] == shown[1]
    again = cli("config", "copy", "toy/demo/transform", file)
    assert again.code == 3
    assert "the file exists" in again.err


def test_digest_follows_values_not_their_places(cli: RunCli, run_arguments: list[str]) -> None:
    def digest(*more: str) -> str:
        done = cli("config", "show", *PRESET, *run_arguments, "--json", *more)
        return str(json.loads(done.out)["digest"])

    assert digest() == digest("-o", "output.name=other") == digest("-o", "train.max_steps=4")
    assert digest() != digest("-o", "train.max_steps=5")
    assert digest() != digest("-o", "backbone.config.width=24")
