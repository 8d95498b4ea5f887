"""The training forward of section 4.6 on a tiny language model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from transformers import LlamaConfig, PreTrainedTokenizerFast

from posealign_3d_llava.model.cloud import PointCloudBatch
from posealign_3d_llava.model.conversation import Turn, encode_conversation
from posealign_3d_llava.model.llava import LlavaBatch, LlavaLlamaForCausalLM
from posealign_3d_llava.model.segmentation_loss import segmentation_loss
from posealign_3d_llava.model.special_tokens import IGNORE_INDEX, IMAGE_INDEX, LOC_INDEX, SEG_TOKEN
from posealign_3d_llava.model.splicing import TextBatch
from posealign_core.errors import ConfigError, ShapeError

from .scenes import random_cloud
from .tokenizers_for_tests import llama_like_tokenizer

if TYPE_CHECKING:
    from posealign_3d_llava.model.config import TowerConfig

ANSWERS = [
    Turn("<image>\nPlease segment it: the lamp", "Sure, it is [SEG]."),
    Turn("<image>\nDescribe this object <loc> in the given scene.", "a brown chair"),
    Turn("<image>\nWhat is left of the table?", "a chair"),
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return llama_like_tokenizer()


def build(
    tokenizer: PreTrainedTokenizerFast, tower: TowerConfig, n_ego: int = 0
) -> LlavaLlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=256, attn_implementation="eager",
    )  # fmt: skip
    return LlavaLlamaForCausalLM(
        config,
        tower,
        seg_token_id=tokenizer.convert_tokens_to_ids(SEG_TOKEN),
        n_ego_features=n_ego,
        max_length=200,
    )


@pytest.fixture
def llava(tokenizer, tiny_config: TowerConfig) -> LlavaLlamaForCausalLM:
    return build(tokenizer, tiny_config).eval()


def batch_of(tokenizer: PreTrainedTokenizerFast, rows: list[int]) -> LlavaBatch:
    """Questions `rows` of ANSWERS, each about its own scene; superpoints 0 and 3 are meant."""
    encoded = [encode_conversation(tokenizer, [ANSWERS[i]], system="A chat.") for i in rows]
    length = max(len(e.input_ids) for e in encoded)
    ids = torch.zeros(len(rows), length, dtype=torch.int64)
    labels = torch.full_like(ids, IGNORE_INDEX)
    for row, e in enumerate(encoded):
        ids[row, : len(e.input_ids)] = torch.tensor(e.input_ids)
        labels[row, : len(e.labels)] = torch.tensor(e.labels)
    clouds = [random_cloud(40 + 7 * i, 5 + 2 * i, seed=i) for i in rows]
    width = max(5 + 2 * i for i in rows)
    prompted = [row for row, i in enumerate(rows) if "<loc>" in ANSWERS[i].question]
    mask = torch.zeros(len(prompted), width, dtype=torch.bool)
    mask[:, 1:3] = True
    targets = torch.zeros(len(rows), width, dtype=torch.bool)
    targets[:, [0, 3]] = True
    return LlavaBatch(
        text=TextBatch(input_ids=ids, attention_mask=ids != 0, labels=labels),
        cloud=PointCloudBatch.from_clouds(clouds),
        prompt_masks=mask,
        scene_of_prompt=torch.tensor(prompted, dtype=torch.int64),
        targets=targets,
    )


def splice_batch(llava, batch: LlavaBatch, features, **options):
    return llava.splice(batch.text, features, batch.prompt_masks, batch.scene_of_prompt, **options)


def test_published_names(llava: LlavaLlamaForCausalLM):
    keys = set(llava.state_dict())
    expected = {
        "model.embed_tokens.weight",
        "model.layers.1.self_attn.q_proj.weight",
        "model.norm.weight",
        "lm_head.weight",
        "model.mm_projector.0.weight",
        "model.mm_projector.2.bias",
        "model.pointcloud_tower.segmentor.alignment_proj.0.weight",
        "model.pointcloud_tower.alignment_proj.0.weight",
        "model.pointcloud_tower.hidden_seg_fc.2.bias",
        "model.pointcloud_tower.segmentor.output_layer.0.running_var",
    }
    assert expected <= keys
    assert {key.split(".")[0] for key in keys} == {"model", "lm_head"}
    assert {key.split(".")[1] for key in keys if key.startswith("model.")} == {
        "embed_tokens", "layers", "norm", "mm_projector", "pointcloud_tower",
    }  # fmt: skip


def test_building_leaves_the_towers_own_initialisation(llava: LlavaLlamaForCausalLM):
    attention = llava.tower.segmentor.decoder.self_attn_layers[0]
    assert attention.scale_factor.tolist() == [10.0] * 4
    assert not attention.gen_tau.weight.any()


def test_adapters_find_the_language_model_alone(llava: LlavaLlamaForCausalLM):
    """No layer of the tower or the projector bears a name that the recipe adapts."""
    adapted = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    found = {name for name, _ in llava.named_modules() if name.split(".")[-1] in adapted}
    assert len(found) == 2 * 7
    assert all(name.startswith("model.layers.") for name in found)


def one_by_one(
    llava: LlavaLlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, row: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss terms of one sample, spelled out with list operations and the library's own loss."""
    batch = batch_of(tokenizer, [row])
    features = llava.tower.encode(batch.cloud)
    project = llava.model.mm_projector
    scene = project(llava.tower.scene_tokens(features).tokens[0])
    embeds, labels, seg = [], [], []
    ids = batch.text.input_ids[0].tolist()
    for t, token in enumerate(ids):
        if token == IMAGE_INDEX:
            embeds += list(scene)
            labels += [IGNORE_INDEX] * len(scene)
            seg += [False] * len(scene)
            continue
        if token == LOC_INDEX:
            prompt = llava.tower.prompt_tokens(features, batch.prompt_masks, torch.tensor([0]))
            embeds.append(project(prompt)[0])
        else:
            embeds.append(llava.model.embed_tokens.weight[token])
        labels.append(int(batch.text.labels[0, t]))
        seg.append(ids[t + 1 : t + 2] == [llava.seg_token_id])
    out = llava(
        inputs_embeds=torch.stack(embeds)[None],
        labels=torch.tensor([labels]),
        output_hidden_states=True,
    )
    if not any(seg):
        return out.loss, torch.zeros(())
    states = out.hidden_states[-1][0, torch.tensor(seg)]
    segmented = llava.tower.segment(
        features, llava.tower.hidden_seg_fc(states), torch.zeros(len(states), dtype=torch.int64)
    )
    fidelity = llava.tower.config.fidelity.dice_weight
    return out.loss, segmentation_loss(segmented, batch.targets, fidelity)


