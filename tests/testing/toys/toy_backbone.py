"""A backbone that keeps every rule, in as few lines and milliseconds as that takes.

Objects, question, pose numbers and region are summed per object; a text is one of a few classes, an
object is pointed at. Unlike the template it augments: it turns the scene, and the pose with it.
"""

from __future__ import annotations

import dataclasses
import re
import zlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from posealign_core.align import pose_text
from posealign_core.backbone import (
    Backbone,
    RawAnswer,
    SampleEncoder,
    StepOutput,
    Trainable,
)
from posealign_core.errors import BackboneError
from posealign_core.geometry import Frame, RigidTransform
from posealign_core.vocabulary import AlignMode, TaskKind

TEXTS = ("left", "right", "a red chair", "on the table", "under the bed")
N_WORDS = 256
POINTING = (TaskKind.GROUND, TaskKind.SELECT)


@dataclasses.dataclass(frozen=True)
class ToyConfig:
    width: int = 16


class ToyEncoder(SampleEncoder):
    def __init__(self, config):
        pass

    def encode(self, samples, *, train, rng):
        first = self.stepped(samples[0], train, rng)
        questions = [self.stepped(s, train, rng) for s in samples]
        objects = self.objects(first.scene)
        return {
            "objects": torch.tensor(objects, dtype=torch.float32),
            "pose": self.pose(first),
            "pose_numbers": self.pose_numbers(first),
            "words": [torch.tensor(self.words(s.query)) for s in questions],
            "regions": torch.tensor(np.array([self.region(s) for s in questions])).float(),
            "points_at": [s.query.kind in POINTING for s in questions],
            "answers": [self.answer(s) if train else -100 for s in questions],
            **self.decoding(samples[0].scene),
        }

    def stepped(self, sample, train, rng):
        """The encoder's own steps: align walls, and turn at random in training."""
        policy = sample.policy
        if policy.axis_align:
            to_walls = sample.scene.aligned_from_world @ sample.input_from_world.inverse()
            sample = self.moved(sample, to_walls.matrix)
        if train and policy.rotate:
            angle = np.random.default_rng(rng.bit_generator.seed_seq).uniform(0.5, 6.0)
            turn = np.eye(4)
            turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
            sample = self.moved(sample, turn)
        return sample

    def moved(self, sample, matrix):
        return sample.moved(RigidTransform(matrix, Frame.INPUT, Frame.INPUT))

    def objects(self, scene):
        """(K, 6): centre in metres and mean colour."""
        if scene.objects is None:
            return np.zeros((0, 6))
        return np.concatenate([scene.objects.centers, self.colors(scene)], axis=1).reshape(-1, 6)

    def colors(self, scene):
        ids = scene.objects.object_ids
        if scene.colors is None or scene.instance_ids is None:
            return np.zeros((len(ids), 3))
        rows = [scene.colors[scene.instance_ids == i] for i in ids]
        return np.array([r.mean(0) / 255 if len(r) else np.zeros(3) for r in rows]).reshape(-1, 3)

    def pose(self, sample):
        return sample.pose if AlignMode.EMBED in sample.settings.modes else None

    def pose_numbers(self, sample):
        numbers = re.findall(r"-?\d+\.\d+", pose_text(sample))
        return torch.tensor([float(n) for n in numbers] or [0.0] * 12)

    def words(self, query):
        text = f"{query.kind.value} {query.situation} {query.text}"
        return [zlib.crc32(word.encode()) % N_WORDS for word in text.split()]

    def region(self, sample):
        return np.zeros(3) if sample.region is None else sample.region.click

    def answer(self, sample):
        query, objects = sample.query, sample.scene.objects
        if query.kind not in POINTING:
            return TEXTS.index(query.references[0])
        rows = [] if objects is None else np.flatnonzero(objects.object_ids == query.target_ids[:1])
        return int(rows[0]) if len(rows) else -100

    def decoding(self, scene):
        table = scene.objects
        if table is None:
            return {"ids": [], "corners": None}
        return {"ids": table.object_ids.tolist(), "corners": table.corners}

    def collate(self, items):
        n_questions = [len(item["words"]) for item in items]
        return {
            "objects": pad_sequence([item["objects"] for item in items], True),
            "n_objects": torch.tensor([len(item["objects"]) for item in items]),
            "poses": [item["pose"] for item in items],
            "pose_numbers": torch.stack([item["pose_numbers"] for item in items]),
            "item": torch.repeat_interleave(torch.tensor(n_questions)),
            "words": [words for item in items for words in item["words"]],
            "regions": torch.cat([item["regions"] for item in items]),
            "points_at": torch.tensor([p for item in items for p in item["points_at"]]),
            "answers": torch.tensor([a for item in items for a in item["answers"]]),
            "ids": [item["ids"] for item in items],
            "corners": [item["corners"] for item in items],
        }


