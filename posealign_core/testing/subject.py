"""A backbone under test: its parts, built once, and the samples that checks feed it."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from posealign_core.align import align_sample
from posealign_core.backbone import Backbone, Batch, Features, RawAnswer, build_backbone
from posealign_core.backbone import GenerationOptions as Options
from posealign_core.config import load_backbone_config
from posealign_core.hookspecs import hookimpl
from posealign_core.host import build_host
from posealign_core.structures import AlignSettings
from posealign_core.testing.toy_scenes import pose_towards, toy_queries, toy_scene
from posealign_core.training.lora import select_trainable
from posealign_core.training.settings import TrainSettings
from posealign_core.vocabulary import EgoFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from posealign_core.backbone import SampleEncoder
    from posealign_core.host import PluginHost
    from posealign_core.registry import Registrar
    from posealign_core.specs import BackboneSpec
    from posealign_core.structures import AlignedSample, EgoPose, Query, Scene
    from posealign_core.vocabulary import AlignMode

__all__ = ["Subject", "Tuned", "host_of", "subject_of"]

LEARNING_RATE = 2e-3
"""High for a language model, so that a tiny one learns a pair of examples in seconds."""


class Subject:
    """One preset of one backbone.

    Args:
        spec: The backbone.
        preset: Which of its presets.
    """

    def __init__(self, spec: BackboneSpec, preset: str) -> None:
        self.spec = spec
        self.preset = preset

    @functools.cached_property
    def host(self) -> PluginHost:
        """A host that knows the backbone."""
        return host_of(self.spec)

    @functools.cached_property
    def _built(self) -> tuple[SampleEncoder, Backbone]:
        config = load_backbone_config(self.spec, self.preset, {})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build_backbone(self.host, self.spec.name, config)

    @property
    def encoder(self) -> SampleEncoder:
        """The encoder."""
        return self._built[0]

    def model(self) -> Backbone:
        """A fresh copy of the model, with the weights of seed 0, in evaluation mode."""
        return copy.deepcopy(self._built[1]).eval()

    def queries(self) -> list[Query]:
        """The toy queries of the kinds that the backbone claims."""
        return [query for query in toy_queries() if query.kind in self.spec.tags.kinds]

    def sample(
        self,
        *modes: AlignMode,
        query: Query | None = None,
        scene: Scene | None = None,
        pose: EgoPose | None = None,
        ego_frame: EgoFrame = EgoFrame.CAMERA,
    ) -> AlignedSample:
        """Align a query; by default the first toy query, the toy scene, and a pose that sees it."""
        return align_sample(
            self.host,
            self.spec.name,
            self.queries()[0] if query is None else query,
            toy_scene() if scene is None else scene,
            pose_towards(0.3) if pose is None else pose,
            AlignSettings(modes=frozenset(modes), ego_frame=ego_frame),
        )

    def encode(self, *samples: AlignedSample, train: bool = False, seed: int = 0) -> Features:
        """Encode samples of one scene and pose with a generator of that seed."""
        return self.encoder.encode(samples, train=train, rng=np.random.default_rng(seed))

    def batch(self, samples: Iterable[AlignedSample], *, train: bool, seed: int = 0) -> Batch:
        """Encode each sample as an item of its own, and collate."""
        return self.encoder.collate([self.encode(s, train=train, seed=seed) for s in samples])

    def answer(self, model: Backbone, samples: Sequence[AlignedSample]) -> list[RawAnswer]:
        """Greedy answers to samples, as one batch."""
        options = Options(max_new_tokens=12)
        with torch.no_grad():
            return model.eval().generate(self.batch(samples, train=False), options)

    def tuned(
        self,
        batch_of: Callable[[int], Batch],
        n_steps: int,
        *,
        enough: Callable[[Tuned], bool] | None = None,
    ) -> Tuned:
        """Train a fresh model as its recipe says, with adapters and whole modules, on the CPU.

        Args:
            batch_of: The batch of each step, from 0.
            n_steps: Most steps, at least one.
            enough: Asked every ten steps whether to stop.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = self.model()
            select_trainable(model, TrainSettings(lora_dropout=0.0))
            trained = [p for p in model.parameters() if p.requires_grad]
            optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE)
            losses = []
            for step in range(n_steps):
                loss = model.train()(batch_of(step)).loss
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                losses.append(float(loss.detach()))
                tuned = Tuned(model.eval(), losses)
                if enough is not None and len(losses) % 10 == 0 and enough(tuned):
                    break
        return tuned


class Tuned(NamedTuple):
    """A model after training steps, in evaluation mode, and the loss of each step."""

    model: Backbone
    losses: list[float]


@functools.lru_cache(maxsize=4)
def subject_of(spec: BackboneSpec, preset: str) -> Subject:
    """The subject of a spec, kept for the next check."""
    return Subject(spec, preset)


def host_of(spec: BackboneSpec) -> PluginHost:
    """A host in which the backbone is registered.

    A spec that no installed plugin registers is announced here, without pose hooks of its own.
    """
    host = build_host()
    if spec.name in host.backbones and host.backbones[spec.name] == spec:
        return host
    return build_host(plugins=[_Announcement(spec)], entry_points=False)


class _Announcement:
    """A plugin that registers one spec."""

    def __init__(self, spec: BackboneSpec) -> None:
        self._spec = spec

    @hookimpl
    def posealign_register_backbones(self, register: Registrar[BackboneSpec]) -> None:
        """Register the spec."""
        register(self._spec)
