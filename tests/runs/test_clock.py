from __future__ import annotations

from posealign_core.runs.clock import Clock


def test_runs_begin_that_would_end_in_time() -> None:
    seconds = [0.0]
    clock = Clock(5, now=lambda: seconds[0])
    seconds[0] = 1000.0
    assert clock.may_begin()  # the first, however late
    assert not clock.may_begin()

    seconds[0] = 0.0
    clock = Clock(5, now=lambda: seconds[0])
    assert clock.may_begin()
    assert clock.may_begin()  # beside it: nothing is known of how long they take
    clock.note(140.0)
    clock.note(100.0)
    seconds[0] = 159.0
    assert clock.may_begin()  # would end after 299 of 300 seconds
    seconds[0] = 161.0
    assert not clock.may_begin()
    assert clock.elapsed_s == 161.0


def test_no_time_is_enough_for_one_run_only() -> None:
    clock = Clock(0, now=lambda: 0.0)
    assert clock.may_begin()
    assert not clock.may_begin()
