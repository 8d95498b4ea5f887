from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import torch
from learning_toy import ToyBackbone, ToyConfig, ToyEncoder, toy_pipeline, toy_queries
from safetensors.torch import load_file

from posealign_core.errors import BackboneError, ConfigError
from posealign_core.structures import AlignSettings, Query
from posealign_core.training import LoraTrainer, TrainOutcome, TrainSettings, lora_trainer
from posealign_core.training.log import read_log

if TYPE_CHECKING:
    from pathlib import Path

BRIEF = TrainSettings(
    learning_rate=5e-3, max_steps=4, batch_size=4, log_every_steps=1, lora_rank=4, lora_dropout=0.0
)


def trainer(
    folder: Path,
    settings: TrainSettings = BRIEF,
    queries: list[Query] | None = None,
    align: AlignSettings | None = None,
    **config: Any,
) -> LoraTrainer:
    pipeline = (
        toy_pipeline(folder, queries) if align is None else toy_pipeline(folder, queries, align)
    )
    return LoraTrainer(
        ToyBackbone(ToyConfig(**config)),
        ToyEncoder(ToyConfig()),
        pipeline,
        settings,
        folder / "run",
    )


def with_changes(**changes: Any) -> TrainSettings:
    return TrainSettings(**{**BRIEF.__dict__, **changes})


def losses(outcome: TrainOutcome) -> list[float]:
    return [line["loss"] for line in read_log(outcome.log)]


def test_only_the_recipe_changes_and_the_log_says_what_happened(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    before = {name: p.clone() for name, p in run.backbone.named_parameters()}
    outcome = run.train()
    after = dict(run.backbone.named_parameters())
    changed = {
        n.replace(".base_layer", "")
        for n, p in after.items()
        if n in before and not torch.equal(p, before[n])
    }
    assert changed == {
        "objects.weight",
        "objects.bias",
        "llm.norm.weight",
        "llm.embed_tokens.weight",
    }
    assert all(p.any() for n, p in after.items() if "lora_B" in n)
    frozen = {n: p for n, p in after.items() if ".base_layer." in n}
    assert frozen
    assert all(torch.equal(p, before[n.replace(".base_layer", "")]) for n, p in frozen.items())
    lines = read_log(outcome.log)
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    assert lines[0]["poses/annotated"] == 4
    assert lines[3]["epoch"] == pytest.approx(16 / 24)
    assert lines[0]["n_words"] > 0
    assert (outcome.steps, outcome.loss) == (4, lines[-1]["loss"])
    assert outcome.pose_counts == {"annotated": 16}
    assert not run.backbone.training


def test_epochs_give_the_number_of_steps(tmp_path: Path) -> None:
    settings = with_changes(max_steps=None, epochs=1.5, batch_size=4, accumulation=2)
    # 24 queries, 8 per step: 3 steps an epoch.
    assert trainer(tmp_path, settings).train().steps == 5


def test_packing_joins_what_shares_scene_and_pose(tmp_path: Path) -> None:
    run = trainer(tmp_path, with_changes(questions_per_sequence=3))
    queries = run.pipeline.queries
    packs = run.epoch_items(0)
    assert sorted(i for p in packs for i in p) == list(range(24))
    # Two of each scan's four questions come from either camera.
    assert [len(p) for p in packs] == [2] * 12
    assert all(len({(queries[i].scene_id, queries[i].references) for i in p}) == 1 for p in packs)
    assert run.epoch_items(0) == packs
    assert run.epoch_items(1) != packs
    plain = trainer(tmp_path, with_changes(questions_per_sequence=3), align=AlignSettings())
    assert sorted(len(p) for p in plain.epoch_items(0)) == [1] * 6 + [3] * 6


def test_packed_training_counts_every_question(tmp_path: Path) -> None:
    outcome = trainer(tmp_path, with_changes(questions_per_sequence=2)).train()
    assert outcome.pose_counts == {"annotated": 32}


def test_a_backbone_that_cannot_pack_is_not_made_to(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path)
    tags = pipeline.host.backbones["toy"].tags
    object.__setattr__(tags, "packs_questions", False)
    with pytest.raises(BackboneError, match="questions_per_sequence = 2"):
        LoraTrainer(
            ToyBackbone(ToyConfig()),
            ToyEncoder(ToyConfig()),
            pipeline,
            with_changes(questions_per_sequence=2),
            tmp_path,
        )


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12, with threads
def test_workers_change_nothing(tmp_path: Path) -> None:
    queries = toy_queries(annotated=False)
    here = losses(trainer(tmp_path / "a", BRIEF, queries).train())
    there = losses(trainer(tmp_path / "b", with_changes(workers=2), queries).train())
    assert here == pytest.approx(there, rel=1e-5)


def test_accumulation_gives_the_gradient_of_the_whole_batch(tmp_path: Path) -> None:
    def run(folder: Path, settings: TrainSettings) -> list[float]:
        # One kind of question, so that each answer weighs the same in every batch.
        queries = [q for q in toy_queries() if "?" in q.text]
        pipeline = toy_pipeline(folder, queries)
        backbone = ToyBackbone(ToyConfig())
        backbone.norm = torch.nn.Identity()  # batch statistics depend on the batch's size
        encoder = ToyEncoder(ToyConfig())
        return losses(LoraTrainer(backbone, encoder, pipeline, settings, folder / "run").train())

    whole = run(tmp_path / "a", with_changes(batch_size=8, accumulation=1))
    parts = run(tmp_path / "b", with_changes(batch_size=2, accumulation=4))
    assert parts == pytest.approx(whole, rel=1e-4)


def test_gradient_checkpointing_changes_no_loss(tmp_path: Path) -> None:
    plain = losses(trainer(tmp_path / "a").train())
    settings = with_changes(gradient_checkpointing=True)
    assert losses(trainer(tmp_path / "b", settings).train()) == pytest.approx(plain, rel=1e-4)


def test_mixed_precision_keeps_what_trains_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posealign_core.training.lora_trainer._has_bf16", lambda: True)
    run = trainer(tmp_path, with_changes(learning_rate=1e-4))
    run.backbone.get_submodule("llm").to(torch.bfloat16)
    dtypes = {name: p.dtype for name, p in run.backbone.named_parameters()}
    outcome = run.train()
    stored = load_file(outcome.checkpoint / "extra_modules.safetensors")["llm.norm.weight"]
    assert stored.dtype is torch.float32
    # Steps of 1e-4 would vanish beside ones in bfloat16, which are 8e-3 apart.
    assert 0 < (stored - 1).abs().max() < 1e-3
    after = {name: p.dtype for name, p in run.backbone.named_parameters()}
    assert {n.replace(".base_layer", ""): d for n, d in after.items() if "lora" not in n} == dtypes
    assert "_original_forward" not in vars(run.backbone)  # out of the autocast wrapper


def test_a_second_training_in_one_process_has_mixed_precision_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posealign_core.training.lora_trainer._has_bf16", lambda: True)
    run = trainer(tmp_path)
    seen: list[bool] = []
    run.backbone.get_submodule("llm").register_forward_pre_hook(
        lambda *_: seen.append(torch.is_autocast_enabled("cpu"))
    )
    for _ in range(2):
        seen.clear()
        run.train(resume=False)
        assert seen
        assert all(seen)


def test_a_finished_run_is_loaded(tmp_path: Path) -> None:
    first = trainer(tmp_path)
    outcome = first.train()
    again = trainer(tmp_path, with_changes(log_every_steps=2, workers=1))
    files = sorted(tmp_path.rglob("*"))
    assert again.train() == outcome
    assert sorted(tmp_path.rglob("*")) == files
    pairs = zip(first.backbone.parameters(), again.backbone.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_starting_anew_removes_the_earlier_run(tmp_path: Path) -> None:
    trainer(tmp_path).train()
    shorter = trainer(tmp_path, with_changes(max_steps=2)).train(resume=False)
    assert shorter.steps == 2
    assert [line["step"] for line in read_log(shorter.log)] == [1, 2]
    assert sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "checkpoint-2",
        "final",
    ]


def test_another_recipe_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path).train()
    with pytest.raises(ConfigError) as caught:
        trainer(tmp_path, with_changes(learning_rate=1e-3, lora_rank=8)).train()
    assert caught.value.faults[0].startswith("learning_rate: the checkpoints there were trained")
    assert caught.value.faults[1].startswith("lora_rank")


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    with torch.no_grad():
        run.backbone.get_parameter("objects.bias").fill_(torch.nan)
    with pytest.raises(BackboneError, match="loss is nan at step 1"):
        run.train()
    assert not (run.checkpoints_dir / "final").exists()


