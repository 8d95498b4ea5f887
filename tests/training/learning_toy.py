"""A backbone of a few thousand parameters, scans made by arithmetic, questions that need a pose.

Each scan has a chair and a table, and cameras that stand between them and look to either side; the
question is on which side of the asker the chair is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import nn
from transformers import LlamaConfig, LlamaModel

from posealign_core.backbone import (
    Backbone,
    Batch,
    Features,
    GenerationOptions,
    LoadReport,
    RawAnswer,
    SampleEncoder,
    StepOutput,
    Trainable,
)
from posealign_core.datasets.base import Dataset
from posealign_core.errors import SceneNotFoundError
from posealign_core.geometry import Frame, Intrinsics, RigidTransform, corners_from_aabb
from posealign_core.hookspecs import hookimpl
from posealign_core.host import PluginHost, build_host
from posealign_core.pipeline import QueryPipeline
from posealign_core.recover import PoseNoise, save_table, table_path
from posealign_core.recover.selectors import Selector
from posealign_core.specs import BackboneSpec, BackboneTags
from posealign_core.structures import (
    AlignedSample,
    AlignSettings,
    CameraTrajectory,
    EgoPose,
    FrameCounts,
    ObjectTable,
    Query,
    Scene,
    VisibilityTable,
)
from posealign_core.vocabulary import AlignMode, PoseSource, TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CAMERA = Intrinsics(50.0, 50.0, 32.0, 24.0, 64, 48)
N_FRAMES = 4
torch.set_num_threads(1)  # with matrices this small, a second thread only waits
WORDS = ("<pad>", "<end>", "is", "the", "chair", "on", "my", "left", "right", "?", "what", "table")
TRANSFORM = AlignSettings(modes=frozenset({AlignMode.TRANSFORM}))


@dataclass(frozen=True)
class ToyConfig:
    width: int = 32
    dropout: float = 0.0


class ToyEncoder(SampleEncoder):
    """One token per object, then the questions, each followed by its answer in training."""

    def __init__(self, config: ToyConfig) -> None:
        del config

    def encode(
        self, samples: Sequence[AlignedSample], *, train: bool, rng: np.random.Generator
    ) -> Features:
        objects = samples[0].scene.objects
        assert objects is not None
        words, labels = [], []
        for sample in samples:
            asked = [WORDS.index(word) for word in sample.query.text.split()]
            words += asked
            labels += [-100] * len(asked)
            if train:
                answer = [WORDS.index(sample.query.references[0]), WORDS.index("<end>")]
                words += answer
                labels += answer
        kinds = [float(label == "chair") for label in objects.labels]
        noise = 0.01 * rng.standard_normal(objects.centers.shape) if train else 0.0
        return {
            "objects": torch.tensor(np.column_stack([objects.centers + noise, kinds])).float(),
            "words": torch.tensor(words),
            "labels": torch.tensor(labels),
        }

    def collate(self, items: Sequence[Features]) -> Batch:
        longest = max(len(item["words"]) for item in items)

        def padded(name: str, value: int) -> torch.Tensor:
            return torch.stack(
                [
                    nn.functional.pad(i[name], (longest - len(i[name]), 0), value=value)
                    for i in items
                ]
            )

        return {
            "objects": torch.stack([item["objects"] for item in items]),
            "words": padded("words", 0),
            "labels": padded("labels", -100),
        }


class ToyBackbone(Backbone):
    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.objects = nn.Linear(4, config.width)
        self.norm = nn.BatchNorm1d(4)
        self.llm = LlamaModel(
            LlamaConfig(
                vocab_size=len(WORDS),
                hidden_size=config.width,
                intermediate_size=2 * config.width,
                num_hidden_layers=2,
                num_attention_heads=2,
                attention_dropout=config.dropout,
                pad_token_id=0,
            )
        )
        self.head = nn.Linear(config.width, len(WORDS), bias=False)
        self.head.weight = self.llm.embed_tokens.weight

    def trainable(self) -> Trainable:
        return Trainable(
            lora_targets=("q_proj", "v_proj", "down_proj"),
            full_modules=("objects", "head", "llm.norm"),
        )

    def load_published(self, path: Path) -> LoadReport:
        raise NotImplementedError

    def _logits(self, batch: Batch, words: torch.Tensor) -> torch.Tensor:
        features = batch["objects"]
        normed = self.norm(features.flatten(0, 1)).view_as(features)
        tokens = torch.cat([self.objects(normed), self.llm.embed_tokens(words)], dim=1)
        seen = torch.cat([torch.ones_like(features[..., 0]), words > 0], dim=1).long()
        positions = (seen.cumsum(1) - 1).clamp(min=0)
        out = self.llm(inputs_embeds=tokens, attention_mask=seen, position_ids=positions)
        logits: torch.Tensor = self.head(out.last_hidden_state[:, features.shape[1] :])
        return logits

    def forward(self, batch: Batch) -> StepOutput:
        logits, labels = self._logits(batch, batch["words"])[:, :-1], batch["labels"][:, 1:]
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), labels)
        return StepOutput(loss=loss, logs={"n_words": float(batch["words"].numel())})

    @torch.no_grad()
    def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
        words = batch["words"]
        n_asked = words.shape[1]
        for _ in range(options.max_new_tokens):
            new = self._logits(batch, words)[:, -1].argmax(-1, keepdim=True)
            words = torch.cat([words, new], dim=1)
        texts = [[WORDS[i] for i in row] for row in words[:, n_asked:].tolist()]
        return [RawAnswer(text=" ".join(" ".join(t).split("<end>")[0].split())) for t in texts]


class AnyFrame(Selector):
    name: ClassVar[str] = "any"

    def select(self, scores: Any, rng: np.random.Generator) -> int | None:
        return int(rng.integers(len(scores)))


class Plugin:
    """Registers the toy, and finds poses by the selector alone."""

    @hookimpl
    def posealign_register_backbones(self, register: Any) -> None:
        register(
            BackboneSpec(
                name="toy",
                summary="a toy",
                encoder="learning_toy:ToyEncoder",
                model="learning_toy:ToyBackbone",
                config="learning_toy:ToyConfig",
                presets="learning_toy",
                tags=BackboneTags(
                    modes=frozenset(AlignMode),
                    kinds=frozenset({TaskKind.ANSWER}),
                    packs_questions=True,
                ),
            )
        )

    @hookimpl
    def posealign_recover_pose(
        self,
        query: Query,
        visibility: VisibilityTable,
        selector: Selector,
        rng: np.random.Generator,
    ) -> EgoPose:
        if query.annotated_pose is not None:
            return EgoPose(
                reference_from_camera=query.annotated_pose,
                intrinsics=CAMERA,
                source=PoseSource.ANNOTATED,
            )
        row = selector.select(visibility.scores[:, 0], rng)
        assert row is not None
        return EgoPose(
            reference_from_camera=visibility.trajectory.pose(row),
            intrinsics=CAMERA,
            source=PoseSource.RECOVERED if row else PoseSource.FALLBACK,
            selector=selector.name,
            frame_id=visibility.trajectory.frame_ids[row],
            fallback_reason="" if row else "first frame",
        )


def make_host() -> PluginHost:
    return build_host(plugins=[Plugin()], entry_points=False, strict=True)


class ToyDataset(Dataset):
    """Scans `s0`, `s1`, ...; every coordinate follows from the number."""

    n_read = 0

    def scene_ids(self, split: str | None = None) -> list[str]:
        return [f"s{i}" for i in range(6)]

    def scene(self, scene_id: str) -> Scene:
        if scene_id not in self.scene_ids():
            raise SceneNotFoundError(f"no scan {scene_id!r}")
        self.n_read += 1
        rng = np.random.default_rng(int(scene_id[1:]))
        side = rng.uniform(0.8, 1.6)
        centers = np.array([[rng.uniform(-0.2, 0.2), side, 0.5], [0.1, -side, 0.4]])
        return Scene(
            scene_id=scene_id,
            frame=Frame.WORLD,
            points=centers.repeat(5, axis=0) + rng.uniform(-0.1, 0.1, (10, 3)),
            instance_ids=np.repeat([3, 7], 5),
            objects=ObjectTable(
                object_ids=np.array([3, 7]),
                labels=("chair", "table"),
                centers=centers,
                corners=corners_from_aabb(np.column_stack([centers, np.full((2, 3), 0.4)])),
            ),
        )

    def trajectory(self, scene_id: str) -> CameraTrajectory:
        poses = np.stack([camera(index).matrix for index in range(N_FRAMES)])
        names = tuple(str(index) for index in range(N_FRAMES))
        return CameraTrajectory(
            scene_id=scene_id,
            frame_ids=names,
            world_from_camera=poses,
            intrinsics=(CAMERA,) * N_FRAMES,
        )


def camera(index: int) -> RigidTransform:
    """Level cameras at eye height that look along +x (even) or -x (odd), for one left is right."""
    ahead = 1.0 if index % 2 == 0 else -1.0
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[0, 0, ahead], [-ahead, 0, 0], [0, -1, 0]])
    matrix[:3, 3] = (-ahead * (1.0 + 0.1 * index), 0.0, 1.4)
    return RigidTransform(matrix, Frame.WORLD, Frame.CAMERA)


def toy_queries(n_per_scene: int = 4, n_scenes: int = 6, *, annotated: bool = True) -> list[Query]:
    """Is the chair on my left or right? From camera 0 it is on the left, from camera 1 not."""
    return [
        Query(
            query_id=f"s{s}-{k}",
            benchmark="toy",
            split="train",
            scene_id=f"s{s}",
            kind=TaskKind.ANSWER,
            text="is the chair on my left ?" if k % 4 < 2 else "the chair is on my",
            target_ids=(3,),
            references=("left" if k % 2 == 0 else "right",),
            annotated_pose=camera(k % 2) if annotated else None,
            extra={"direction_critical": "true"},
        )
        for s in range(n_scenes)
        for k in range(n_per_scene)
    ]


def write_tables(folder: Path) -> Path:
    """Visibility tables of all scans."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset = ToyDataset(folder)
    for scene_id in dataset.scene_ids():
        table = VisibilityTable(
            trajectory=dataset.trajectory(scene_id),
            object_ids=np.array([3, 7]),
            scores=np.tile(np.linspace(0.2, 0.8, N_FRAMES, dtype=np.float32)[:, None], (1, 2)),
            rule="surface",
            image_scale=1.0,
            depth_tolerance_m=0.05,
            counts=FrameCounts(recorded=N_FRAMES, rejected=0, every=1, kept=N_FRAMES),
            digest="toy",
        )
        save_table(table_path(folder, scene_id), table)
    return folder


def toy_pipeline(
    folder: Path,
    queries: Sequence[Query] | None = None,
    settings: AlignSettings = TRANSFORM,
    *,
    seed: int = 0,
    cache_mib: int = 1024,
    noise: PoseNoise | None = None,
) -> QueryPipeline:
    tables = folder / "tables"
    if not tables.is_dir():
        write_tables(tables)
    return QueryPipeline(
        make_host(),
        ToyDataset(folder),
        toy_queries() if queries is None else queries,
        tables,
        AnyFrame(),
        settings,
        backbone="toy",
        seed=seed,
        cache_mib=cache_mib,
        host_factory=make_host,
        noise=noise or PoseNoise(),
    )
