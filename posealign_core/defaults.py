"""What the core itself registers, through the same hooks as everybody else.

Tables of names and summaries; every implementation is imported only when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.hookspecs import hookimpl
from posealign_core.specs import (
    BenchmarkSpec,
    CommandSpec,
    DatasetSpec,
    JudgeSpec,
    ProbeSpec,
    SelectorSpec,
)
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    import numpy as np
    import torch

    from posealign_core.recover.selectors import Selector
    from posealign_core.registry import Registrar
    from posealign_core.structures import (
        AlignedSample,
        CameraTrajectory,
        EgoPose,
        Query,
        Scene,
        VisibilityTable,
    )

_COMMANDS = {
    "check": "hold a backbone to the contract",
    "compare": "finished runs side by side, with intervals, paired tests and the paper",
    "config": "list, show, check and copy configurations",
    "data": "make, check and list the files that the other verbs read",
    "demo": "the whole job on made-up rooms, with every installed backbone",
    "doctor": "versions, devices, optional packages, and what each backbone lacks",
    "judge": "grade answers, label questions, and judge the judge",
    "list": "components of one kind",
    "new-backbone": "start a backbone of your own from the template",
    "plugins": "installed plugins, their hooks, and why one failed to load",
    "pose": "the ego pose of a question: candidates, scores, the choice and a picture",
    "predict": "answer the questions of benchmarks",
    "probe": "ask the questions of a finished run otherwise, and see what its score rests on",
    "recover": "which camera of each scan sees what: the tables that poses are chosen from",
    "recover-stats": "what the visibility tables offer, in numbers and figures",
    "report": "tables, plots and sample questions of one or several runs",
    "run": "recover, train, predict, score, judge and report, in order",
    "score": "score the answers",
    "study": "a grid of runs: planned, done by one or many workers, reported on one page",
    "train": "fine-tune a backbone",
}

_DATASETS: dict[str, tuple[str, str]] = {
    "3d_llava": (
        "the processed tree that 3D-LLaVA and PoseAlign3D publish",
        "posealign_core.datasets.processed_3d_llava:Processed3dLlava",
    ),
    "generic": (
        "anyone's scans: points, poses, cameras, and masks, boxes or centres",
        "posealign_core.datasets.generic:Generic",
    ),
    "scannet": ("raw ScanNet", "posealign_core.datasets.scannet:ScanNet"),
}
"""Name to summary and `"module:attr"`."""

_BENCHMARKS: dict[str, tuple[str, str, TaskKind]] = {
    "generic": (
        "questions beside a generic folder's scenes",
        "generic:GenericQuestions",
        TaskKind.ANSWER,
    ),
    "multi3drefer": ("no, one or several objects", "multi3drefer:Multi3DRefer", TaskKind.GROUND),
    "nr3d": ("people's descriptions, known objects", "referit3d:Nr3D", TaskKind.SELECT),
    "nr3d_caption": (
        "captions of Nr3D's objects",
        "nr3d_caption:Nr3DCaption",
        TaskKind.CAPTION,
    ),
    "scan2cap": ("captions of ScanRefer's objects", "scan2cap:Scan2Cap", TaskKind.CAPTION),
    "scanqa": ("free-form answers", "scanqa:ScanQA", TaskKind.ANSWER),
    "scanrefer": ("one object per description", "scanrefer:ScanRefer", TaskKind.GROUND),
    "sqa3d": ("questions from a situation", "sqa3d:SQA3D", TaskKind.ANSWER),
    "sr3d": ("synthetic descriptions, known objects", "referit3d:Sr3D", TaskKind.SELECT),
}
"""Name to summary, `"module:attr"` within `posealign_core.benchmarks`, and kind of answer."""

_SELECTORS: dict[str, tuple[str, str]] = {
    "annotated": ("the data set's own pose of the asker, else another rule", "Annotated"),
    "clip": ("a random frame that sees the target, without the best and the worst", "Clip"),
    "given": ("one named frame", "Given"),
    "random": ("any kept frame, whatever it sees", "RandomFrame"),
    "top": ("the frame that sees most of the target", "Top"),
}
"""Name to summary and class within `posealign_core.recover.selectors`."""


_PROBES: dict[str, tuple[str, str]] = {
    "leak": ("what the pose alone gives away, and what is lost without it", "leak:LeakPanel"),
    "mirror": ("scan, pose, question and answers in the mirror", "reflection:Mirror"),
    "noise_shift": ("the score as poses are shifted", "noise:ShiftNoise"),
    "noise_yaw": ("the score as poses are turned", "noise:YawNoise"),
    "pose_rotation": ("the pose turned alone, by quarters", "rotation:PoseRotation"),
    "pose_source": ("the asker's own pose against recovered ones", "pose_source:PoseSources"),
    "shortcuts": ("looks without places, and places without looks", "shortcuts:Shortcuts"),
    "views_agreement": ("opposite views of one target, no model", "views:ViewsAgreement"),
    "world_rotation": ("the world and its pose turned together", "rotation:WorldRotation"),
}
"""Name to summary and `"module:attr"` within `posealign_core.evaluation.probes`."""


@hookimpl
def posealign_register_commands(register: Registrar[CommandSpec]) -> None:
    """The core's verbs: `posealign_core/cli/<verb>.py`, each with an attribute `command`."""
    for name, summary in _COMMANDS.items():
        factory = f"posealign_core.cli.{name.replace('-', '_')}:command"
        register(CommandSpec(name=name, summary=summary, factory=factory))


