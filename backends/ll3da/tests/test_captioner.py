from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from networks import captioner_config, clouds, network, tokens
from torch.nn import functional

from posealign_core.errors import BackboneError, ShapeError
from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.cloud import Extent
from posealign_ll3da.model.config import CaptionerConfig
from posealign_ll3da.model.pose_codes import EgoFeatures
from posealign_ll3da.model.prompts import PromptEncoder, VisualPrompts
from posealign_ll3da.model.qformer import build_qformer
from posealign_ll3da.model.scene import SceneFeatures
from posealign_ll3da.model.tokens import TokenBatch

if TYPE_CHECKING:
    from posealign_ll3da.model.captioner import Captioner


def close(a, b, tolerance=1e-5):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


def scenes(batch: int = 2, seed: int = 0, *, valid=None) -> SceneFeatures:
    torch.manual_seed(seed)
    xyz = torch.rand(batch, 9, 3)
    return SceneFeatures(
        tokens=torch.rand(batch, 9, 16), xyz=xyz, extent=Extent.of(xyz), valid=valid
    )


def prompts(n_boxes: int, n_clicks: int, *, batch: int = 2, valid: bool = True) -> VisualPrompts:
    return VisualPrompts(
        box_features=torch.randn(batch, n_boxes, 16),
        box_valid=torch.full((batch, n_boxes), valid),
        clicks=torch.rand(batch, n_clicks, 3),
        click_valid=torch.full((batch, n_clicks), valid),
    )


@pytest.fixture(scope="module")
def captioner() -> Captioner:
    return network().captioner


@torch.no_grad()
def test_prefix_has_a_row_per_latent_in_the_width_of_the_llm(captioner):
    prefix = captioner.prefix(scenes(), tokens(5, 3), prompts(1, 1))
    assert prefix.shape == (2, 4, 16)


def test_published_prompts_are_eight_queries_each():
    encoder = PromptEncoder(CaptionerConfig())
    encoded = encoder(
        VisualPrompts(
            box_features=torch.randn(1, 2, 256),
            box_valid=torch.tensor([[True, False]]),
            clicks=torch.rand(1, 1, 3),
            click_valid=torch.tensor([[True]]),
        ),
        Extent(low=torch.zeros(1, 3), high=torch.ones(1, 3)),
    )
    assert encoded.queries.shape == (1, 24, 768)
    assert encoded.valid.tolist() == [[True] * 8 + [False] * 8 + [True] * 8]


@torch.no_grad()
def test_prompts_are_boxes_then_clicks_prompt_by_prompt(captioner):
    encoder, given = captioner.prompt_encoder, prompts(2, 1)
    extent = Extent(low=torch.zeros(2, 3), high=torch.full((2, 3), 2.0))
    queries = encoder(given, extent).queries
    assert queries.shape == (2, 6, 24)
    first, _, last = encoder.box_prompt_projector
    for place in range(2):
        flat = last(torch.relu(first(given.box_features[1, place])))
        close(queries[1, 2 * place : 2 * place + 2], flat.view(2, 24))
    angles = 2 * torch.pi * (given.clicks[1, 0] / 2) @ encoder.pos_emb3d.gauss_B
    first, _, last = encoder.click_prompt_projector
    flat = last(torch.relu(first(torch.cat([angles.sin(), angles.cos()]))))
    close(queries[1, 4:], flat.view(2, 24))


@torch.no_grad()
def test_prompts_that_are_not_valid_are_as_good_as_absent(captioner):
    scene, text = scenes(), tokens(5, 3)
    nothing = captioner.prefix(scene, text, VisualPrompts.none(scene.tokens))
    masked = captioner.prefix(scene, text, prompts(1, 1, valid=False))
    close(nothing, masked, 1e-6)
    assert (nothing - captioner.prefix(scene, text, prompts(1, 0))).abs().max() > 1e-3
    assert (nothing - captioner.prefix(scene, text, prompts(0, 1))).abs().max() > 1e-3


@torch.no_grad()
def test_padding_of_text_and_scene_changes_nothing(captioner):
    scene, text = scenes(), tokens(5, 3)
    together = captioner.prefix(scene, text, VisualPrompts.none(scene.tokens))
    for row, length in enumerate((5, 3)):
        one = scene.of_scenes(torch.tensor([row]))
        short = TokenBatch(
            ids=text.ids[row : row + 1, :length], mask=text.mask[row : row + 1, :length]
        )
        alone = captioner.prefix(one, short, VisualPrompts.none(one.tokens))
        close(together[row], alone[0])
        cut = SceneFeatures(
            tokens=one.tokens[:, :6], xyz=one.xyz[:, :6], extent=one.extent, valid=None
        )
        padded = replace(one, valid=(torch.arange(9) < 6)[None])
        none = VisualPrompts.none(one.tokens)
        close(captioner.prefix(padded, short, none), captioner.prefix(cut, short, none))


