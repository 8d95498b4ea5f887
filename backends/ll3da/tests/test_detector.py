from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from networks import clouds, detector_config, item, network
from torch import nn

from posealign_core.errors import ShapeError
from posealign_core.nn.point_ops import ball_query, furthest_point_sampling
from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.box_heads import BoxHeads
from posealign_ll3da.model.cloud import CloudBatch, Extent
from posealign_ll3da.model.config import DetectorConfig
from posealign_ll3da.model.detector import Detector
from posealign_ll3da.model.fourier import FourierCode
from posealign_ll3da.model.masked_encoder import EncoderLayer, MaskedEncoder, in_reach
from posealign_ll3da.model.query_decoder import DecoderLayer, QueryDecoder
from posealign_ll3da.model.set_abstraction import SetAbstraction
from posealign_ll3da.model.vote_queries import VoteQueries


def close(a, b, tolerance=1e-5):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)


def test_shapes_at_the_published_size():
    torch.manual_seed(0)
    detector = Detector(DetectorConfig()).eval()
    cloud = clouds(batch=1, n_points=3000)
    with torch.no_grad():
        found = detector(cloud)
    assert found.scene.tokens.shape == (1, 1024, 256)
    assert found.scene.xyz.shape == (1, 1024, 3)
    assert (found.scene.tokens >= 0).all()
    assert len(found.layers) == 8
    last = found.proposals
    assert last.class_logits.shape == (1, 256, 19)
    assert last.centers.shape == last.sizes.shape == last.query_xyz.shape == (1, 256, 3)
    assert last.features.shape == (1, 256, 256)
    assert last.class_probs.shape == (1, 256, 18)
    assert last.corners.shape == (1, 256, 8, 3)
    assert torch.equal(cloud.xyz[0, found.rows[0]], found.scene.xyz[0])


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_a_batch_of_two_is_two_singles(fidelity):
    net = network(fidelity)
    cloud = clouds()
    with torch.no_grad():
        together = net.detector(cloud)
        for row in range(2):
            alone = net.detector(item(cloud, row))
            close(together.scene.tokens[row], alone.scene.tokens[0])
            for name in ("class_logits", "centers", "sizes", "features", "corners"):
                close(getattr(together.proposals, name)[row], getattr(alone.proposals, name)[0])


def test_encoding_alone_gives_the_same_tokens():
    net = network()
    cloud = clouds()
    with torch.no_grad():
        scene, proposals = net.detect(cloud)
        assert torch.equal(net.encode(cloud).tokens, scene.tokens)
    assert proposals.features.shape == (2, 10, 16)


def test_tokens_do_not_see_where_the_scene_stands():
    net = network()
    cloud = clouds()
    exact = (cloud.xyz * 64).round() / 64  # so that moving it by a power of two rounds nothing
    with torch.no_grad():
        here = net.encode(CloudBatch(xyz=exact, features=cloud.features))
        there = net.encode(CloudBatch(xyz=exact + 8, features=cloud.features))
        turned = net.encode(CloudBatch(xyz=exact[..., [1, 0, 2]], features=cloud.features))
    assert torch.equal(here.tokens, there.tokens)
    assert torch.equal(here.xyz + 8, there.xyz)
    assert (here.tokens - turned.tokens).abs().max() > 0.01


@pytest.mark.parametrize("n_points", [1, 5, 30])
def test_fewer_points_than_samples(n_points):
    net = network()
    with torch.no_grad():
        found = net.detector(clouds(n_points=n_points))
    for tensor in (found.scene.tokens, found.proposals.centers, found.proposals.class_logits):
        assert tensor.isfinite().all()


def test_all_points_in_one_place():
    net = network()
    cloud = clouds()
    with torch.no_grad():
        found = net.detector(replace(cloud, xyz=torch.full_like(cloud.xyz, 0.7)))
    assert found.scene.tokens.isfinite().all()
    assert found.proposals.corners.isfinite().all()


def test_clouds_of_other_shapes_are_refused():
    with pytest.raises(ShapeError, match=r"found \(2, 4, 3\) and \(2, 5, 7\)"):
        CloudBatch(xyz=torch.zeros(2, 4, 3), features=torch.zeros(2, 5, 7))


