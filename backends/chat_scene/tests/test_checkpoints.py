"""Published checkpoints, in and out (specification section 5, and test 8 of section 12)."""

from __future__ import annotations

import pickle
import sys
import types

import pytest
import torch

from posealign_chat_scene.backbone import ChatSceneBackbone
from posealign_chat_scene.checkpoints.published import export_published, load_published
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_core.backbone import GenerationOptions
from posealign_core.errors import CheckpointMismatchError, DataError, UnsafeFileError
from posealign_core.testing.toy_scenes import toy_queries
from posealign_core.training.lora import select_trainable
from posealign_core.training.settings import TrainSettings

from .samples import encoded, sample_of, tiny

PLAIN = {"channel": "none"}


def model_of(**overrides):
    torch.manual_seed(0)
    return ChatSceneBackbone(tiny(**overrides)).eval()


def trained(**overrides):
    backbone = model_of(**overrides)
    select_trainable(backbone, TrainSettings(lora_rank=3, lora_alpha=6, lora_dropout=0.0))
    with torch.no_grad():
        for parameter in backbone.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return backbone.eval()


def answers(backbone, config=None):
    encoder = ChatSceneEncoder(config or tiny(network=PLAIN))
    samples = [sample_of(query=query) for query in toy_queries()]
    batch = encoder.collate([encoded(s, config=config or tiny(network=PLAIN)) for s in samples])
    with torch.no_grad():
        found = backbone.generate(batch, GenerationOptions(max_new_tokens=6, num_beams=2))
    return [answer.text for answer in found]


@pytest.fixture
def published(tmp_path):
    backbone = trained(network=PLAIN)
    export_published(backbone, tmp_path / "ckpt_01_12.pth", epoch=1, global_step=12)
    return backbone, tmp_path / "ckpt_01_12.pth"


def stored(path):
    return torch.load(path, weights_only=True)


def rewritten(path, change):
    values = stored(path)
    change(values)
    torch.save(values, path)
    return path


def test_layout(published):
    backbone, path = published
    values = stored(path)
    assert (values["epoch"], values["global_step"]) == (1, 12)
    assert values["config"]["lora"] == {"lora_r": 3, "lora_alpha": 6, "lora_dropout": 0.0}
    assert values["config"]["model"]["max_obj_num"] == 6
    keys = set(values["model"])
    n_layers = backbone.chat_config.llm.n_layers
    assert len(keys) == 14 * n_layers + 2 + 8 + 2 + 1
    assert "llama_model.base_model.model.lm_head.weight" in keys


def test_out_and_in_again_bit_for_bit(published):
    backbone, path = published
    other = model_of(network=PLAIN)
    report = other.load_published(path)
    report.require_exact(str(path))
    assert answers(other) == answers(backbone)
    again = path.with_name("again.pth")
    export_published(other, again, epoch=1, global_step=12)
    one, two = stored(path)["model"], stored(again)["model"]
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_alpha_comes_from_the_stored_configuration(published):
    _, path = published
    other = model_of(network=PLAIN)
    other.load_published(path)
    adapters = other.peft_config["default"]
    assert (adapters.r, adapters.lora_alpha) == (3, 6)
    bare = rewritten(path, lambda values: values.update(config={}))
    with pytest.raises(CheckpointMismatchError, match="lora_alpha"):
        model_of(network=PLAIN).load_published(bare)


def test_the_configuration_may_be_an_easydict(published, monkeypatch):
    _, path = published
    module = types.ModuleType("utils.easydict")
    kind = type("EasyDict", (dict,), {"__module__": "utils.easydict"})
    module.EasyDict = kind
    monkeypatch.setitem(sys.modules, "utils", types.ModuleType("utils"))
    monkeypatch.setitem(sys.modules, "utils.easydict", module)

    def wrap(value):
        return kind({k: wrap(v) for k, v in value.items()}) if isinstance(value, dict) else value

    rewritten(path, lambda values: values.update(config=wrap(values["config"])))
    monkeypatch.undo()
    model_of(network=PLAIN).load_published(path).require_exact(str(path))


