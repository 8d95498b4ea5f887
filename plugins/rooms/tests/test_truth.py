"""Every answer is found again from positions in WORLD and the recorded pose, by another way."""

from __future__ import annotations

import numpy as np
import pytest

from posealign_rooms.catalogue import plural
from posealign_rooms.questions.phrases import NUMBERS

SIDES = ("left", "right", "front", "behind")


class Witness:
    """Sees a planned scene with nothing but world coordinates and one world-from-camera matrix."""

    def __init__(self, plan, view) -> None:
        self.objects = plan.layout.objects
        self.centers = plan.layout.world_from_aligned.apply(plan.layout.centers)
        pose = plan.world_from_camera[view.frame]
        self.eye = pose[:3, 3]
        up = np.array([0.0, 0.0, 1.0])
        forward = pose[:3, 2] - up * pose[2, 2]
        self.ahead = forward / np.linalg.norm(forward)
        self.left = np.cross(up, self.ahead)

    def named(self, name: str) -> int:
        words = name.removeprefix("the ")
        found = [o.object_id for o in self.objects if words in (o.kind, f"{o.color} {o.kind}")]
        assert len(found) == 1, name
        return found[0]

    def members(self, noun: str) -> list[int]:
        return [o.object_id for o in self.objects if noun in (o.kind, f"{o.color} {o.kind}")]

    def several(self, nouns: str) -> list[int]:
        return [
            o.object_id
            for o in self.objects
            if nouns in (plural(o.kind), f"{o.color} {plural(o.kind)}")
        ]

    def of_object(self, subject: int, anchor: int) -> str:
        away = self.centers[subject] - self.centers[anchor]
        across, along = away @ self.left, away @ self.ahead
        if abs(across) > abs(along):
            return "left" if across > 0 else "right"
        return "behind" if along > 0 else "front"

    def of_me(self, i: int) -> str:
        away = self.centers[i] - self.eye
        across, along = away @ self.left, away @ self.ahead
        if abs(across) > abs(along):
            return "left" if across > 0 else "right"
        return "front" if along > 0 else "behind"

    def half(self, i: int) -> str:
        return "left" if (self.centers[i] - self.eye) @ self.left > 0 else "right"

    def range(self, i: int) -> float:
        away = (self.centers[i] - self.eye)[:2]
        return float(np.hypot(*away))

    def apart(self, i: int, j: int) -> float:
        return float(np.linalg.norm(self.centers[i] - self.centers[j]))

    def across(self, i: int) -> float:
        return float((self.centers[i] - self.eye) @ self.left)


def expected(w: Witness, item) -> object:
    """The right outcome: an answer, or ids."""
    form, slots = item.form, item.slots
    head, _, side = form.rpartition("_")
    if head == "me_is":
        return "yes" if w.of_me(w.named(slots[0])) == side else "no"
    if head == "me_closest":
        near = [i for i in range(len(w.objects)) if w.of_me(i) == side]
        return w.objects[min(near, key=w.range)].kind
    if head == "me_count":
        return NUMBERS[sum(w.half(i) == side for i in w.several(slots[0]))]
    if head == "me_color":
        (found,) = [i for i in w.members(slots[0]) if w.half(i) == side]
        return w.objects[found].color
    if form == "me_half":
        return w.half(w.named(slots[0]))
    if form == "me_where":
        return w.of_me(w.named(slots[0]))
    if head == "is" and side in SIDES:
        return "yes" if w.of_object(w.named(slots[0]), w.named(slots[1])) == side else "no"
    if form in {"lateral", "depth"}:
        return w.of_object(w.named(slots[0]), w.named(slots[1]))
    if head == "what":
        anchor = w.named(slots[0])
        near = [
            o.object_id
            for o in w.objects
            if o.object_id != anchor
            and anchor != o.support
            and w.objects[anchor].support != o.object_id
            and np.hypot(*(w.centers[o.object_id] - w.centers[anchor])[:2]) <= 3.2
        ]
        (found,) = [i for i in near if w.of_object(i, anchor) == side]
        return w.objects[found].kind
    if head in {"color", "ref"} and side in SIDES:
        anchor = w.named(slots[1])
        (found,) = [i for i in w.members(slots[0]) if w.of_object(i, anchor) == side]
        return w.objects[found].color if head == "color" else (found,)
    if head == "all" and side in SIDES:
        anchor = w.named(slots[1])
        return tuple(i for i in w.several(slots[0]) if w.of_object(i, anchor) == side)
    if side in {"leftmost", "rightmost"}:
        choose = max if side == "leftmost" else min
        found = choose(w.members(slots[0]), key=w.across)
        return w.objects[found].color if head == "color" else (found,)
    return plain(w, item)