def test_set_abstraction_point_by_point():
    torch.manual_seed(0)
    layer = SetAbstraction(6, 0.7, 4, (2, 5, 3), skip_origin=False).eval()
    xyz, features = torch.rand(1, 30, 3) * 2, torch.randn(1, 2, 30)
    with torch.no_grad():
        out = layer(xyz, features)
    rows = furthest_point_sampling(xyz, 6, skip_origin=False)[0]
    assert torch.equal(out.rows[0], rows)
    neighbours = ball_query(xyz[:, rows], xyz, 0.7, 4)[0]
    for place, row in enumerate(rows):
        best = torch.full((3,), -torch.inf)
        for k in neighbours[place]:
            value = torch.cat([(xyz[0, k] - xyz[0, row]) / 0.7, features[0, :, k]])
            for block in layer.mlp_module:
                norm, weight = block.bn.bn, block.conv.weight[:, :, 0, 0]
                value = torch.relu((weight @ value) / (1 + norm.eps) ** 0.5)
            best = torch.maximum(best, value)
        close(out.features[0, :, place], best.detach())


def test_set_abstraction_gradients():
    torch.manual_seed(0)
    layer = SetAbstraction(4, 0.7, 3, (2, 3), skip_origin=False).double().eval()
    xyz = torch.rand(1, 12, 3, dtype=torch.float64)
    features = torch.randn(1, 2, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f: layer(xyz, f).features, (features,))


def test_encoder_layer_is_torchs_under_the_same_mask():
    torch.manual_seed(0)
    ours = EncoderLayer(16, 4, 8, 0.1).eval()
    theirs = nn.TransformerEncoderLayer(16, 4, 8, norm_first=True, batch_first=True).eval()
    theirs.load_state_dict(ours.state_dict())
    points, xyz = torch.randn(2, 9, 16), torch.rand(2, 9, 3)
    reach = in_reach(xyz, 0.5, exact=True)
    assert 0.2 < reach.float().mean() < 0.9
    with torch.no_grad():
        close(ours(points, reach), theirs(points, (~reach).repeat_interleave(4, dim=0)))


@pytest.mark.parametrize("exact", [True, False])
def test_reach_ends_before_the_radius(exact):
    xyz = torch.tensor([[[0.0, 0, 0], [0.25, 0, 0], [0.125, 0, 0]]])
    reach = in_reach(xyz, 0.25, exact=exact)
    assert reach.tolist() == [[[True, False, True], [False, True, True], [True, True, True]]]


def test_points_out_of_reach_change_nothing():
    torch.manual_seed(0)
    layer = EncoderLayer(8, 2, 8, 0.0).eval()
    xyz = torch.tensor([[[0.0, 0, 0], [0.1, 0, 0], [0.9, 0, 0]]])
    reach = in_reach(xyz, 0.16, exact=True)
    points = torch.randn(1, 3, 8)
    changed = points.clone()
    changed[0, 2] += 1
    with torch.no_grad():
        before, after = layer(points, reach), layer(changed, reach)
    assert torch.equal(before[0, :2], after[0, :2])
    assert not torch.equal(before[0, 2], after[0, 2])


def test_encoder_layers_reach_further_and_further():
    assert DetectorConfig().mask_radii_m == pytest.approx((0.4**2, 0.8**2, 1.2**2))
    torch.manual_seed(0)
    encoder = MaskedEncoder(detector_config()).eval()
    xyz, features = clouds(n_points=60).xyz, torch.randn(2, 16, 60)
    with torch.no_grad():
        out = encoder(xyz, features)
        first = encoder.layers[0](features.mT, torch.cdist(xyz, xyz) < 0.16)
        fewer = encoder.interim_downsampling(xyz, first.mT)
        reach = torch.cdist(fewer.xyz, fewer.xyz)
        second = encoder.layers[1](fewer.features.mT, reach < 0.64)
        close(out.features.mT, encoder.layers[2](second, reach < 1.44))
    assert torch.equal(out.rows, fewer.rows)


def test_decoder_is_torchs_where_places_have_no_code():
    torch.manual_seed(0)
    config = detector_config()
    ours = QueryDecoder(config).eval()
    layer = nn.TransformerDecoderLayer(16, 2, 12, norm_first=True, batch_first=True)
    theirs = nn.TransformerDecoder(layer, 2, nn.LayerNorm(16)).eval()
    theirs.load_state_dict(ours.state_dict())
    queries, memory = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    with torch.no_grad():
        states = ours(queries, torch.zeros_like(queries), memory, torch.zeros_like(memory))
        close(states[-1], theirs(queries, memory))
        close(states[0], theirs.norm(theirs.layers[0](queries, memory)))


