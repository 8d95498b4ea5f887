from __future__ import annotations

import pickle

import numpy as np

from posealign_core.geometry import Frame, RigidTransform
from posealign_core.structures import Scene


def shift(x: float, target: Frame = Frame.INPUT) -> RigidTransform:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return RigidTransform(matrix, target, Frame.WORLD)


def test_equal_moves_in_a_row_give_one_object() -> None:
    scene = Scene(scene_id="s", frame=Frame.WORLD, points=np.arange(6.0).reshape(2, 3))
    first = scene.moved(shift(1.0))
    assert scene.moved(shift(1.0)) is first
    second = scene.moved(shift(2.0))
    assert second.points.tolist() == [[2, 1, 2], [5, 4, 5]]
    assert first.points.tolist() == [[1, 1, 2], [4, 4, 5]]
    assert scene.moved(shift(2.0, Frame.EGO)).frame is Frame.EGO
    assert scene.moved(shift(2.0)).frame is Frame.INPUT


def test_a_pickled_scene_leaves_its_moved_copy_behind() -> None:
    scene = Scene(scene_id="s", frame=Frame.WORLD, points=np.zeros((1000, 3)))
    alone = len(pickle.dumps(scene))
    scene.moved(shift(1.0))
    packed = pickle.dumps(scene)
    assert len(packed) == alone
    again: Scene = pickle.loads(packed)
    assert np.array_equal(again.moved(shift(1.0)).points, scene.moved(shift(1.0)).points)
