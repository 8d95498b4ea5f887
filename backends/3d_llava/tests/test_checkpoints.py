"""Published layouts, generated in small, and their key lists in full size on the meta device."""

from __future__ import annotations

import functools
import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig

from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.checkpoints.layout import (
    adapted_linears,
    merged_tensors,
    non_lora_tensors,
)
from posealign_3d_llava.checkpoints.lora_run import (
    export_lora_run,
    import_lora_run,
    merge_lora_run,
)
from posealign_3d_llava.checkpoints.merged import save_merged
from posealign_3d_llava.checkpoints.start import load_base, load_stage1
from posealign_3d_llava.encode.encoder import LlavaEncoder
from posealign_3d_llava.model.config import TowerConfig
from posealign_3d_llava.model.llava import LlavaLlamaForCausalLM
from posealign_core.backbone import LoadReport
from posealign_core.errors import (
    CheckpointMismatchError,
    DataError,
    PoseAlignWarning,
    UnsafeFileError,
)
from posealign_core.training.lora import select_trainable
from posealign_core.training.settings import TrainSettings

from .samples import sample_of, tiny

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {"llm.n_layers": 2}
N_VOCABULARY_BASE = -1


def model(seed: int = 0, **overrides) -> LlavaBackbone:
    torch.manual_seed(seed)
    return LlavaBackbone(tiny(**SMALL, **overrides)).eval().requires_grad_(False)


def trained(seed: int = 1, **overrides) -> LlavaBackbone:
    """A backbone with adapters whose every trained number is random."""
    backbone = model(seed, **overrides)
    select_trainable(backbone, TrainSettings(lora_rank=4, lora_alpha=8))
    with torch.no_grad():
        for parameter in backbone.parameters():
            if parameter.requires_grad:
                parameter.copy_(0.1 * torch.randn_like(parameter))
        for name, buffer in backbone.named_buffers():
            if "running" in name:
                buffer.copy_(torch.rand_like(buffer) + 0.5)
    return backbone


def tensors_of(backbone: LlavaBackbone) -> dict[str, torch.Tensor]:
    return {key: tensor.clone() for key, tensor in backbone.lm.state_dict().items()}


def assert_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [key for key in a if not torch.equal(a[key], b[key])] == []


def frozen_twin(backbone: LlavaBackbone, seed: int = 9, **overrides) -> LlavaBackbone:
    """Another model with the same frozen weights, as base and stage-1 file would give it."""
    twin = model(seed, **overrides)
    own = tensors_of(backbone)
    for key, tensor in twin.lm.state_dict().items():
        stored = own.get(key, own.get(key.replace("_proj.weight", "_proj.base_layer.weight")))
        if stored is not None and key not in non_lora_tensors(twin.lm):
            tensor.copy_(stored)
    return twin


def loss_of(backbone: LlavaBackbone) -> float:
    encoder = LlavaEncoder(backbone.llava_config)
    item = encoder.encode([sample_of()], train=True, rng=np.random.default_rng(0))
    with torch.no_grad():
        return float(backbone.eval()(encoder.collate([item])).loss)


@pytest.fixture(scope="module")
def full_size() -> LlavaLlamaForCausalLM:
    with torch.device("meta"):
        return LlavaLlamaForCausalLM(
            LlamaConfig(
                vocab_size=32001, hidden_size=4096, intermediate_size=11008,
                num_hidden_layers=32, num_attention_heads=32, rms_norm_eps=1e-5,
            ),
            TowerConfig(),
            seg_token_id=32000,
            n_ego_features=6,
        )  # fmt: skip