def test_decoder_adds_codes_to_queries_and_keys_only():
    torch.manual_seed(0)
    layer = DecoderLayer(detector_config()).eval()
    queries, query_code = torch.randn(1, 5, 16), torch.randn(1, 5, 16)
    memory, memory_code = torch.randn(1, 7, 16), torch.randn(1, 7, 16)

    def attend(attention, query, key, value):
        w, b = attention.in_proj_weight.split(16), attention.in_proj_bias.split(16)
        q, k, v = (x @ w[i].T + b[i] for i, x in enumerate((query, key, value)))
        heads = [
            ((q[..., h] @ k[..., h].mT) / 8**0.5).softmax(-1) @ v[..., h]
            for h in (slice(0, 8), slice(8, 16))
        ]
        return attention.out_proj(torch.cat(heads, -1))

    with torch.no_grad():
        normed = layer.norm1(queries)
        x = queries + attend(layer.self_attn, normed + query_code, normed + query_code, normed)
        x = x + attend(
            layer.multihead_attn, layer.norm2(x) + query_code, memory + memory_code, memory
        )
        x = x + layer.linear2(torch.relu(layer.linear1(layer.norm3(x))))
        close(layer(queries, query_code, memory, memory_code), x)


def test_queries_are_spread_over_tokens_and_look_around_votes():
    torch.manual_seed(0)
    votes = VoteQueries(detector_config()).eval()
    xyz, features = torch.rand(1, 24, 3), torch.randn(1, 16, 24)
    with torch.no_grad():
        out = votes(xyz, features)
        shift = votes.FFN_vote(features)
        rows = furthest_point_sampling(xyz, 10, skip_origin=False)[0]
        close(out.vote_xyz, xyz + shift[:, :3].mT)
        close(out.xyz[0], out.vote_xyz[0, rows])
        moved = features + shift[:, 3:]
        unit = moved / moved.square().sum(1, keepdim=True).sqrt()
        close(out.features, votes.set_abstraction(out.vote_xyz, unit, rows[None]).features)


def test_boxes_from_zero_heads_are_half_of_the_room_at_the_query():
    heads = BoxHeads(detector_config()).eval()
    for name in heads:
        last = heads[name].layers[8]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    heads["sem_cls_head"].layers[8].bias.data = torch.tensor([0.0, 0, 0, 2.0])
    heads["center_head"].layers[8].bias.data = torch.tensor([torch.inf, 0, -torch.inf])
    extent = Extent(low=torch.zeros(1, 3), high=torch.tensor([[4.0, 2.0, 0.02]]))
    found = heads(torch.randn(1, 2, 16), torch.ones(1, 2, 3), extent)
    close(found.centers[0, 0], torch.tensor([1.5, 1.0, 0.5]))
    close(found.sizes[0, 1], torch.tensor([2.0, 1.0, 0.05]))  # at least half of 10 cm
    share = 3 / (3 + torch.tensor(2.0).exp())
    close(found.objectness, share.expand(1, 2))
    close(found.class_probs.sum(-1), share.expand(1, 2))
    assert not found.is_object.any()


def test_fourier_code_by_hand():
    code = FourierCode(4)
    code.gauss_B.copy_(torch.tensor([[1.0, 0], [0, 0.5], [0, 0]]))
    out = code(torch.tensor([[0.25, 1.0, 9.0]]))
    close(out, torch.tensor([[1.0, 0.0, 0.0, -1.0]]), 1e-6)
    assert not code(torch.ones(1, 3, requires_grad=True)).requires_grad


def test_extent_normalises_and_survives_a_flat_scene():
    xyz = torch.tensor([[[1.0, 2.0, 5.0], [3.0, 6.0, 5.0]]])
    extent = Extent.of(xyz)
    assert extent.normalise(xyz).tolist() == [[[0, 0, 0], [1, 1, 0]]]
    assert extent.of_scenes(torch.tensor([0, 0])).high.tolist() == [[3, 6, 5]] * 2


def test_released_sampling_skips_the_origin():
    cloud = clouds(n_points=60)
    xyz = cloud.xyz.clone()
    xyz[:, 3] = torch.tensor([0.0, 0, 0])
    cloud = CloudBatch(xyz=xyz, features=cloud.features)
    sizes = {"n_points": 59, "n_tokens": 58}
    for fidelity, sampled in ((Fidelity.RELEASED, False), (Fidelity.CORRECT, True)):
        net = network(fidelity, detector=detector_config(fidelity, **sizes))
        with torch.no_grad():
            points = net.detector.tokenizer(cloud.xyz, cloud.features.mT)
        assert (points.rows == 3).any() == sampled


def test_a_frozen_part_always_evaluates():
    net = network()
    net.requires_grad_(False)
    net.captioner.qformer.requires_grad_(True)
    net.train()
    assert net.captioner.qformer.training
    assert not any(module.training for module in net.detector.modules())
    assert not any(module.training for module in net.captioner.transformer.modules())
    before = {key: value.clone() for key, value in net.detector.state_dict().items()}
    net.encode(clouds())
    assert all(torch.equal(before[key], value) for key, value in net.detector.state_dict().items())
    net.detector.requires_grad_(True)
    net.train()
    assert net.detector.tokenizer.training
    assert not net.eval().captioner.qformer.training
