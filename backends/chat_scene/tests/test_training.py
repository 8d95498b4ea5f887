from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from posealign_chat_scene.backbone import ChatSceneBackbone
from posealign_chat_scene.config import ObjectsConfig
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.training.learnable import learnable
from posealign_chat_scene.training.trainer import ChatSceneTrainer
from posealign_core.errors import ConfigError
from posealign_core.geometry import aabb_from_corners, move_corners
from posealign_core.testing.toy_scenes import toy_queries, toy_scene
from posealign_core.training.lora import select_trainable
from posealign_core.training.memory import estimate_memory
from posealign_core.training.settings import TrainSettings
from posealign_core.vocabulary import Fidelity, TaskKind

from .samples import HOST, query_of, tiny

RECIPE = TrainSettings(
    learning_rate=6.4e-4,
    weight_decay=0.02,
    warmup_ratio=100 / 3000,
    final_learning_rate_ratio=0.01,
    batch_size=32,
)


class Pipeline:
    """As much of a query pipeline as the trainer asks."""

    def __init__(self, queries=None):
        self.queries = tuple(toy_queries() if queries is None else queries)
        self.host, self.backbone, self.seed = HOST, "toy", 0

    def scene(self, scene_id):
        return toy_scene()


class Tags:
    packs_questions = True


def trainer_of(tmp_path, *, queries=None, **overrides):
    config = tiny(**overrides)
    backbone = ChatSceneBackbone(config)
    pipeline = Pipeline(queries)
    pipeline.host = type("Host", (), {"backbones": {"toy": type("Spec", (), {"tags": Tags})}})
    return ChatSceneTrainer(backbone, ChatSceneEncoder(config), pipeline, RECIPE, tmp_path)


def test_learning_rate_as_published(tmp_path):
    factor = trainer_of(tmp_path).learning_rate_factor
    for step, wanted in ((0, 0.01), (50, 0.5), (100, 1.0), (1500, 0.527), (2999, 0.01)):
        assert math.isclose(factor(step, 3000), wanted, abs_tol=1e-3)
    mean = np.mean([factor(step, 3000) for step in range(3000)])
    assert math.isclose(mean, 0.50, abs_tol=0.01)


def groups_of(trainer):
    select_trainable(trainer.backbone, RECIPE)
    words = trainer.backbone.network.llama_model.model.embed_tokens.weight
    groups = trainer.parameter_groups()
    n = sum(len(group["params"]) for group in groups)
    assert n == sum(p.requires_grad for p in trainer.backbone.parameters())
    own = next(g for g in groups if any(p is words for p in g["params"]))
    return groups, own


def test_words_do_not_decay_unless_released(tmp_path):
    _, own = groups_of(trainer_of(tmp_path))
    assert own["weight_decay"] == 0.0
    assert len(own["params"]) == 1
    _, own = groups_of(trainer_of(tmp_path, embedding_decay=Fidelity.RELEASED))
    assert own["weight_decay"] == 0.02


def test_released_decay_shrinks_rows_without_gradients(tmp_path):
    """One step at the peak rate multiplies them by 1 - 1.28e-5 (Q2)."""
    trainer = trainer_of(tmp_path, embedding_decay=Fidelity.RELEASED)
    _, own = groups_of(trainer)
    words = trainer.backbone.network.llama_model.model.embed_tokens.weight
    before = words.detach().clone()
    words.grad = torch.zeros_like(words)
    optimizer = torch.optim.AdamW([{**own, "params": [words]}])
    optimizer.step()
    wanted = before * (1 - 1.28e-5)
    assert torch.allclose(words, wanted, rtol=1e-6, atol=0)
    assert not torch.allclose(words, before, rtol=1e-6, atol=0)


def test_the_rate_follows_the_gpus_when_released(tmp_path, monkeypatch):
    for fidelity, wanted in ((Fidelity.CORRECT, 6.4e-4), (Fidelity.RELEASED, 3.2e-4)):
        monkeypatch.setenv("WORLD_SIZE", "2")
        groups, _ = groups_of(trainer_of(tmp_path, rate_scaling=fidelity))
        assert all(math.isclose(group["lr"], wanted) for group in groups)


def boxes_of_scene():
    scene = toy_scene()
    corners = move_corners(scene.aligned_from_world, scene.objects.corners)
    return aabb_from_corners(corners)


def attributes(path, boxes, ids=None):
    values = {"objects": ["thing"] * len(boxes), "locs": torch.tensor(boxes, dtype=torch.float32)}
    torch.save({"toy": {**values, **({"obj_ids": ids} if ids else {})}}, path)
    return path


def test_everything_is_learnt_from_where_objects_are_the_scenes_own():
    assert learnable(Pipeline(), ObjectsConfig()) == frozenset(range(4))


@pytest.mark.parametrize("from_file", [False, True])
def test_questions_without_a_proposal_are_left_out(tmp_path, from_file):
    boxes = boxes_of_scene()
    proposals = attributes(tmp_path / "detected.pt", boxes[1:])
    truth = attributes(tmp_path / "truth.pt", boxes, [1, 3, 4, 7])
    objects = ObjectsConfig(proposals=(proposals,), ground_truth=(truth,) if from_file else ())
    table = dataclasses.replace(query_of(TaskKind.GROUND), target_ids=(3,))
    queries = [*toy_queries(), table]
    kept = learnable(Pipeline(queries), objects)
    assert [queries[i].kind for i in sorted(kept)] == [TaskKind.ANSWER, TaskKind.GROUND]
    assert 4 in kept


def test_two_targets_need_two_proposals(tmp_path):
    boxes = boxes_of_scene()
    both = attributes(tmp_path / "truth.pt", np.stack([boxes[0], boxes[0]]), [1, 3])
    one = attributes(tmp_path / "detected.pt", boxes[:1])
    query = dataclasses.replace(query_of(TaskKind.GROUND), target_ids=(1, 3))
    objects = ObjectsConfig(proposals=(one,), ground_truth=(both,))
    assert not learnable(Pipeline([query]), objects)


def test_nothing_left_to_learn_from(tmp_path):
    far = attributes(tmp_path / "far.pt", boxes_of_scene() + 50)
    trainer = trainer_of(
        tmp_path,
        queries=[query_of(TaskKind.GROUND)],
        objects={"proposals": [str(far)], "features": "tiny"},
    )
    with pytest.raises(ConfigError, match="among the proposals"):
        trainer.epoch_items(0)


def test_memory_counts_what_the_optimiser_will_hold():
    config = tiny()
    backbone = ChatSceneBackbone(config)
    estimate = estimate_memory(backbone, config.llm, RECIPE, n_scene_tokens=18)
    select_trainable(backbone, RECIPE)
    trained = sum(p.numel() for p in backbone.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in backbone.parameters() if not p.requires_grad)
    assert (estimate.trained, estimate.frozen) == (16 * trained, 2 * frozen)