def test_full_size_keys_of_a_lora_run(full_size: LlavaLlamaForCausalLM):
    """Section 6.6, written out."""
    found = {key: tuple(t.shape) for key, t in non_lora_tensors(full_size).items()}
    statistics = {key for key in found if key.endswith(("running_mean", "running_var"))}
    assert len(statistics) == 90
    assert all(key.startswith("model.pointcloud_tower.segmentor.") for key in statistics)
    tower = "model.pointcloud_tower."
    assert {key: shape for key, shape in found.items() if key not in statistics} == {
        "lm_head.weight": (32001, 4096),
        "model.embed_tokens.weight": (32001, 4096),
        "model.mm_projector.0.weight": (4096, 1030),
        "model.mm_projector.0.bias": (4096,),
        "model.mm_projector.2.weight": (4096, 4096),
        "model.mm_projector.2.bias": (4096,),
        f"{tower}segmentor.alignment_proj.0.weight": (1024, 256),
        f"{tower}segmentor.alignment_proj.0.bias": (1024,),
        f"{tower}hidden_seg_fc.0.weight": (1024, 4096),
        f"{tower}hidden_seg_fc.0.bias": (1024,),
        f"{tower}hidden_seg_fc.2.weight": (256, 1024),
        f"{tower}hidden_seg_fc.2.bias": (256,),
    }
    linears = adapted_linears(full_size)
    assert len(linears) == 32 * 7
    n_lora = sum(32 * (m.in_features + m.out_features) for m in linears.values())
    assert n_lora == 79_953_920


def test_full_size_keys_of_a_merged_checkpoint(full_size: LlavaLlamaForCausalLM):
    """Section 6.8: LLaMA, head, projector, tower without the alias."""
    found = {key: tuple(t.shape) for key, t in merged_tensors(full_size).items()}
    layer = {
        **{f"self_attn.{p}_proj.weight": (4096, 4096) for p in "qkvo"},
        "mlp.gate_proj.weight": (11008, 4096),
        "mlp.up_proj.weight": (11008, 4096),
        "mlp.down_proj.weight": (4096, 11008),
        "input_layernorm.weight": (4096,),
        "post_attention_layernorm.weight": (4096,),
    }
    llama = {f"model.layers.{i}.{key}": shape for i in range(32) for key, shape in layer.items()}
    llama |= {"model.norm.weight": (4096,), "model.embed_tokens.weight": (32001, 4096)}
    rest = {key: shape for key, shape in found.items() if key not in llama}
    assert {key: found[key] for key in llama} == llama
    tower = [key for key in rest if key.startswith("model.pointcloud_tower.")]
    assert len(tower) == 399 - 2
    assert len(rest) - len(tower) == 1 + 4
    assert math.prod(found["lm_head.weight"]) == 131_076_096


def test_a_run_goes_out_and_comes_back_bit_for_bit(tmp_path: Path):
    source = trained()
    export_lora_run(source, tmp_path)
    twin = frozen_twin(source)
    assert import_lora_run(twin, tmp_path) == LoadReport(loaded=2 * 2 * 7 + 12 + n_statistics())
    assert_equal(tensors_of(source), tensors_of(twin))
    export_lora_run(twin, tmp_path / "again")
    assert_equal(
        load_file(tmp_path / "adapter_model.safetensors"),
        load_file(tmp_path / "again" / "adapter_model.safetensors"),
    )
    assert_equal(
        *(
            torch.load(folder / "non_lora_trainables.bin", weights_only=True)
            for folder in (tmp_path, tmp_path / "again")
        )
    )
    adapter_config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (adapter_config["r"], adapter_config["lora_alpha"]) == (4, 8)


def n_statistics() -> int:
    return sum("running" in key for key in model().lm.state_dict())


def test_a_merged_run_answers_as_the_run(tmp_path: Path):
    source = trained()
    export_lora_run(source, tmp_path)
    twin = frozen_twin(source)
    twin.load_published(tmp_path).require_exact("run")
    assert loss_of(twin) == pytest.approx(loss_of(source), rel=1e-5)


# peft still asks for an attribute that transformers has renamed.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_merging_is_what_peft_makes_of_the_same_files(tmp_path: Path):
    source = trained()
    export_lora_run(source, tmp_path)
    ours, theirs = frozen_twin(source), frozen_twin(source)
    merge_lora_run(ours.lm, tmp_path)
    wrapped = PeftModel.from_pretrained(theirs.lm, str(tmp_path))
    merged = wrapped.merge_and_unload().state_dict()
    for key, tensor in ours.lm.state_dict().items():
        if "layers" in key and key.startswith("model.layers"):
            torch.testing.assert_close(tensor, merged[key], rtol=0, atol=1e-6)