@torch.no_grad()
def test_qformer_layer_by_layer():
    """Section 3.2 in plain torch, with queries, text and a masked prompt."""
    torch.manual_seed(0)
    qformer = build_qformer(captioner_config()).eval()
    for parameter in qformer.parameters():
        parameter.normal_(0, 0.2)
    weights = dict(qformer.named_parameters())
    queries, scene = torch.randn(1, 5, 24), torch.randn(1, 9, 16)
    ids, mask = torch.tensor([[7, 3, 9]]), torch.tensor([[1, 1, 1, 0, 1, 1, 1, 0]])

    def linear(name, x):
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name, x):
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return functional.layer_norm(x, (24,), weight, bias, 1e-12)

    def attend(name, x, context, bias):
        q = linear(f"{name}.attention.query", x).view(1, -1, 2, 12).transpose(1, 2)
        k = linear(f"{name}.attention.key", context).view(1, -1, 2, 12).transpose(1, 2)
        v = linear(f"{name}.attention.value", context).view(1, -1, 2, 12).transpose(1, 2)
        mixed = ((q @ k.mT) / 12**0.5 + bias).softmax(-1) @ v
        out = linear(f"{name}.output.dense", mixed.transpose(1, 2).flatten(2))
        return norm(f"{name}.output.LayerNorm", out + x)

    def feed_forward(layer, kind, x):
        hidden = functional.gelu(linear(f"{layer}.intermediate{kind}.dense", x))
        out = linear(f"{layer}.output{kind}.dense", hidden)
        return norm(f"{layer}.output{kind}.LayerNorm", out + x)

    text = weights["embeddings.word_embeddings.weight"][ids]
    text = text + weights["embeddings.position_embeddings.weight"][:3]
    x = norm("embeddings.layernorm", torch.cat([queries, text], 1))
    bias = (1 - mask.float())[:, None, None] * -10000
    for i in range(3):
        layer = f"encoder.layer.{i}"
        x = attend(f"{layer}.attention", x, x, bias)
        seen = x[:, :5]
        if i in {0, 2}:
            seen = attend(f"{layer}.crossattention", seen, scene, 0.0)
        x = torch.cat(
            [feed_forward(layer, "_query", seen), feed_forward(layer, "", x[:, 5:])], dim=1
        )
    ours = qformer(
        input_ids=ids, query_embeds=queries, attention_mask=mask, encoder_hidden_states=scene
    ).last_hidden_state
    close(ours, x)


@torch.no_grad()
def test_prefix_reads_projected_tokens_through_latents(captioner):
    scene, text = scenes(), tokens(5, 3)
    first, _, second, _ = captioner.encoder_to_qformer_projection
    projected = torch.relu(second(torch.relu(first(scene.tokens))))
    states = captioner.qformer(
        input_ids=text.ids,
        query_embeds=captioner.latent_query.weight.expand(2, -1, -1),
        attention_mask=torch.cat([torch.ones(2, 4), text.mask], 1).long(),
        encoder_hidden_states=projected,
    ).last_hidden_state
    expected = captioner.qformer_to_language_projection(states[:, :4])
    close(captioner.prefix(scene, text, VisualPrompts.none(scene.tokens)), expected)


def plain_loss(captioner: Captioner, prefix, text: TokenBatch, answer) -> torch.Tensor:
    """Section 3.5 as it stands, with all logits."""
    llm = captioner.transformer
    n_prefix = prefix.shape[1]
    embeds = torch.cat([prefix, llm.get_input_embeddings()(text.ids)], 1)
    mask = torch.cat([torch.ones(prefix.shape[:2]), text.mask], 1)
    logits = llm(inputs_embeds=embeds, attention_mask=mask.long()).logits[:, n_prefix - 1 : -1]
    misses = functional.cross_entropy(logits.flatten(0, 1), text.ids.flatten(), reduction="none")
    weight = answer.flatten().float()
    return (misses * weight).sum() / (weight + 1e-6).sum()


@pytest.mark.parametrize("fidelity", list(Fidelity))
@torch.no_grad()
def test_loss_is_the_mean_over_answer_tokens_of_the_batch(fidelity):
    captioner = network(fidelity).captioner
    prefix, text = torch.randn(2, 4, 16), tokens(9, 6)
    answer = text.mask & (torch.arange(9) >= torch.tensor([[4], [5]]))
    assert answer.sum(1).tolist() == [5, 1]
    loss = captioner.loss(prefix, text, answer)
    close(loss, plain_loss(captioner, prefix, text, answer))
    half = network(fidelity).captioner
    half.transformer.half()
    low = half.loss(prefix, text, answer)
    assert low.dtype == (torch.float16 if fidelity is Fidelity.RELEASED else torch.float32)
    close(low.float(), loss, 3e-2)


