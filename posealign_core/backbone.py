"""The contract of a backbone: an encoder on the CPU side and a model on the device side."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from posealign_core.align.embed import ego_features
from posealign_core.errors import CheckpointMismatchError
from posealign_core.registry import resolve
from posealign_core.structures.generation import GenerationOptions

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from transformers import PreTrainedModel

    from posealign_core.host import PluginHost
    from posealign_core.language.engine import GenerationEngine
    from posealign_core.structures import AlignedSample, EgoPose

__all__ = [
    "Backbone",
    "Batch",
    "Features",
    "GenerationOptions",
    "LoadReport",
    "RawAnswer",
    "SampleEncoder",
    "StepOutput",
    "Trainable",
    "build_backbone",
]

Features = Mapping[str, Any]
"""One encoded item: CPU tensors and plain values, private to a backbone."""
Batch = Mapping[str, Any]
"""A collated batch; tensors are moved to the model's device by the core."""


class SampleEncoder(abc.ABC):
    """CPU side. Picklable, holds no weights, runs in data-loader workers.

    An encoder reads geometry from the samples alone: it never re-reads a file, and takes only the
    geometric steps that `sample.policy` allows, carrying region and pose along.
    """

    @abc.abstractmethod
    def encode(
        self, samples: Sequence[AlignedSample], *, train: bool, rng: np.random.Generator
    ) -> Features:
        """Turn one or more questions about the same scene from the same pose into CPU tensors.

        Args:
            samples: At least one; several only in training, and only for a backbone whose tags say
                `packs_questions`. They share scene and pose, so geometry is read from the first.
            train: Whether to add the answers and to augment.
            rng: The only source of randomness.
        """

    @abc.abstractmethod
    def collate(self, items: Sequence[Features]) -> Batch:
        """Batch encoded items; item i of the batch is item i of the list."""


@dataclass(frozen=True, kw_only=True)
class StepOutput:
    """What a training step gives back.

    Attributes:
        loss: Scalar tensor to minimise.
        logs: Scalars for the training log.
    """

    loss: torch.Tensor
    logs: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RawAnswer:
    """An answer in the frame that the model saw; the core carries it back to the world.

    Attributes:
        text: Decoded text.
        alternatives: Further texts that were ranked below it, next best first, where there are any.
        corners: (M, 8, 3) float64 box corners in INPUT, metres, or None.
        masks: (S, N) bool over the sample's points, or None.
        object_ids: Chosen objects of the scene.
        confidences: One per box, mask or object, or empty.
        missing_inputs: How much of what the model reads was not there, by name; told to the user.
    """

    text: str
    alternatives: tuple[str, ...] = ()
    corners: np.ndarray | None = None
    masks: np.ndarray | None = None
    object_ids: tuple[int, ...] = ()
    confidences: tuple[float, ...] = ()
    missing_inputs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trainable:
    """Which parameters a backbone's recipe trains.

    Attributes:
        lora_targets: Names (or name endings) of linear layers that get adapters; empty for none.
        full_modules: Prefixes of parameter names that are trained whole.
    """

    lora_targets: tuple[str, ...]
    full_modules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LoadReport:
    """What became of every key of a checkpoint.

    Attributes:
        loaded: Number of entries taken over.
        missing: Keys of the model that the file lacks.
        unexpected: Keys of the file that the model lacks.
        reshaped: Keys whose shapes differ: key, shape in the file, shape in the model.
    """

    loaded: int
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()

    def require_exact(self, source: str) -> None:
        """Refuse a checkpoint that does not fit.

        Raises:
            CheckpointMismatchError: Anything is missing, unexpected or reshaped.
        """
        faults = [f"missing {key}" for key in self.missing]
        faults += [f"unexpected {key}" for key in self.unexpected]
        faults += [f"{k}: file has {a}, model has {b}" for k, a, b in self.reshaped]
        if faults:
            shown = "; ".join(faults[:8]) + ("; ..." if len(faults) > 8 else "")
            raise CheckpointMismatchError(
                f"{source}: {self.loaded} entries fit, {len(faults)} do not: {shown}"
            )


class Backbone(nn.Module, abc.ABC):
    """Device side: owns the weights, computes losses and answers.

    Attributes:
        embed_pose: Turns token coordinates (T, 3) in the input frame and the ego pose in that frame
            into (T, 6) features, for embed mode; `build_backbone` sets it to the host's hook.
        decoding: How answers are decoded, by benchmark; as the run says where it is silent.
        engine: What generates in the place of `language_model`, while it holds its weights.
    """

    embed_pose: Callable[[torch.Tensor, EgoPose], torch.Tensor] = staticmethod(ego_features)
    decoding: Mapping[str, GenerationOptions] = MappingProxyType({})
    engine: GenerationEngine | None = None

    @property
    def language_model(self) -> PreTrainedModel | None:
        """What `engine` may generate for; None for a backbone that heeds no engine."""
        return None

    @abc.abstractmethod
    def forward(self, batch: Batch) -> StepOutput:
        """Compute the training loss of a batch that was encoded with `train=True`."""

    @abc.abstractmethod
    def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
        """Answer a batch that was encoded with `train=False`; one answer per item, in order."""

    @abc.abstractmethod
    def trainable(self) -> Trainable:
        """Say which parameters the recipe trains."""

    @abc.abstractmethod
    def load_published(self, path: Path) -> LoadReport:
        """Load weights in the layout that the backbone's authors published."""


def build_backbone(host: PluginHost, name: str, config: object) -> tuple[SampleEncoder, Backbone]:
    """Build encoder and model of a registered backbone and connect its embed hook.

    Weights that the model draws at random are the same each time, so that a checkpoint, which holds
    the trained part only, finds the frozen part that it was trained with.

    Args:
        host: Where the backbone is registered.
        name: Its name.
        config: Instance of its config class.
    """
    spec = host.backbones[name]
    encoder: SampleEncoder = resolve(spec, "encoder")(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: Backbone = resolve(spec, "model")(config)

    def embed_pose(coords: torch.Tensor, pose: EgoPose) -> torch.Tensor:
        return host.embed(backbone=name, coords=coords, pose=pose)

    model.embed_pose = embed_pose
    return encoder, model