@pytest.mark.parametrize("ego_features", [True, False], ids=["embed", "transform or prompt"])
def test_a_merged_checkpoint_goes_out_and_comes_back(tmp_path: Path, ego_features: bool):
    source = trained(ego_features=ego_features)
    before = loss_of(source)
    save_merged(source, tmp_path, shard_size="1MB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    twin = model(5, ego_features=ego_features)
    twin.load_published(tmp_path).require_exact("merged")
    assert loss_of(twin) == pytest.approx(before, rel=1e-5)
    assert_equal(merged_tensors(source.lm), merged_tensors(twin.lm))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["mm_hidden_size"] == (102 if ego_features else 96)
    assert sorted(torch.load(tmp_path / "mm_projector.bin", weights_only=True)) == [
        "0.bias", "0.weight", "2.bias", "2.weight",
    ]  # fmt: skip


def test_the_release_keeps_the_stage_1_tower_of_a_merged_checkpoint(tmp_path: Path):
    source = trained()
    save_merged(source, tmp_path)
    ours, theirs = model(), model(merged_tower="stage1_only")
    before = tensors_of(theirs)
    for twin in (ours, theirs):
        twin.load_published(tmp_path).require_exact("merged")
    merged, released = tensors_of(ours), tensors_of(theirs)
    tower = [key for key in merged if "pointcloud_tower" in key]
    assert_equal({key: before[key] for key in tower}, {key: released[key] for key in tower})
    assert_equal(
        *({k: t for k, t in found.items() if k not in tower} for found in (merged, released))
    )
    changed = [key for key in tower if not torch.equal(merged[key], before[key])]
    assert any("hidden_seg_fc" in key for key in changed)


def test_a_checkpoint_of_another_variant_is_named(tmp_path: Path):
    save_merged(trained(ego_features=True), tmp_path)
    report = model(ego_features=False).load_published(tmp_path)
    assert report.reshaped == (("model.mm_projector.0.weight", (128, 102), (128, 96)),)
    with pytest.raises(CheckpointMismatchError, match=r"mm_projector\.0\.weight: file has"):
        report.require_exact("embed")


def test_a_run_that_lacks_and_has_too_much(tmp_path: Path):
    source = trained()
    export_lora_run(source, tmp_path)
    adapters = load_file(tmp_path / "adapter_model.safetensors")
    gone = "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight"
    adapters["base_model.model.model.layers.7.mlp.up_proj.lora_B.weight"] = adapters.pop(gone)
    save_file(adapters, tmp_path / "adapter_model.safetensors")
    twin = frozen_twin(source)
    kept = twin.lm.model.layers[0].mlp.up_proj.weight.clone()
    report = twin.load_published(tmp_path)
    assert report.missing == ("model.layers.0.mlp.up_proj.lora_B.weight",)
    assert report.unexpected == ("model.layers.7.mlp.up_proj.lora_B.weight",)
    assert torch.equal(twin.lm.model.layers[0].mlp.up_proj.weight, kept)


def base_folder(source: LlavaBackbone, folder: Path) -> dict[str, torch.Tensor]:
    """LLaVA-1.5 in small: no row for [SEG], projector of 64 channels, leftovers of other code."""
    folder.mkdir()
    entries = {
        key: tensor.clone()
        for key, tensor in source.lm.state_dict().items()
        if not key.startswith("model.pointcloud_tower.")
    }
    for key in ("model.embed_tokens.weight", "lm_head.weight"):
        entries[key] = entries[key][:N_VOCABULARY_BASE].clone()
    entries["model.mm_projector.0.weight"] = entries["model.mm_projector.0.weight"][:, :64].clone()
    leftovers = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4),
        "model.vision_tower.vision_tower.x": torch.ones(1),
    }
    names = sorted(entries)
    torch.save(
        {k: entries[k] for k in names[:9]} | leftovers, folder / "pytorch_model-00001-of-00002.bin"
    )
    torch.save({k: entries[k] for k in names[9:]}, folder / "pytorch_model-00002-of-00002.bin")
    return entries