@hookimpl
def posealign_register_datasets(register: Registrar[DatasetSpec]) -> None:
    """The core's readers of scans."""
    for name, (summary, factory) in _DATASETS.items():
        register(DatasetSpec(name=name, summary=summary, factory=factory))


@hookimpl
def posealign_register_benchmarks(register: Registrar[BenchmarkSpec]) -> None:
    """The core's readers of queries."""
    for name, (summary, factory, kind) in _BENCHMARKS.items():
        target = f"posealign_core.benchmarks.{factory}"
        register(BenchmarkSpec(name=name, summary=summary, factory=target, kind=kind))


@hookimpl
def posealign_register_selectors(register: Registrar[SelectorSpec]) -> None:
    """The core's rules for choosing a frame."""
    for name, (summary, factory) in _SELECTORS.items():
        target = f"posealign_core.recover.selectors:{factory}"
        register(SelectorSpec(name=name, summary=summary, factory=target))


@hookimpl
def posealign_register_judges(register: Registrar[JudgeSpec]) -> None:
    """The core's judge, which needs no model."""
    summary = "rules on words: no LLM, deterministic, at no cost"
    factory = "posealign_core.judge.lexical:LexicalJudge"
    register(JudgeSpec(name="lexical", summary=summary, factory=factory))


@hookimpl
def posealign_register_probes(register: Registrar[ProbeSpec]) -> None:
    """The core's probes."""
    for name, (summary, factory) in _PROBES.items():
        target = f"posealign_core.evaluation.probes.{factory}"
        register(ProbeSpec(name=name, summary=summary, factory=target))


@hookimpl(trylast=True)
def posealign_recover_pose(  # noqa: PLR0917 - hooks are called by keyword
    query: Query,
    scene: Scene,
    trajectory: CameraTrajectory,
    visibility: VisibilityTable,
    selector: Selector,
    rng: np.random.Generator,
) -> EgoPose:
    """Choose a frame with the configured selector."""
    from posealign_core.recover.pose import recover_pose

    return recover_pose(query, scene, trajectory, visibility, selector, rng)


@hookimpl(trylast=True)
def posealign_transform(sample: AlignedSample, pose: EgoPose) -> AlignedSample:
    """Move the scene into the ego frame, for every backbone that has no rule of its own."""
    from posealign_core.align.transform import transform_sample

    return transform_sample(sample, pose)


@hookimpl(trylast=True)
def posealign_prompt(sample: AlignedSample) -> AlignedSample:
    """Add the core's wording of the pose."""
    from posealign_core.align.prompt import prompt_sample

    return prompt_sample(sample)


@hookimpl(trylast=True)
def posealign_embed(coords: torch.Tensor, pose: EgoPose) -> torch.Tensor:
    """Compute the six features of the paper."""
    from posealign_core.align.embed import ego_features

    return ego_features(coords, pose)
