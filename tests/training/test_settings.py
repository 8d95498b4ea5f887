from __future__ import annotations

import math

import pytest

from posealign_core.errors import ConfigError
from posealign_core.training.schedule import learning_rate_factor
from posealign_core.training.settings import TrainSettings


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainSettings(batch_size=0, warmup_ratio=1.5, learning_rate=-1.0, max_steps=0, workers=-1)
    assert len(caught.value.faults) == 5
    assert "batch_size = 0: wanted at least 1" in caught.value.faults


def test_unknown_schedule_is_refused() -> None:
    with pytest.raises(ConfigError, match="schedule = step: wanted cosine or linear or constant"):
        TrainSettings(schedule="step")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("schedule", "halfway"), [("cosine", 0.5), ("linear", 0.5), ("constant", 1.0)]
)
def test_schedule_rises_then_falls(schedule: str, halfway: float) -> None:
    settings = TrainSettings(schedule=schedule, warmup_ratio=0.2)  # type: ignore[arg-type]
    factors = [learning_rate_factor(step, 100, settings) for step in range(101)]
    assert factors[:21] == pytest.approx([step / 20 for step in range(21)])
    assert factors[60] == pytest.approx(halfway)
    assert factors[100] == pytest.approx(1.0 if schedule == "constant" else 0.0)


def test_cosine_quarter_and_floor() -> None:
    settings = TrainSettings(warmup_ratio=0.0, final_learning_rate_ratio=0.1)
    assert learning_rate_factor(0, 40, settings) == 1.0
    quarter = 0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2
    assert learning_rate_factor(10, 40, settings) == pytest.approx(quarter)
    assert learning_rate_factor(40, 40, settings) == pytest.approx(0.1)
    assert learning_rate_factor(90, 40, settings) == pytest.approx(0.1)


def test_one_step_without_warm_up() -> None:
    assert learning_rate_factor(0, 1, TrainSettings(warmup_ratio=0.0)) == 1.0