@pytest.mark.parametrize("row", range(3))
def test_one_sample_against_a_plain_rendition(llava, tokenizer, row: int):
    loss = llava.training_loss(batch_of(tokenizer, [row]))
    language, segmentation = one_by_one(llava, tokenizer, row)
    torch.testing.assert_close(loss.language, language)
    torch.testing.assert_close(loss.segmentation, segmentation)
    torch.testing.assert_close(loss.total, language + segmentation)
    assert (loss.segmentation.item() > 0) == (row == 0)


def test_a_batch_weighs_samples_by_their_supervised_tokens(llava, tokenizer):
    loss = llava.training_loss(batch_of(tokenizer, [0, 1, 2]))
    singles = [one_by_one(llava, tokenizer, row) for row in range(3)]
    counts = [
        int((batch_of(tokenizer, [row]).text.labels != IGNORE_INDEX).sum()) for row in range(3)
    ]
    mean = sum(n * s[0] for n, s in zip(counts, singles, strict=True)) / sum(counts)
    torch.testing.assert_close(loss.language, mean)
    torch.testing.assert_close(loss.segmentation, singles[0][1])


def test_gradients_reach_what_the_recipe_trains(llava, tokenizer):
    llava.tower.requires_grad_(False)
    llava.tower.alignment_proj.requires_grad_(True)
    llava.tower.hidden_seg_fc.requires_grad_(True)
    llava.training_loss(batch_of(tokenizer, [0, 1])).total.backward()
    for name in (
        "model.embed_tokens.weight",
        "lm_head.weight",
        "model.mm_projector.0.weight",
        "model.pointcloud_tower.segmentor.alignment_proj.0.weight",
        "model.pointcloud_tower.hidden_seg_fc.0.weight",
        "model.layers.0.self_attn.q_proj.weight",
    ):
        gradient = llava.get_parameter(name).grad
        assert gradient is not None, name
        assert gradient.abs().sum() > 0, name
    assert llava.tower.mask_decoder.x_mask[0].weight.grad is None