@pytest.mark.parametrize(
    ("size", "accumulation", "checkpointing", "advice"),
    [
        (4, 2, False, "batch_size = 2 with train.accumulation = 4, or train.gradient_checkpoint"),
        (3, 1, True, "batch_size = 1 with train.accumulation = 3$"),
        (1, 1, True, "a lower train.lora_rank or train.questions_per_sequence$"),
    ],
)
def test_memory_that_runs_out_says_what_to_change(
    tmp_path: Path, monkeypatch, size: int, accumulation: int, checkpointing: bool, advice: str
) -> None:
    changes = {"batch_size": size, "accumulation": accumulation}
    run = trainer(tmp_path, with_changes(gradient_checkpointing=checkpointing, **changes))

    def forward(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(run.backbone, "forward", forward)
    monkeypatch.setattr(lora_trainer, "_checkpoint_activations", lambda _: None)
    with pytest.raises(BackboneError, match=f"out of memory with train.batch_size = {size}") as e:
        run.train()
    assert re.search(advice, str(e.value))


def test_no_queries_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no queries"):
        trainer(tmp_path, queries=[]).train()


@pytest.mark.parametrize("kept", [1, 2])
def test_old_checkpoints_are_removed(tmp_path: Path, kept: int) -> None:
    run = trainer(tmp_path, with_changes(save_every_steps=1, keep_checkpoints=kept))
    run.train()
    names = {p.name for p in run.checkpoints_dir.iterdir()}
    assert names == {"final", *(f"checkpoint-{4 - i}" for i in range(kept))}


def test_a_log_with_a_cut_line_is_read_up_to_it(tmp_path: Path) -> None:
    log = tmp_path / "train.jsonl"
    log.write_text(json.dumps({"step": 1}) + "\n" + '{"step": 2, "lo')
    assert read_log(log) == [{"step": 1}]


def test_backbones_can_change_the_recipe(tmp_path: Path) -> None:
    class Hand(LoraTrainer):
        def epoch_items(self, epoch: int) -> list[tuple[int, ...]]:
            return [(0,), (1,)]

        def learning_rate_factor(self, step: int, n_steps: int) -> float:
            return 0.0

    pipeline = toy_pipeline(tmp_path)
    backbone = ToyBackbone(ToyConfig())
    before = backbone.objects.weight.clone()
    run = Hand(
        backbone,
        ToyEncoder(ToyConfig()),
        pipeline,
        with_changes(epochs=2, max_steps=None),
        tmp_path / "run",
    )
    assert run.train().steps == 1
    assert torch.equal(backbone.objects.weight, before)