class ToyBackbone(Backbone):
    def __init__(self, config):
        super().__init__()
        width = config.width
        self.words = nn.EmbeddingBag(N_WORDS, width)
        self.question = nn.Linear(width, width)
        self.objects = nn.Linear(6 + 6, width)
        self.pose = nn.Linear(12, width)
        self.region = nn.Linear(3, width)
        self.frozen = nn.Linear(width, width)
        self.head = nn.Linear(width, len(TEXTS))
        self.pointer = nn.Linear(width, 1)

    def ego(self, batch):
        """(B, K, 6) features of embed mode; zeros without it."""
        features = torch.zeros(*batch["objects"].shape[:2], 6)
        for i, pose in enumerate(batch["poses"]):
            if pose is not None:
                n = batch["n_objects"][i]
                features[i, :n] = self.embed_pose(batch["objects"][i, :n, :3], pose) * 2
        return features

    def logits(self, batch):
        """Of texts (Q, 5) and of objects (Q, K)."""
        item = batch["item"]
        scaled = batch["objects"] / torch.tensor([0.5, 0.5, 0.5, 0.2, 0.2, 0.2])
        objects = self.objects(torch.cat([scaled, self.ego(batch)], dim=2))[item]
        starts = torch.tensor([0, *[len(words) for words in batch["words"]]])[:-1].cumsum(0)
        question = self.question(self.words(torch.cat(batch["words"]), starts))
        question = question + self.region(batch["regions"] / 5)
        question = question + self.pose(batch["pose_numbers"])[item]
        hidden = torch.tanh(objects + question[:, None])
        real = torch.arange(hidden.shape[1])[None] < batch["n_objects"][item][:, None]
        pooled = question + (hidden * real[..., None]).sum(1)
        pooled = pooled + 0.1 * torch.tanh(self.frozen(pooled))
        pointers = self.pointer(hidden).squeeze(2).masked_fill(~real, -1e9)
        return self.head(pooled), pointers

    def forward(self, batch):
        texts, objects = self.logits(batch)
        answers, pointed = batch["answers"], batch["points_at"]
        losses = [texts.sum() * 0 + objects.clamp_min(-1e3).sum() * 0]
        for chosen, logits in ((~pointed, texts), (pointed & (answers >= 0), objects)):
            if chosen.any():
                losses.append(functional.cross_entropy(logits[chosen], answers[chosen]))
        return StepOutput(loss=torch.stack(losses).sum())

    def generate(self, batch, options):
        texts, objects = self.logits(batch)
        return [self.decoded(batch, i, texts[i], objects[i]) for i in range(len(texts))]

    def decoded(self, batch, i, texts, objects):
        if not batch["points_at"][i]:
            return RawAnswer(text=TEXTS[int(texts.argmax())])
        if not batch["ids"][i]:
            return RawAnswer(text="none")
        row = int(objects.argmax())
        corners = batch["corners"][i]
        return RawAnswer(
            text="this one",
            object_ids=(batch["ids"][i][row],),
            corners=None if corners is None else corners[[row]],
        )

    def trainable(self):
        full = ("words", "objects", "pose", "region", "head", "pointer")
        return Trainable(lora_targets=("question",), full_modules=full)

    def load_published(self, path):
        raise BackboneError(f"{path}: nobody has published toy weights")