def test_without_seg_the_mask_head_still_gets_a_gradient(llava, tokenizer):
    """Of zero: processes that train together must all have one."""
    llava.training_loss(batch_of(tokenizer, [2])).total.backward()
    gradient = llava.tower.hidden_seg_fc[0].weight.grad
    assert gradient is not None
    assert not gradient.any()


def test_in_bfloat16(llava, tokenizer):
    exact = llava.training_loss(batch_of(tokenizer, [0, 1])).total.item()
    loss = llava.bfloat16().training_loss(batch_of(tokenizer, [0, 1])).total
    assert loss.dtype is torch.float32
    assert loss.item() == pytest.approx(exact, rel=2e-2)
    loss.backward()
    gradients = [p.grad for p in llava.parameters() if p.grad is not None]
    assert all(torch.isfinite(g).all() for g in gradients)


def test_left_padding_gives_the_same_states(llava, tokenizer):
    batch = batch_of(tokenizer, [0, 1, 2])
    features = llava.tower.encode(batch.cloud)
    last = []
    for side in ("right", "left"):
        spliced = splice_batch(llava, batch, features, padding_side=side)
        mask = spliced.attention_mask.long()
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        states = llava.model(
            inputs_embeds=spliced.embeds, attention_mask=mask, position_ids=positions
        ).last_hidden_state
        last.append([states[i, spliced.attention_mask[i]] for i in range(3)])
    for right, left in zip(*last, strict=True):
        torch.testing.assert_close(right, left)


def test_generation_continues_a_spliced_prompt(llava, tokenizer):
    batch = batch_of(tokenizer, [2])
    spliced = splice_batch(llava, batch, llava.tower.encode(batch.cloud))
    ids = llava.generate(
        inputs_embeds=spliced.embeds,
        attention_mask=spliced.attention_mask.long(),
        max_new_tokens=3,
        do_sample=False,
        pad_token_id=0,
    )
    assert ids.shape[0] == 1
    assert 1 <= ids.shape[1] <= 3


def test_embed_mode_adds_pose_features_to_scene_tokens_and_zeros_to_prompts(
    tokenizer, tiny_config: TowerConfig
):
    llava = build(tokenizer, tiny_config, n_ego=6).eval()
    batch = batch_of(tokenizer, [0, 1])
    seen = []

    def ego(item: int, coords: torch.Tensor) -> torch.Tensor:
        seen.append((item, coords))
        return torch.cat([coords, coords * 0 + item], dim=1)

    inputs = []
    llava.model.mm_projector.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    features = llava.tower.encode(batch.cloud)
    splice_batch(llava, batch, features, ego=ego)
    scene, prompts = inputs
    tokens = llava.tower.scene_tokens(features)
    torch.testing.assert_close(scene[..., :12], tokens.tokens)
    torch.testing.assert_close(scene[..., 12:15], tokens.coords)
    assert scene[0, :, 15:].eq(0).all()
    assert scene[1, :, 15:].eq(1).all()
    assert prompts.shape == (1, 18)
    assert not prompts[:, 12:].any()
    assert [item for item, _ in seen] == [0, 1]
    with pytest.raises(ShapeError, match="room for 6 pose features, and no pose"):
        llava.training_loss(batch)


def test_a_pose_without_room_for_it_is_refused(llava, tokenizer):
    with pytest.raises(ShapeError, match="room for 0 pose features, and a pose"):
        llava.training_loss(batch_of(tokenizer, [0]), lambda _, xyz: xyz)


def test_new_vocabulary_rows_start_as_published(llava):
    torch.manual_seed(0)
    llava.resize_token_embeddings(4000, mean_resizing=False)
    new = llava.get_input_embeddings().weight[200:]
    assert new.std().item() == pytest.approx(llava.config.initializer_range, rel=2e-2)


def test_what_training_lacks_is_named(llava, tokenizer, tiny_config: TowerConfig):
    batch = batch_of(tokenizer, [0])
    with pytest.raises(ShapeError, match="wanted a batch with labels"):
        llava.training_loss(replace(batch, text=replace(batch.text, labels=None)))
    with pytest.raises(ShapeError, match="no target masks"):
        llava.training_loss(replace(batch, targets=None))
    with pytest.raises(ConfigError, match="llm_width is 64, the LLM's width 32"):
        build(tokenizer, replace(tiny_config, llm_width=64))
