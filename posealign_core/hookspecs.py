"""The hooks that plugins may implement, and the markers to do it with.

Registration hooks run once per host. Pose hooks run per query: the first result that is not None
wins, and the core's own implementation comes last, so a backend answers for its own name and
returns None otherwise. Everything else (loss, collation, decoding, metrics) is an ordinary method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import numpy as np
    import torch

    from posealign_core.recover.selectors import Selector
    from posealign_core.registry import Registrar
    from posealign_core.specs import (
        BackboneSpec,
        BenchmarkSpec,
        CommandSpec,
        DatasetSpec,
        EngineSpec,
        JudgeSpec,
        ProbeSpec,
        SelectorSpec,
    )
    from posealign_core.structures import (
        AlignedSample,
        CameraTrajectory,
        EgoPose,
        Query,
        Scene,
        VisibilityTable,
    )

__all__ = ["PROJECT", "hookimpl", "hookspec"]

PROJECT = "posealign"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def posealign_register_backbones(register: Registrar[BackboneSpec]) -> None:
    """Announce 3-D LMMs."""


@hookspec
def posealign_register_datasets(register: Registrar[DatasetSpec]) -> None:
    """Announce readers of scenes and trajectories."""


@hookspec
def posealign_register_benchmarks(register: Registrar[BenchmarkSpec]) -> None:
    """Announce readers of queries."""


@hookspec
def posealign_register_selectors(register: Registrar[SelectorSpec]) -> None:
    """Announce rules that choose a frame for a query."""


@hookspec
def posealign_register_judges(register: Registrar[JudgeSpec]) -> None:
    """Announce engines that grade answers."""


@hookspec
def posealign_register_engines(register: Registrar[EngineSpec]) -> None:
    """Announce engines that generate answers in the place of `transformers`."""


@hookspec
def posealign_register_probes(register: Registrar[ProbeSpec]) -> None:
    """Announce probes of finished runs, for all backbones or for the plugin's own."""


@hookspec
def posealign_register_commands(register: Registrar[CommandSpec]) -> None:
    """Announce verbs of the command line."""


@hookspec(firstresult=True)
def posealign_recover_pose(  # noqa: PLR0917 - hooks are called by keyword
    query: Query,
    scene: Scene,
    trajectory: CameraTrajectory,
    visibility: VisibilityTable,
    selector: Selector,
    rng: np.random.Generator,
) -> EgoPose | None:
    """Find the ego pose of a query, in WORLD.

    Args:
        query: The query.
        scene: Its scene, in WORLD.
        trajectory: All recorded frames of the scan, invalid ones included.
        visibility: Scores of the kept frames.
        selector: The configured rule.
        rng: Generator derived from run seed, epoch and query id; draw from nothing else.
    """


@hookspec(firstresult=True)
def posealign_transform(
    backbone: str, sample: AlignedSample, pose: EgoPose
) -> AlignedSample | None:
    """Bring a sample into the ego frame.

    Args:
        backbone: Name of the backbone that will read the sample.
        sample: The sample so far; its scene, region and pose are in INPUT.
        pose: The ego pose, in the sample's INPUT frame.
    """


@hookspec(firstresult=True)
def posealign_prompt(backbone: str, sample: AlignedSample, pose: EgoPose) -> AlignedSample | None:
    """Give a sample the words that state the pose (`pose_template`).

    Arguments as for `posealign_transform`.
    """


@hookspec(firstresult=True)
def posealign_embed(backbone: str, coords: torch.Tensor, pose: EgoPose) -> torch.Tensor | None:
    """Relate token coordinates to the camera.

    Args:
        backbone: Name of the backbone.
        coords: (T, 3) token coordinates in INPUT, metres.
        pose: The ego pose in INPUT, after every step that the coordinates went through.

    Returns:
        (T, 6): camera-frame x, y, z in metres, u / width and v / height (-1 outside the image), and
        1 where the point is inside the image.
    """