@torch.no_grad()
def test_no_answer_costs_nothing(captioner):
    text = tokens(4)
    loss = captioner.loss(torch.randn(1, 4, 16), text, torch.zeros(1, 4, dtype=torch.bool))
    assert loss == 0


def test_gradients_are_those_of_differences():
    captioner = network().captioner.double()
    text, words = tokens(3, 2, vocab=40), tokens(5, 4)
    answer = words.mask & (torch.arange(5) >= 2)
    base, given = scenes(), prompts(1, 1)

    def loss(scene_tokens, box_features):
        prefix = captioner.prefix(
            replace(base, tokens=scene_tokens, extent=Extent.of(base.xyz.double())),
            text,
            replace(given, box_features=box_features, clicks=given.clicks.double()),
        )
        return captioner.loss(prefix, words, answer)

    inputs = tuple(x.double().requires_grad_() for x in (base.tokens, given.box_features))
    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True)


def test_every_trained_tensor_gets_a_gradient_and_frozen_parts_none():
    net = network()
    net.detector.requires_grad_(False)
    net.captioner.transformer.requires_grad_(False)
    scene = net.encode(clouds())
    assert not scene.tokens.requires_grad
    words = tokens(6, 5)
    prefix = net.captioner.prefix(scene, tokens(4, 3, vocab=40), prompts(1, 1))
    net.captioner.loss(prefix, words, words.mask).backward()
    trained = {k for k, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    expected = {k for k, p in net.named_parameters() if p.requires_grad}
    # The text rows of the last layer are not read, nor is a word that no text holds.
    unread = {k for k in expected if "layer.2.intermediate.d" in k or "layer.2.output." in k}
    assert trained == expected - unread


def test_pose_features_must_match_the_room_for_them(captioner):
    ego = EgoFeatures(tokens=torch.randn(2, 9, 6), clicks=torch.randn(2, 0, 6))
    scene, text = scenes(), tokens(2, 2)
    with pytest.raises(BackboneError, match="wanted 0 pose features per token, found 6"):
        captioner.prefix(scene, text, VisualPrompts.none(scene.tokens), ego)
    wide = network(captioner=captioner_config(n_ego_features=6)).captioner
    with pytest.raises(BackboneError, match="wanted 6 pose features per token, found 0"):
        wide.prefix(scene, text, VisualPrompts.none(scene.tokens))


@torch.no_grad()
def test_untrained_pose_and_position_change_nothing(captioner):
    scene, text, given = scenes(), tokens(5, 3), prompts(1, 2)
    config = captioner_config(n_ego_features=6, token_position=True)
    wide = network(captioner=config).captioner
    missing = wide.load_state_dict(captioner.state_dict(), strict=False)
    assert not missing.unexpected_keys
    ego = EgoFeatures(tokens=torch.randn(2, 9, 6), clicks=torch.randn(2, 2, 6))
    plain = captioner.prefix(scene, text, given)
    assert torch.equal(wide.prefix(scene, text, given, ego), plain)
    wide.pose_embed[2].weight.normal_()
    other = EgoFeatures(tokens=ego.tokens, clicks=ego.clicks + 1)
    posed = wide.prefix(scene, text, given, ego)
    assert (posed - plain).abs().max() > 1e-3
    assert (posed - wide.prefix(scene, text, given, other)).abs().max() > 1e-4
    wide.pose_embed[2].weight.zero_()
    wide.token_position.linear.weight.normal_()
    moved = replace(scene, xyz=scene.xyz + 1)
    here = wide.prefix(scene, text, given, ego)
    assert (here - wide.prefix(moved, text, given, ego)).abs().max() > 1e-3


def test_long_instructions_are_refused(captioner):
    scene = scenes()
    with pytest.raises(ShapeError, match="at most 12 Q-Former tokens, found 13"):
        captioner.prefix(scene, tokens(13, 2), VisualPrompts.none(scene.tokens))


def test_texts_are_padded_on_the_right():
    ids = torch.zeros(1, 3, dtype=torch.long)
    with pytest.raises(ShapeError, match="found a token behind padding"):
        TokenBatch(ids=ids, mask=torch.tensor([[True, False, True]]))
    with pytest.raises(ShapeError, match=r"found \(1, 3\) and \(1, 2\)"):
        TokenBatch(ids=ids, mask=torch.ones(1, 2, dtype=torch.bool))