@pytest.mark.parametrize("ego_features", [True, False])
def test_starting_from_llava(tmp_path: Path, ego_features: bool):
    entries = base_folder(model(3), tmp_path / "base")
    started = model(4, base=str(tmp_path / "base"), ego_features=ego_features)
    state = started.lm.state_dict()
    for key, tensor in entries.items():
        rows = state[key][: len(tensor)] if "layers" not in key else state[key]
        columns = rows[:, : tensor.shape[1]] if tensor.ndim == 2 else rows
        assert torch.equal(columns, tensor), key
    new = state["lm_head.weight"][-1]
    assert 0.005 < float(new.std()) < 0.05
    assert state["model.mm_projector.0.weight"].shape == (128, 102 if ego_features else 96)
    assert all(torch.isfinite(tensor).all() for tensor in state.values())
    assert math.isfinite(loss_of(started))
    attention = started.lm.tower.segmentor.decoder.self_attn_layers[0]
    assert attention.scale_factor.tolist() == [10.0] * 4


def test_a_base_of_another_size(tmp_path: Path):
    base_folder(model(3), tmp_path / "base")
    with pytest.raises(CheckpointMismatchError, match=r"file has \(384, 128\)"):
        load_base(model(4, **{"llm.mlp_width": 256}).lm, tmp_path / "base")


def test_starting_from_a_stage_1_tower(tmp_path: Path):
    source, target = model(3).lm.tower, model(4).lm.tower
    entries = {f"module.{key}": t for key, t in source.segmentor.state_dict().items()}
    torch.save({"state_dict": entries, "epoch": 3}, tmp_path / "stage1.pth")
    load_stage1(target, tmp_path / "stage1.pth")
    wanted, found = source.segmentor.state_dict(), target.state_dict()
    for key, tensor in wanted.items():
        assert torch.equal(found[f"segmentor.{key}"], tensor), key
    decoder = target.segmentor.decoder.state_dict()
    for name in ("visual_sampler", "mask_decoder"):
        for key, tensor in getattr(target, name).state_dict().items():
            assert torch.equal(tensor, decoder[key]), key


def test_a_stage_1_file_that_lacks_something_or_has_more(tmp_path: Path):
    entries = dict(model(3).lm.tower.segmentor.state_dict())
    torch.save({**entries, "criterion.weight": torch.ones(2)}, tmp_path / "more.pth")
    with pytest.warns(PoseAlignWarning, match="left out 1 entries .* criterion.weight"):
        load_stage1(model(4).lm.tower, tmp_path / "more.pth")
    del entries["input_conv.0.weight"]
    torch.save(entries, tmp_path / "less.pth")
    with pytest.raises(CheckpointMismatchError, match=r"missing input_conv\.0\.weight"):
        load_stage1(model(4).lm.tower, tmp_path / "less.pth")


class Crafted:
    def __reduce__(self):
        return (print, ("this must never be printed",))


@pytest.mark.parametrize("name", ["stage1.pth", "non_lora_trainables.bin", "pytorch_model.bin"])
def test_a_crafted_file_is_not_run(tmp_path: Path, name: str, capsys):
    if name == "non_lora_trainables.bin":
        export_lora_run(trained(), tmp_path)
    torch.save({"x": Crafted()}, tmp_path / name)
    backbone = model()
    load = backbone.load_published
    if name == "stage1.pth":
        load = functools.partial(load_stage1, backbone.lm.tower)
    with pytest.raises(UnsafeFileError):
        load(tmp_path / name if name == "stage1.pth" else tmp_path)
    assert "never" not in capsys.readouterr().out


def test_folders_that_hold_nothing(tmp_path: Path):
    with pytest.raises(DataError, match=r"wanted model\*\.safetensors"):
        model().load_published(tmp_path)
    with pytest.raises(DataError, match="found nothing there"):
        model().load_published(tmp_path / "absent")
    with pytest.raises(DataError, match="wanted a backbone with LoRA adapters"):
        export_lora_run(model(), tmp_path)
    LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj"]).save_pretrained(str(tmp_path))
    with pytest.raises(DataError, match=r"adapter_model\.safetensors or adapter_model\.bin"):
        model().load_published(tmp_path)