def test_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    path = tmp_path / "ckpt.pth"
    torch.save({"model": {}, "config": Evil()}, path)
    with pytest.raises((UnsafeFileError, DataError), match="print"):
        model_of(network=PLAIN).load_published(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update({"relation_module.layers.0.weight": torch.zeros(2)}),
        lambda m: m.update({"pos_proj.0.weight": torch.zeros(32, 3)}),
        lambda m: [m.pop(k) for k in [*m] if k.startswith("object_img_proj")],
    ],
)
def test_earlier_versions_are_refused_by_name(published, change):
    _, path = published
    rewritten(path, lambda values: change(values["model"]))
    with pytest.raises(CheckpointMismatchError, match=r"earlier Chat-Scene \(v2\.0 or v2\.1"):
        model_of(network=PLAIN).load_published(path)


@pytest.mark.parametrize("flag", ["feat_fusion", "no_obj", "add_scene_token"])
def test_other_arrangements_of_tokens_are_refused(published, flag):
    _, path = published
    rewritten(path, lambda values: values["config"]["model"].update({flag: True}))
    with pytest.raises(CheckpointMismatchError, match=flag):
        model_of(network=PLAIN).load_published(path)


def test_another_number_of_identifiers_is_refused(published):
    _, path = published
    with pytest.raises(CheckpointMismatchError, match="wanted 8 identifiers, found 6"):
        model_of(network={**PLAIN, "n_slots": 8}).load_published(path)


def test_what_is_missing_unexpected_or_reshaped_is_named(published):
    _, path = published

    def change(values):
        model = values["model"]
        del model["object_proj.0.bias"]
        model["stranger"] = torch.zeros(1)
        model["object_proj.2.bias"] = torch.zeros(3)

    report = model_of(network=PLAIN).load_published(rewritten(path, change))
    assert report.missing == ("object_proj.0.bias",)
    assert report.unexpected == ("stranger",)
    assert report.reshaped == (("object_proj.2.bias", (3,), (32,)),)


def test_a_channel_that_was_not_trained_starts_silent(published):
    backbone, path = published
    heard = model_of(network={"channel": "fourier_minmax"})
    heard.load_published(path).require_exact(str(path))
    assert not heard.network.pos_proj[0].weight.any()
    assert answers(heard) == answers(backbone)


def test_a_trained_channel_is_kept_and_not_dropped(tmp_path):
    path = tmp_path / "ckpt.pth"
    backbone = trained(network={"channel": "fourier_minmax"})
    export_published(backbone, path)
    other = model_of(network={"channel": "fourier_minmax"})
    other.load_published(path).require_exact(str(path))
    assert torch.equal(other.network.pos_proj[0].weight, backbone.network.pos_proj[0].weight)
    with pytest.raises(CheckpointMismatchError, match="channel"):
        model_of(network=PLAIN).load_published(path)


def test_a_channel_of_other_waves_starts_silent(tmp_path):
    path = tmp_path / "ckpt.pth"
    export_published(trained(network={"channel": "sine_metric"}), path)
    same = model_of(network={"channel": "sine_metric"})
    same.load_published(path).require_exact(str(path))
    assert same.network.pos_proj[0].weight.any()
    other = model_of(network={"channel": "fourier_metric"})
    other.load_published(path).require_exact(str(path))
    assert not other.network.pos_proj[0].weight.any()
    with pytest.raises(CheckpointMismatchError, match="channel to sine_metric"):
        model_of(network=PLAIN).load_published(path)


def test_columns_for_the_pose_start_silent(published):
    backbone, path = published
    wide = model_of(network={**PLAIN, "ego_features": True}, embed="features")
    wide.load_published(path).require_exact(str(path))
    weight = wide.network.object_proj[0].weight
    assert torch.equal(weight[:, :64], backbone.network.object_proj[0].weight)
    assert not weight[:, 64:].any()
    assert answers(wide) == answers(backbone)


def test_bad_files(tmp_path):
    backbone = model_of(network=PLAIN)
    with pytest.raises(DataError, match="wanted a file"):
        load_published(backbone, tmp_path / "none.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(DataError, match="under 'model'"):
        load_published(backbone, tmp_path / "list.pth")
    (tmp_path / "junk.pth").write_bytes(pickle.dumps("junk")[:3])
    with pytest.raises(DataError):
        load_published(backbone, tmp_path / "junk.pth")


def test_nothing_to_export(tmp_path):
    with pytest.raises(DataError, match="LoRA adapters"):
        export_published(model_of(network=PLAIN), tmp_path / "ckpt.pth")
