from __future__ import annotations

import math

import numpy as np
import pytest

from posealign_core.geometry import Frame, Intrinsics, RigidTransform
from posealign_rooms.layout import Layout, RoomObject, aligned_from_world
from posealign_rooms.mesh import mesh_of
from posealign_rooms.render import image_intrinsics, render
from posealign_rooms.solids import solids_of
from posealign_rooms.viewpoint import Viewpoint

CAMERA = Intrinsics(60.0, 60.0, 40.0, 30.0, 80, 60)


def room(*objects: RoomObject) -> Layout:
    return Layout(
        width=6.0,
        depth=6.0,
        height=2.5,
        objects=objects,
        groups=(),
        aligned_from_world=aligned_from_world(0.7, (1.0, 2.0, 0.0)),
    )


def thing(kind: str, x: float, y: float, size: tuple[float, float, float], yaw=0.0) -> RoomObject:
    center = (x, y, size[2] / 2)
    return RoomObject(
        object_id=0, kind=kind, color="red", rgb=(200, 0, 0), center=center, size=size, yaw=yaw
    )


def test_walls_and_floor_are_where_geometry_says() -> None:
    view = Viewpoint.looking((0.0, 0.0, 1.0), (1.0, 0.0, 1.0))
    color, depth = render(solids_of(room()), view.aligned_from_camera, CAMERA)
    assert depth[29, 40] == pytest.approx(3000, abs=1)
    # Row r looks down by (r + 0.5 - 30) / 60; the floor is 1 m below.
    assert depth[59, 40] == pytest.approx(1000 * 60 / 29.5, abs=1)
    assert (color[59, 40] != color[29, 40]).any()


def test_rays_over_the_walls_meet_nothing() -> None:
    view = Viewpoint.looking((0.0, 0.0, 1.0), (1.0, 0.0, 1.8))
    _, depth = render(solids_of(room()), view.aligned_from_camera, CAMERA)
    assert depth[0, 40] == 0
    assert depth[45, 40] > 0


def test_a_turned_block_hides_the_wall() -> None:
    box = thing("bed", 2.0, 0.0, (1.0, 1.0, 2.0), yaw=math.pi / 4)
    view = Viewpoint.looking((0.0, 0.0, 0.5), (1.0, 0.0, 0.5))
    color, depth = render(solids_of(room(box)), view.aligned_from_camera, CAMERA)
    # The head board is the side at -y of the object: it closes the corner nearest to the camera.
    assert 2000 - 1000 * math.sqrt(0.5) - 1 <= depth[45, 40] <= 2000
    assert color[45, 40, 0] > 2 * color[45, 40, 1]


def test_a_cylinder_is_met_at_its_radius() -> None:
    can = thing("trash can", 2.0, 0.0, (0.5, 0.5, 1.0))
    view = Viewpoint.looking((0.0, 0.0, 0.97), (1.0, 0.0, 0.97))
    _, depth = render(solids_of(room(can)), view.aligned_from_camera, CAMERA)
    # The rim is a cylinder of the full width; pixel 40 is half a pixel off the axis.
    off = 1.75 * 0.5 / 60
    assert depth[30, 40] == pytest.approx(1000 * (2 - math.sqrt(0.25**2 - off**2)), abs=2)


def test_visible_vertices_of_the_mesh_lie_on_the_rendered_surface(plans) -> None:
    """Two independent ways from parts to surfaces: triangles and rays."""
    plan = plans[0]
    mesh = mesh_of(plan.layout, 0.1, np.random.default_rng(0))
    camera = image_intrinsics(plan.intrinsics, 0.25)
    view = plan.views[0]
    _, depth = render(solids_of(plan.layout), plan.pose_in_room(view.frame), camera)
    in_camera = plan.pose(view.frame).inverse().apply(mesh.vertices)
    facing = np.einsum(
        "ij,ij->i", plan.pose(view.frame).inverse().apply_direction(mesh.normals), in_camera
    )
    x, y, z = in_camera[(in_camera[:, 2] > 0.3) & (facing < 0)].T
    u = np.floor(camera.fx * x / z + camera.cx).astype(int)
    v = np.floor(camera.fy * y / z + camera.cy).astype(int)
    inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    behind = z[inside] - depth[v[inside], u[inside]] / 1000.0
    # Nothing floats in front of the image, and most is on it, the rest is hidden.
    assert (behind > -0.06).mean() > 0.97
    assert (np.abs(behind) < 0.03).mean() > 0.6
    assert (np.abs(behind) < 0.03).sum() > 300


def test_what_is_asked_about_is_in_the_image(plans) -> None:
    """Back-projected depth falls into the boxes of the objects that count as seen."""
    for plan in plans[:3]:
        camera = image_intrinsics(plan.intrinsics, 0.125)
        solids = solids_of(plan.layout)
        view = plan.views[1]
        pose = plan.pose_in_room(view.frame)
        _, depth = render(solids, pose, camera)
        v, u = np.nonzero(depth)
        z = depth[v, u] / 1000.0
        x, y = (u + 0.5 - camera.cx) / camera.fx * z, (v + 0.5 - camera.cy) / camera.fy * z
        points = pose.apply(np.stack([x, y, z], axis=1))
        targets = {
            i
            for b in ("scanqa", "scanrefer")
            for one in view.asked[b]
            for i in one.item.targets
            if one.directional
        }
        for i in targets:
            box = plan.layout.aligned_boxes[i]
            assert (np.abs(points - box[:3]) < box[3:] / 2 + 0.02).all(axis=1).sum() > 20


def test_a_camera_keeps_its_field_of_view_at_another_size() -> None:
    for camera in (
        Intrinsics(1170.0, 1168.0, 650.0, 480.0, 1296, 968),
        Intrinsics(577.0, 576.0, 321.0, 239.0, 640, 480),
    ):
        small = image_intrinsics(camera, 0.125)
        assert (small.width, small.height) in {(162, 121), (161, 121)}
        assert small.width / small.fx == pytest.approx(camera.width / camera.fx, rel=0.01)


def test_same_arguments_same_image() -> None:
    pose = RigidTransform(
        Viewpoint.looking((0.0, 0.0, 1.5), (2.0, 1.0, 0.0)).aligned_from_camera.matrix,
        Frame.AXIS_ALIGNED,
        Frame.CAMERA,
    )
    solids = solids_of(room(thing("lamp", 1.0, 0.5, (0.4, 0.4, 1.5))))
    one, two = (render(solids, pose, CAMERA) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
