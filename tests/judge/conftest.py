from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from posealign_core.judge.request import JudgeRequest
from posealign_core.judge.rubric import load_rubric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def make_request(number: int, *, prediction: str | None = "a lamp") -> JudgeRequest:
    return JudgeRequest(
        benchmark="scanqa",
        split="val",
        key=f"q{number}",
        scene_id=f"scene{number // 3}",
        question=f"What stands left of shelf {number}?",
        references=("a lamp", "the floor lamp"),
        prediction=prediction,
    )


@pytest.fixture
def requests():
    return [make_request(number) for number in range(20)]


@pytest.fixture
def rubric():
    return load_rubric("scanqa")


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server process: its base URL and the process."""
    command = [sys.executable, "-m", "posealign_core.judge.fake_server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            yield f"http://127.0.0.1:{port}/v1", process
        finally:
            process.kill()


@pytest.fixture
def server() -> Callable[..., contextlib.AbstractContextManager[tuple[str, subprocess.Popen[str]]]]:
    return serving
