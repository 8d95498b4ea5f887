"""What training owes: finite steps, only the declared parameters, and learning the direction."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import torch

from posealign_core.testing.check import answers, conformance_check, demand
from posealign_core.testing.probes import NOTHING_ALLOWED
from posealign_core.testing.toy_scenes import pose_towards
from posealign_core.training.lora import is_under, select_trainable
from posealign_core.training.settings import TrainSettings
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from posealign_core.backbone import Backbone, Batch
    from posealign_core.specs import BackboneSpec
    from posealign_core.structures import AlignedSample
    from posealign_core.testing.subject import Subject, Tuned


def _packs(spec: BackboneSpec) -> str:
    return "" if spec.tags.packs_questions else "does not claim to pack questions"


@conformance_check()
def check_step_is_finite(subject: Subject) -> None:
    """The loss is one finite number, with finite gradients on what trains and none elsewhere."""
    model = subject.model().train()
    select_trainable(model, TrainSettings())
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    loss = model(_everything(subject)).loss
    demand(loss.ndim == 0 and torch.isfinite(loss), f"the loss is {loss}; wanted one finite number")
    demand(loss.requires_grad, "the loss has no gradient")
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    demand(any(g.any() for g in gradients.values()), "every gradient of what trains is zero")
    for name, gradient in gradients.items():
        demand(name not in frozen, f"the frozen parameter {name!r} has a gradient")
        demand(torch.isfinite(gradient).all(), f"the gradient of {name!r} is not finite")


@conformance_check()
def check_only_declared_parameters_train(subject: Subject) -> None:
    """Training steps change adapters and the declared modules, and nothing else."""
    before = dict(subject.model().named_parameters())
    batch = _everything(subject)
    model = subject.tuned(lambda _: batch, 2).model
    declared = model.trainable().full_modules
    changed = [
        name.replace(".base_layer.", ".")
        for name, parameter in model.named_parameters()
        if ".lora_" not in name
        and not torch.equal(parameter, before[name.replace(".base_layer.", ".")])
    ]
    surprising = [name for name in changed if not is_under(name, declared)]
    demand(
        not surprising,
        f"two training steps change {surprising}, which trainable() does not declare "
        f"(full_modules are {list(declared)})",
    )


@conformance_check()
def check_step_is_reproducible(subject: Subject) -> None:
    """Training twice from the same seed gives the same losses."""
    batch = _everything(subject)
    one, other = (subject.tuned(lambda _: batch, 3).losses for _ in range(2))
    same = all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(one, other, strict=True))
    demand(same, f"three steps from the same seed give the losses {one}, then {other}")


@conformance_check()
def check_overfits_one_batch(subject: Subject) -> None:
    """On one batch, 60 training steps at least halve the loss."""
    batch = _everything(subject)

    def is_halved(tuned: Tuned) -> bool:
        return tuned.losses[-1] <= max(tuned.losses[0] / 2, 0.05)

    tuned = subject.tuned(lambda _: batch, 60, enough=is_halved)
    first, last = tuned.losses[0], tuned.losses[-1]
    demand(is_halved(tuned), f"the loss went from {first:.3f} to {last:.3f} only")


@conformance_check(only_if=_packs)
def check_packed_questions_all_count(subject: Subject) -> None:
    """Of several questions in one sequence, each one's answer counts in the loss."""
    model = subject.model()
    samples = [subject.sample(query=query) for query in subject.queries()]

    def loss_of(packed: list[AlignedSample]) -> float:
        with torch.no_grad():
            batch = subject.encoder.collate([subject.encode(*packed, train=True)])
            return float(model(batch).loss)

    plain = loss_of(samples)
    for place, sample in enumerate(samples):
        query = dataclasses.replace(sample.query, references=("on the table",), target_ids=(7,))
        other = [*samples]
        other[place] = dataclasses.replace(sample, query=query)
        demand(
            abs(loss_of(other) - plain) > 1e-6,
            f"the answer to question {place + 1} of {len(samples)} does not count in the loss",
        )


@conformance_check(only_if=answers(TaskKind.ANSWER))
def check_answers_follow_the_pose(subject: Subject) -> None:
    """Each claimed mode can learn that one object is left from here and right from there."""
    for mode in sorted(subject.spec.tags.modes):
        seen = _learnt_sides(subject, mode)
        demand(
            seen == ["left", "right"],
            f"mode {mode.value!r}: after training on one question from two opposite poses, with "
            f"the answers left and right, the model answers {seen}",
        )


def _learnt_sides(subject: Subject, mode: AlignMode) -> list[str]:
    question = next(q for q in subject.queries() if q.kind is TaskKind.ANSWER)
    samples = [
        dataclasses.replace(
            subject.sample(
                mode,
                query=dataclasses.replace(question, references=(side,)),
                pose=pose_towards(heading),
            ),
            policy=NOTHING_ALLOWED,  # a pair is to be learnt, not every turn of it
        )
        for heading, side in ((0.0, "left"), (math.pi, "right"))
    ]

    def sides(model: Backbone) -> list[str]:
        return [answer.text.strip().lower() for answer in subject.answer(model, samples)]

    model = subject.tuned(
        lambda step: subject.batch(samples, train=True, seed=step),
        200,
        enough=lambda tuned: sides(tuned.model) == ["left", "right"],
    ).model
    return sides(model)


def _everything(subject: Subject) -> Batch:
    """A training batch with one query of each kind, in all modes."""
    modes = subject.spec.tags.modes
    samples = [subject.sample(*modes, query=query) for query in subject.queries()]
    return subject.batch(samples, train=True)
