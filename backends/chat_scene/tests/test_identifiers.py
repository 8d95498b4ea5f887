from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posealign_chat_scene.identifiers import identifier, numbers_in, renamed

TEXT = "Is <OBJ001> left of <OBJ002>, or of <OBJ001>? <OBJ12> <obj003>"


def test_numbers_in_order_with_repeats():
    assert numbers_in(TEXT) == [1, 2, 1]
    assert numbers_in("nothing <OBJ-01> here") == []


@given(st.permutations(range(100)), st.lists(st.integers(0, 99), max_size=5))
def test_renaming_and_back_is_the_identity(order, numbers):
    text = " and ".join(identifier(n) for n in numbers)
    there = renamed(text, order.index)
    assert renamed(there, lambda slot: order[slot]) == text


def test_all_change_places_at_once():
    assert renamed("<OBJ000> <OBJ001>", lambda n: 1 - n) == "<OBJ001> <OBJ000>"


def test_what_has_no_new_number_stays():
    assert renamed("<OBJ007>.", lambda _: None) == "<OBJ007>."
