"""One fault per class, as small as it can be made without breaking anything else."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import torch
from torch import nn
from toy_backbone import ToyBackbone, ToyEncoder

from posealign_core.align import transform_sample
from posealign_core.backbone import LoadReport, StepOutput
from posealign_core.vocabulary import TaskKind


def look_backwards(sample, pose):
    return ToyEncoder(None).moved(transform_sample(sample, pose), np.diag([-1.0, -1.0, 1.0, 1.0]))


@dataclasses.dataclass
class MeltingConfig:
    width: int = 16


class ReadsGlobalGenerator(ToyEncoder):
    def encode(self, samples, *, train, rng):
        seed = int(np.random.get_state()[1][0])
        return {**super().encode(samples, train=train, rng=rng), "seed": seed}


class MarksSample(ToyEncoder):
    def encode(self, samples, *, train, rng):
        samples[0].scene.objects and samples[0].scene.objects.features.update(seen=np.ones(1))
        return super().encode(samples, train=train, rng=rng)


class NeedsColors(ToyEncoder):
    def colors(self, scene):
        if scene.colors is None:
            raise TypeError("no colours")
        return super().colors(scene)


class HoldsWeights(ToyEncoder):
    def __init__(self, config):
        self.projector = nn.Linear(3, 3)


class RegionInWorld(ToyEncoder):
    def region(self, sample):
        return np.zeros(3) if sample.query.region is None else sample.query.region.click


class Realigns(ToyEncoder):
    def stepped(self, sample, train, rng):
        return super().stepped(
            self.moved(sample, sample.scene.aligned_from_world.matrix), train, rng
        )


class AlwaysEmbeds(ToyEncoder):
    def pose(self, sample):
        return sample.pose


class SilentAboutPose(ToyEncoder):
    def pose_numbers(self, sample):
        return torch.zeros(12)


class TurnsAgainstPolicy(ToyEncoder):
    def stepped(self, sample, train, rng):
        policy = dataclasses.replace(sample.policy, rotate=True)
        return super().stepped(dataclasses.replace(sample, policy=policy), train, rng)


class EmbedsOldPose(ToyEncoder):
    def encode(self, samples, *, train, rng):
        features = super().encode(samples, train=train, rng=rng)
        return {**features, "pose": self.pose(samples[0])}


class StatesOldPose(ToyEncoder):
    def encode(self, samples, *, train, rng):
        features = super().encode(samples, train=train, rng=rng)
        return {**features, "pose_numbers": self.pose_numbers(samples[0])}


class IgnoresSituation(ToyEncoder):
    def words(self, query):
        return super().words(dataclasses.replace(query, situation=""))


class LeaksTarget(ToyEncoder):
    def words(self, query):
        hint = " ".join(map(str, query.target_ids))
        return super().words(dataclasses.replace(query, text=f"{query.text} {hint}"))


class BlindToPoints(ToyEncoder):
    def colors(self, scene):
        return np.zeros((len(scene.objects), 3))


class AnswersFirstQuestion(ToyEncoder):
    def encode(self, samples, *, train, rng):
        features = super().encode(samples, train=train, rng=rng)
        first, *others = features["answers"]
        return {**features, "answers": [first, *(-100 for _ in others)]}


class Thaws(ToyBackbone):
    def forward(self, batch):
        self.frozen.requires_grad_(True)
        return super().forward(batch)


class Drifts(ToyBackbone):
    def forward(self, batch):
        if self.training:
            self.frozen.weight.data.add_(1e-6)
        return super().forward(batch)


class NoisyLoss(ToyBackbone):
    def forward(self, batch):
        out = super().forward(batch)
        return StepOutput(loss=out.loss * random.uniform(0.9, 1.1)) if self.training else out


class NotFinite(ToyBackbone):
    def forward(self, batch):
        out = super().forward(batch)
        return StepOutput(loss=out.loss / 0) if len(batch["item"]) == len(TaskKind) else out


class ConstantLoss(ToyBackbone):
    def forward(self, batch):
        return StepOutput(loss=super().forward(batch).loss + 50.0)


class IgnoresEmbedding(ToyBackbone):
    def ego(self, batch):
        return super().ego(batch) * 0


class DropsLast(ToyBackbone):
    def generate(self, batch, options):
        answers = super().generate(batch, options)
        return answers[:-1] if len(answers) > len(TaskKind) else answers


class AnswersRows(ToyBackbone):
    def decoded(self, batch, i, texts, objects):
        answer = super().decoded(batch, i, texts, objects)
        return dataclasses.replace(answer, object_ids=(0,)) if answer.object_ids else answer


class RollsDice(ToyBackbone):
    def decoded(self, batch, i, texts, objects):
        answer = super().decoded(batch, i, texts, objects)
        drawn = (torch.initial_seed() % 7 / 7,) if answer.object_ids else ()
        return dataclasses.replace(answer, confidences=drawn)


class CountsBatch(ToyBackbone):
    def generate(self, batch, options):
        answers = super().generate(batch, options)
        n = len(answers)
        return [dataclasses.replace(a, text=f"{a.text} {n}") if n > 2 else a for a in answers]


class BoxesElsewhere(ToyBackbone):
    def decoded(self, batch, i, texts, objects):
        answer = super().decoded(batch, i, texts, objects)
        if answer.corners is None:
            return answer
        center = batch["corners"][i].mean(axis=(0, 1))
        return dataclasses.replace(answer, corners=answer.corners - center)


class HidesState(ToyBackbone):
    temperature = 1.0

    def logits(self, batch):
        if self.training:
            self.temperature = 1.1
        texts, objects = super().logits(batch)
        return texts / self.temperature, objects


class TakesAnything(ToyBackbone):
    def load_published(self, path):
        return LoadReport(loaded=1)
