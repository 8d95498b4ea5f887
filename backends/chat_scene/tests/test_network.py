"""The network against the specification's section 3, written a second time where it is short."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from posealign_chat_scene.build import build_network
from posealign_chat_scene.model.network import IMAGE_TOKEN, POINT_TOKEN, Row
from posealign_chat_scene.model.position import axis_waves, unit_places
from posealign_chat_scene.model.scene import SceneBatch
from posealign_chat_scene.tokenizer import load_tokenizer
from posealign_core.errors import ShapeError
from posealign_core.language.packing import IGNORED, positions_of
from posealign_core.vocabulary import Fidelity

from .samples import tiny

N = 6
ANSWER = [9, 7, 2]


def network_of(**network):
    config = tiny(network=network)
    torch.manual_seed(0)
    return build_network(config, load_tokenizer(None, N)).eval()


def scene_of(n_items=2, **changes):
    g = torch.Generator().manual_seed(1)
    scene = SceneBatch(
        points=torch.randn(n_items, N, 64, generator=g),
        images=torch.randn(n_items, N, 64, generator=g),
        centers=torch.randn(n_items, N, 3, generator=g),
        valid=torch.arange(N).expand(n_items, N) < 4,
        order=torch.stack([torch.randperm(N, generator=g) for _ in range(n_items)]),
    )
    return dataclasses.replace(scene, **changes)


def row_of(network, n_items=2):
    """`1 [block] 5 | 6 9 7 2`, and one item with two questions."""
    block = [t for i in range(N) for t in (network.first_identifier + i, POINT_TOKEN, IMAGE_TOKEN)]
    tokens = [1, *block, 5, 6, *ANSWER]
    segments = [0] * (len(block) + 2) + [1] * 4
    targets = [IGNORED] * (len(tokens) - 3) + ANSWER
    stack = [torch.tensor([values] * n_items) for values in (tokens, segments, targets)]
    return Row(stack[0], stack[1], positions_of(stack[1])), stack[2]


def test_features_to_tokens():
    network = network_of(channel="none")
    scene = scene_of()
    tokens = network.object_tokens(scene)
    item, slot = 1, 3
    x = scene.points[item, scene.order[item, slot]]
    first, _, second = network.object_proj
    hidden = first.weight @ (x / x.norm()) + first.bias
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    wanted = second.weight @ hidden + second.bias
    assert torch.allclose(tokens[item, slot, 0], wanted, atol=1e-6)


def test_the_block_is_identifier_then_3d_then_2d():
    network = network_of()
    row, _ = row_of(network)
    objects = network.object_tokens(scene_of())
    embeds = network.embed(row, objects)
    words = network.llama_model.model.embed_tokens.weight
    assert torch.equal(embeds[:, 1:19:3], words[-N:].expand(2, -1, -1))
    assert torch.equal(embeds[:, 2:19:3], objects[:, :, 0])
    assert torch.equal(embeds[:, 3:19:3], objects[:, :, 1])
    assert torch.equal(embeds[:, 0], words[1].expand(2, -1))


def test_an_empty_slot_is_the_same_whatever_the_scene():
    network = network_of(channel="none")
    zeros = torch.zeros(2, N, 64)
    tokens = network.object_tokens(scene_of(points=zeros, images=zeros))
    assert torch.equal(tokens, tokens[:1, :1].expand_as(tokens))


def test_without_a_channel_places_reach_nothing():
    network = network_of(channel="none")
    row, targets = row_of(network)
    scene = scene_of()
    elsewhere = dataclasses.replace(scene, centers=scene.centers * 2.5 + 7)
    assert torch.equal(network.loss(row, targets, scene), network.loss(row, targets, elsewhere))


def test_places_add_to_both_tokens_alike():
    plain, heard = network_of(channel="none"), network_of(channel="fourier_minmax")
    heard.load_state_dict(plain.state_dict())
    scene = scene_of()
    added = heard.object_tokens(scene) - plain.object_tokens(scene)
    assert torch.allclose(added[:, :, 0], added[:, :, 1], atol=1e-6)
    is_there = scene.valid.gather(1, scene.order)
    assert (added[~is_there] == 0).all()
    assert (added[is_there].abs().amax(-1) > 0).all()


def test_waves_by_hand():
    network = network_of(channel="fourier_minmax")
    scene = scene_of()
    item = 0
    centers = scene.centers[item, :4].double()
    low, high = centers.min(0).values, centers.max(0).values
    z = 2 * math.pi * (centers - low) / (high - low + 1e-7) @ network.pos_embedding.gauss_B.double()
    waves = torch.cat([z.sin(), z.cos()], 1) / 10
    linear = network.pos_proj[0]
    wanted = waves @ linear.weight.double().T + linear.bias.double()
    assert torch.allclose(network._places(scene)[item, :4].double(), wanted, atol=1e-5)


def test_minmax_places_ignore_shift_and_scale_and_empty_slots():
    config = tiny(network={"channel": "fourier_minmax"}).network
    scene = scene_of()
    places = unit_places(scene.centers, scene.valid, config)
    moved = scene.centers * torch.tensor([2.5, 0.5, 3.0]) + torch.tensor([7.0, -2.0, 1.0])
    moved[~scene.valid] = 1e6
    assert torch.allclose(unit_places(moved, scene.valid, config), places, atol=1e-5)
    assert places[scene.valid].amin() == 0
    assert places.amax() <= 1
    nobody = torch.zeros_like(scene.valid)
    assert torch.equal(unit_places(scene.centers, nobody, config), torch.zeros_like(scene.centers))


def test_metric_places_keep_distance_and_are_clamped():
    config = tiny(network={"channel": "fourier_metric", "metric_bound_m": 4.0}).network
    centers = torch.tensor([[[-4.0, 0.0, 2.0], [9.0, -9.0, 1.0]]])
    places = unit_places(centers, torch.ones(1, 2, dtype=torch.bool), config)
    assert torch.allclose(places, torch.tensor([[[0.0, 0.5, 0.75], [1.0, 0.0, 0.625]]]))


def test_metres_as_waves_along_each_axis_by_hand():
    network = network_of(channel="sine_metric", n_waves=8)
    scene = scene_of()
    x, y, z = scene.centers[1, 2].double().tolist()
    wanted = []
    for value, n in ((x, 3), (y, 3), (z, 2)):
        angles = [value / 10_000 ** (k / n) for k in range(n)]
        wanted += [*map(math.sin, angles), *map(math.cos, angles)]
    assert torch.allclose(
        axis_waves(scene.centers, 8)[1, 2].double(), torch.tensor(wanted).double(), atol=1e-5
    )
    linear = network.pos_proj[0]
    told = linear(torch.tensor(wanted) / 10)
    assert torch.allclose(network._places(scene)[1, 2], told, atol=1e-5)
    assert (network._places(scene)[1, 4:] == 0).all()


def test_only_identifiers_get_gradients_among_words():
    network = network_of()
    row, targets = row_of(network)
    network.loss(row, targets, scene_of()).backward()
    gradient = network.llama_model.model.embed_tokens.weight.grad
    assert (gradient[: network.first_identifier] == 0).all()
    assert (gradient[network.first_identifier :].abs().amax(1) > 0).all()
    assert (network.llama_model.lm_head.weight.grad.abs().amax(1) > 0).all()
    assert network.pos_proj[0].weight.grad.any()


def test_words_learn_in_pretraining():
    network = network_of()
    network.trains_words = True
    row, targets = row_of(network)
    network.loss(row, targets, scene_of()).backward()
    assert network.llama_model.model.embed_tokens.weight.grad[6].any()


def test_released_prompt_words_stay_as_they_were():
    network = network_of(prompt_rows=Fidelity.RELEASED)
    network.keep_prompt_rows([1, 5])
    row, _ = row_of(network)
    objects = network.object_tokens(scene_of())
    before = network.embed(row, objects)
    with torch.no_grad():
        network.llama_model.model.embed_tokens.weight.add_(1.0)
    after = network.embed(row, objects)
    same = (before == after).all(-1)[0]
    words = [0, 19]  # the two words of the prefix
    assert same[words].all()
    assert not same[[1, 20, 21]].any()  # an identifier, the question, the answer
    assert "_prompt_rows" not in network.state_dict()


def test_loss_by_hand():
    network = network_of()
    row, targets = row_of(network)
    scene = scene_of()
    embeds = network.embed(row, network.object_tokens(scene))
    logits = network.llama_model(inputs_embeds=embeds).logits[:, -4:-1].log_softmax(-1)
    picked = torch.stack([logits[:, i, token] for i, token in enumerate(ANSWER)])
    assert torch.allclose(network.loss(row, targets, scene), -picked.mean(), atol=1e-5)


def test_padding_on_the_left_changes_no_loss():
    network = network_of()
    row, targets = row_of(network, 1)
    scene = scene_of(1)
    padded = [nn.functional.pad(x, (5, 0), value=v) for x, v in zip(row, (0, -1, 0), strict=True)]
    wide = nn.functional.pad(targets, (5, 0), value=IGNORED)
    plain = network.loss(row, targets, scene)
    assert torch.allclose(network.loss(Row(*padded), wide, scene), plain, atol=1e-5)


def test_packed_questions_do_not_see_each_other():
    network = network_of()
    row, targets = row_of(network, 1)
    scene = scene_of(1)
    other = torch.tensor([[8, 11, 12, 2]])
    tokens = torch.cat([row.tokens, other], 1)
    segments = torch.cat([row.segments, torch.full((1, 4), 2)], 1)
    both = Row(tokens, segments, positions_of(segments))
    only_first = torch.cat([targets, torch.full((1, 4), IGNORED)], 1)
    only_second = torch.cat(
        [torch.full_like(targets, IGNORED), torch.tensor([[IGNORED, 11, 12, 2]])], 1
    )
    alone = Row(
        torch.cat([row.tokens[:, :-4], other], 1),
        row.segments,
        row.positions,
    )
    second = torch.cat([torch.full_like(targets[:, :-4], IGNORED), only_second[:, -4:]], 1)
    assert torch.allclose(
        network.loss(both, only_first, scene), network.loss(row, targets, scene), atol=1e-5
    )
    assert torch.allclose(
        network.loss(both, only_second, scene), network.loss(alone, second, scene), atol=1e-5
    )


@pytest.mark.parametrize("has_room", [False, True])
def test_pose_numbers_need_room_and_room_needs_them(has_room: bool):
    network = network_of(ego_features=has_room)
    ego = None if has_room else torch.zeros(2, N, 6)
    with pytest.raises(ShapeError, match="ego_features"):
        network.object_tokens(scene_of(ego=ego))


def test_pose_numbers_come_behind_the_unit_vector():
    network = network_of(ego_features=True, channel="none")
    scene = scene_of(ego=torch.randn(2, N, 6))
    x = scene.points[0, scene.order[0, 0]]
    seen = torch.cat([x / x.norm(), scene.ego[0, scene.order[0, 0]]])
    wanted = network.object_proj(seen)
    assert torch.allclose(network.object_tokens(scene)[0, 0, 0], wanted, atol=1e-5)