def plain(w: Witness, item) -> object:
    form, slots = item.form, item.slots
    if form in {"closer_to_me", "taller"}:
        pair = [w.named(name) for name in slots]
        if form == "closer_to_me":
            return w.objects[min(pair, key=w.range)].kind
        return w.objects[max(pair, key=lambda i: w.objects[i].size[2])].kind
    if form == "is_taller":
        one, two = (w.objects[w.named(name)].size[2] for name in slots)
        return "yes" if one > two else "no"
    if form == "next_to":
        return "yes" if w.apart(*map(w.named, slots)) < 1.7 else "no"
    if form == "color":
        return w.objects[w.named(slots[0])].color
    if form == "count":
        return NUMBERS[len(w.several(slots[0]))]
    if form == "exists":
        return "yes" if w.members(slots[0].partition(" ")[2]) else "no"
    if form == "nearest":
        i = w.named(slots[0])
        others = [j for j in range(len(w.objects)) if j != i]
        return w.objects[min(others, key=lambda j: w.apart(i, j))].kind
    if form == "on":
        (found,) = [o for o in w.objects if o.support == w.named(slots[0])]
        return found.kind
    if form == "under":
        return w.objects[w.objects[w.named(slots[0])].support].kind
    if form == "ref_name":
        return (w.named(slots[0]),)
    if form == "ref_color":
        return tuple(w.members(" ".join(slots)))
    if form in {"ref_near", "ref_far"}:
        anchor = w.named(slots[1])
        choose = min if form == "ref_near" else max
        return (choose(w.members(slots[0]), key=lambda i: w.apart(i, anchor)),)
    if form == "ref_on":
        return tuple(i for i in w.members(slots[0]) if w.objects[i].support == w.named(slots[1]))
    if form == "ref_tallest":
        return (max(w.members(slots[0]), key=lambda i: w.objects[i].size[2]),)
    if form in {"ref_nearest_me", "ref_farthest_me"}:
        choose = min if form == "ref_nearest_me" else max
        return (choose(w.members(slots[0]), key=w.range),)
    if form in {"all_kind", "all_color"}:
        return tuple(w.several(" ".join(slots)))
    raise AssertionError(form)


def test_every_answer_is_true(plans) -> None:
    forms = set()
    for plan in plans:
        for view in plan.views:
            witness = Witness(plan, view)
            for benchmark, asked in view.asked.items():
                for one in asked:
                    forms.add(one.item.form)
                    found = expected(witness, one.item)
                    assert found == one.item.outcome, (plan.scene_id, benchmark, one.text)
    assert len(forms) > 40


def test_relations_are_true(plans) -> None:
    n = 0
    for plan in plans:
        for view in plan.views:
            witness = Witness(plan, view)
            for one in (a for asked in view.asked.values() for a in asked):
                relation = one.item.relation
                if relation is None:
                    continue
                n += 1
                if relation.anchor is not None:
                    side = witness.of_object(relation.subject, relation.anchor)
                elif one.item.form.startswith(("me_half", "me_color")):
                    side = witness.half(relation.subject)
                else:
                    side = witness.of_me(relation.subject)
                assert side == relation.side.value
    assert n > 50


def test_the_asker_looks_at_what_a_directional_text_is_about(plans) -> None:
    """Within 25 degrees of the optical axis, and inside the image."""
    for plan in plans:
        k = plan.intrinsics
        for view in plan.views:
            pose = plan.world_from_camera[view.frame]
            centers = plan.layout.world_from_aligned.apply(plan.layout.centers)
            x, y, z = ((centers - pose[:3, 3]) @ pose[:3, :3]).T
            for benchmark in ("scanqa", "scanrefer", "nr3d"):
                for one in view.asked[benchmark]:
                    for i in one.item.targets if one.directional else ():
                        assert np.degrees(np.arctan2(np.hypot(x[i], y[i]), z[i])) < 25.01
                        assert 0 <= k.fx * x[i] / z[i] + k.cx < k.width
                        assert 0 <= k.fy * y[i] / z[i] + k.cy < k.height


def test_situations_say_what_the_asker_looks_at(plans) -> None:
    for plan in plans:
        for view in plan.views:
            witness = Witness(plan, view)
            for one in view.asked["sqa3d"]:
                assert one.situation
                for text in (one.situation, *one.alternatives):
                    known = [n for n in plan.layout.names if n is not None and n in text]
                    target = witness.named(max(known, key=len))
                    assert witness.of_me(target) == "front"
                    if "near" in text or "close" in text:
                        assert witness.range(target) < 2.2
                    if "away" in text:
                        assert witness.range(target) >= 2.2


@pytest.mark.parametrize("benchmark", ["scanqa", "sqa3d", "scanrefer", "nr3d", "multi3drefer"])
def test_both_sorts_are_asked(plans, benchmark: str) -> None:
    flags = [a.directional for p in plans for v in p.views for a in v.asked[benchmark]]
    assert 0.25 < np.mean(flags) < 0.75
