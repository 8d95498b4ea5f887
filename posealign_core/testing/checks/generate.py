"""What answering owes: one answer each, in order, repeatable, and in the right place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from posealign_core.align import answer_to_prediction
from posealign_core.geometry import aabb_from_corners, aabb_iou
from posealign_core.testing.check import conformance_check, demand
from posealign_core.testing.compare import differences
from posealign_core.testing.toy_scenes import corners_of, pose_towards, toy_scene
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from posealign_core.backbone import Backbone, RawAnswer
    from posealign_core.specs import BackboneSpec
    from posealign_core.structures import AlignedSample
    from posealign_core.testing.subject import Subject


def _is_deterministic(spec: BackboneSpec) -> str:
    return "" if spec.tags.deterministic else "does not claim to be deterministic"


def _is_batch_invariant(spec: BackboneSpec) -> str:
    return "" if spec.tags.batch_invariant else "does not claim to be batch invariant"


def _grounds_boxes(spec: BackboneSpec) -> str:
    grounds = TaskKind.GROUND in spec.tags.kinds and "boxes" in spec.tags.produces
    return "" if grounds else "does not claim to ground with boxes"


@conformance_check()
def check_one_answer_per_query(subject: Subject) -> None:
    """A batch of n queries gets n answers, and a batch of one gets one."""
    model, samples = subject.model(), _mixed_samples(subject)
    for n in (1, len(samples)):
        found = subject.answer(model, samples[:n])
        demand(len(found) == n, f"a batch of {n} queries gets {len(found)} answers")


@conformance_check()
def check_answers_are_well_formed(subject: Subject) -> None:
    """Texts, boxes, masks and objects have their stated shapes and belong to the scene."""
    samples = _mixed_samples(subject)
    for sample, answer in zip(samples, subject.answer(subject.model(), samples), strict=True):
        faults = _faults(answer, sample)
        demand(not faults, f"answer to {sample.query.kind.value}: {'; '.join(faults)}")


@conformance_check(only_if=_is_deterministic)
def check_greedy_is_deterministic(subject: Subject) -> None:
    """Greedy decoding twice gives the same answers, whatever the global generators hold."""
    model, samples = subject.model(), _mixed_samples(subject)
    runs = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            runs.append(subject.answer(model, samples))
    found = differences(*runs)
    demand(not found, f"two greedy runs differ: {found}")


@conformance_check(only_if=_is_batch_invariant)
def check_batch_invariance(subject: Subject) -> None:
    """Answers and their order are those of asking one by one, whatever shares the batch."""
    model, samples = subject.model(), _mixed_samples(subject)
    together = subject.answer(model, samples)
    alone = [subject.answer(model, [sample])[0] for sample in samples]
    backwards = subject.answer(model, samples[::-1])[::-1]
    for name, other in (("one by one", alone), ("in reverse order", backwards)):
        found = differences(together, other)
        demand(not found, f"a batch and the same queries {name} get different answers: {found}")


@conformance_check(only_if=_grounds_boxes)
def check_boxes_return_to_world(subject: Subject) -> None:
    """After training on one referring text, the answered box lies on its object, in WORLD."""
    query = next(q for q in subject.queries() if q.kind is TaskKind.GROUND)
    modes = {AlignMode.TRANSFORM} & subject.spec.tags.modes
    sample = subject.sample(*modes, query=query)
    wanted = aabb_from_corners(corners_of(1))

    def overlap(model: Backbone) -> float:
        answer = subject.answer(model, [sample])[0]
        boxes = aabb_from_corners(answer_to_prediction(answer, sample).corners)
        return float(aabb_iou(boxes, wanted).max(initial=0.0))

    tuned = subject.tuned(
        lambda step: subject.batch([sample], train=True, seed=step),
        200,
        enough=lambda tuned: overlap(tuned.model) >= 0.25,
    )
    iou = overlap(tuned.model)
    demand(
        iou >= 0.25,
        f"after {len(tuned.losses)} steps on one text (loss {tuned.losses[-1]:.3f}) the best box "
        f"overlaps its object by {iou:.2f} (IoU, WORLD); wanted 0.25",
    )


def _mixed_samples(subject: Subject) -> list[AlignedSample]:
    """Queries of all kinds about rooms of several sizes from several poses: they need padding."""
    modes = subject.spec.tags.modes
    return [
        subject.sample(*modes, query=query, scene=toy_scene(n_objects=n), pose=pose_towards(n))
        for n in (4, 2)
        for query in subject.queries()
    ]


def _faults(answer: RawAnswer, sample: AlignedSample) -> list[str]:
    faults = []
    text: object = answer.text
    if not isinstance(text, str):
        faults.append(f"text is a {type(text).__name__}")
    if answer.corners is not None and np.shape(answer.corners)[1:] != (8, 3):
        faults.append(f"corners have shape {np.shape(answer.corners)}, wanted (M, 8, 3)")
    if answer.masks is not None and np.shape(answer.masks)[1:] != (len(sample.scene),):
        faults.append(f"masks have shape {np.shape(answer.masks)}, wanted (S, {len(sample.scene)})")
    known = [] if sample.scene.objects is None else sample.scene.objects.object_ids.tolist()
    if strangers := set(answer.object_ids) - set(known):
        faults.append(f"objects {sorted(strangers)} are not in the scene")
    sizes = {len(answer.object_ids)}
    sizes |= {len(part) for part in (answer.corners, answer.masks) if part is not None}
    if answer.confidences and len(answer.confidences) not in sizes:
        faults.append(f"{len(answer.confidences)} confidences for {sorted(sizes)} parts")
    return faults
