"""What an encoder owes: repeatable, harmless, robust, light."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
import math
import pickle
import random
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from posealign_core.errors import PoseAlignWarning
from posealign_core.structures import ObjectTable
from posealign_core.testing.check import conformance_check, demand
from posealign_core.testing.compare import differences
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posealign_core.structures import Scene
    from posealign_core.testing.subject import Subject

_MAX_CONSTANT = 100_000
"""Entries of a tensor that an encoder may hold: an anchor table, but not an embedding matrix."""


@conformance_check()
def check_encode_is_deterministic(subject: Subject) -> None:
    """The same sample and generator state give the same features, whatever the global state."""
    for train in (False, True):
        for query in subject.queries():
            sample = subject.sample(*subject.spec.tags.modes, query=query)
            with _global_seeds(1):
                first = subject.encode(sample, train=train)
            with _global_seeds(2):
                second = subject.encode(sample, train=train)
            found = differences(first, second)
            demand(not found, f"train={train}: encoding twice gives different features: {found}")


@conformance_check()
def check_encode_leaves_sample_unchanged(subject: Subject) -> None:
    """Encoding changes nothing in the sample that it was given."""
    for query in subject.queries():
        sample = subject.sample(*subject.spec.tags.modes, query=query)
        before = copy.deepcopy(sample)
        subject.encode(sample, train=True)
        changed = differences(before, sample)
        demand(not changed, f"encoding changes the sample: {changed}")


@conformance_check()
def check_encode_survives_small_scenes(subject: Subject) -> None:
    """One point, one object, no object, no colours: each is encoded and answered.

    Saying with a `PoseAlignWarning` what a scan lacks is welcome.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoseAlignWarning)
        _demand_answers_about_small_scenes(subject)


def _demand_answers_about_small_scenes(subject: Subject) -> None:
    model = subject.model()
    for name, scene in _small_scenes().items():
        known = () if scene.objects is None else tuple(map(int, scene.objects.object_ids))
        for query in subject.queries():
            if query.kind is TaskKind.CAPTION and not known:
                continue  # there is nothing to describe
            asked = dataclasses.replace(
                query, target_ids=known[:1], candidates=known, references=("left",)
            )
            sample = subject.sample(*subject.spec.tags.modes, query=asked, scene=scene)
            answers = subject.answer(model, [sample])
            demand(len(answers) == 1, f"{name}: {len(answers)} answers to one {query.kind.value}")
            with torch.no_grad():
                loss = model(subject.batch([sample], train=True)).loss
            demand(bool(torch.isfinite(loss)), f"{name}: loss of one {query.kind.value} is {loss}")


@conformance_check()
def check_encoder_pickles(subject: Subject) -> None:
    """An encoder survives a pickle round trip, as data-loader workers need, without weights."""
    buffer = io.BytesIO()
    pickler = _WeightFinder(buffer)
    pickler.dump(subject.encoder)
    demand(not pickler.found, f"the encoder holds weights: {pickler.found}")
    twin = pickle.loads(buffer.getvalue())  # noqa: S301 - the bytes were written two lines above
    sample = subject.sample(*subject.spec.tags.modes)
    again = twin.encode([sample], train=True, rng=np.random.default_rng(0))
    found = differences(subject.encode(sample, train=True), again)
    demand(not found, f"after a pickle round trip the encoder gives other features: {found}")


def _small_scenes() -> dict[str, Scene]:
    full = toy_scene()
    nothing = ObjectTable(
        object_ids=np.zeros(0, dtype=np.int64), labels=(), centers=np.zeros((0, 3))
    )
    return {
        "one point, one object": toy_scene(n_objects=1, points_per_object=1, background=False),
        "no object": toy_scene(n_objects=0),
        "no object table": dataclasses.replace(toy_scene(n_objects=0), objects=None),
        "empty object table without corners": dataclasses.replace(
            toy_scene(n_objects=0), objects=nothing
        ),
        "no colours": toy_scene(colors=False),
        "no normals, instances or superpoints": dataclasses.replace(
            full, normals=None, instance_ids=None, superpoint_ids=None
        ),
    }


class _WeightFinder(pickle.Pickler):
    """Notes every module, parameter and large tensor that it meets."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.found: list[str] = []

    def reducer_override(self, obj: Any) -> Any:
        is_weight = isinstance(obj, torch.nn.Module | torch.nn.Parameter)
        shape = tuple(obj.shape) if isinstance(obj, torch.Tensor | np.ndarray) else ()
        if is_weight or math.prod(shape) > _MAX_CONSTANT:
            self.found.append(f"{type(obj).__name__} {shape or ''}".strip())
        return NotImplemented


@contextlib.contextmanager
def _global_seeds(seed: int) -> Iterator[None]:
    """Put the global generators into a known state, and back afterwards."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        yield
    random.setstate(states[0])
    np.random.set_state(states[1])
