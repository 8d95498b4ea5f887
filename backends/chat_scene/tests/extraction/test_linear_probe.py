"""The small encoders tell what an object is: a linear reading of them holds in rooms unseen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from posealign_chat_scene.extraction.cloud_batches import Precision, encode_clouds
from posealign_chat_scene.extraction.object_clouds import object_clouds
from posealign_chat_scene.extraction.objects import ScanObjects
from posealign_chat_scene.extraction.uni3d import TINY
from posealign_chat_scene.extraction.uni3d_weights import random_uni3d
from posealign_core.geometry import Frame
from posealign_core.structures import Scene
from posealign_rooms.mesh import mesh_of
from posealign_rooms.plan import plan_room
from posealign_rooms.presets import PRESETS

N_ROOMS, N_SEEN = 24, 18
SIZES = dataclasses.replace(
    PRESETS["mini"], n_viewpoints=1, n_frames=10, spacing_m=0.1, n_objects=(8, 9)
)


def _objects(index: int) -> ScanObjects:
    plan = plan_room(SIZES, 7, index)
    mesh = mesh_of(plan.layout, SIZES.spacing_m, np.random.default_rng(index))
    return ScanObjects(
        scene=Scene(
            scene_id=plan.scene_id,
            frame=Frame.WORLD,
            points=mesh.vertices,
            colors=mesh.colors,
            aligned_from_world=plan.layout.aligned_from_world,
        ),
        object_ids=tuple(o.object_id for o in plan.layout.objects),
        labels=tuple(o.kind for o in plan.layout.objects),
        members=tuple(
            np.flatnonzero(mesh.instance_ids == o.object_id) for o in plan.layout.objects
        ),
    )


@pytest.fixture(scope="module")
def probed():
    """Features, names, sizes and mean colours of the objects of seen and of held-out rooms."""
    model, sets = random_uni3d(0), {True: [], False: []}
    for index in range(N_ROOMS):
        objects = _objects(index)
        clouds = list(object_clouds(objects, least=TINY.group_size, limit=100))
        features = encode_clouds(model, clouds, batch_size=16, precision=Precision.FLOAT32)
        points = objects.aligned_points
        for cloud, feature in zip(clouds, features.double().numpy(), strict=True):
            row = objects.object_ids.index(cloud.object_id)
            own = objects.members[row]
            size, color = np.ptp(points[own], axis=0), objects.colors[own].mean(axis=0) / 255
            sets[index < N_SEEN].append((feature, objects.labels[row], size, color))
    return tuple(tuple(zip(*sets[seen], strict=True)) for seen in (True, False))


def _read_off(seen, unseen, wanted, *, ridge=1e-3):
    """Least squares on standardised features of seen objects, applied to unseen ones."""
    mean, spread = np.mean(seen, axis=0), np.std(seen, axis=0)
    x, q = ((np.array(v) - mean) / spread for v in (seen, unseen))
    x, q = (np.c_[v, np.ones(len(v))] for v in (x, q))
    weights = np.linalg.solve(x.T @ x + ridge * len(x) * np.eye(x.shape[1]), x.T @ wanted)
    return q @ weights


def _explained(read, true) -> float:
    true = np.array(true)
    return 1 - ((read - true) ** 2).sum() / ((true - true.mean(axis=0)) ** 2).sum()


def test_names_are_recoverable(probed):
    seen, unseen = probed
    kinds = sorted(set(seen[1]))
    one_hot = np.array([[kind == name for kind in kinds] for name in seen[1]], float)
    read = _read_off(seen[0], unseen[0], one_hot).argmax(axis=1)
    right = np.mean([kinds[k] == name for k, name in zip(read, unseen[1], strict=True)])
    most_frequent = max(unseen[1].count(kind) for kind in kinds) / len(unseen[1])
    assert right > max(0.5, 3 * most_frequent)


@pytest.mark.parametrize(("column", "least"), [(2, 0.75), (3, 0.9)], ids=["size", "color"])
def test_sizes_and_colours_are_recoverable(probed, column, least):
    seen, unseen = probed
    read = _read_off(seen[0], unseen[0], np.array(seen[column]))
    assert _explained(read, unseen[column]) > least
    shuffled = np.random.default_rng(0).permutation(np.array(seen[column]))
    assert _explained(_read_off(seen[0], unseen[0], shuffled), unseen[column]) < 0.2
