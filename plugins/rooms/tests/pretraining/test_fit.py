from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from posealign_rooms.pretraining import PretrainRecipe, RoomBank, fit, write_weights


@pytest.fixture
def bank() -> RoomBank:
    rows = [{"n_objects": np.array(n), "x": np.array([n / 4], np.float32)} for n in (2, 3, 4)]
    return RoomBank.of_rows(rows)


def train(bank: RoomBank, recipe: PretrainRecipe, folder) -> tuple[nn.Linear, list[dict]]:
    torch.manual_seed(recipe.seed)
    model = nn.Linear(1, 1)

    def losses(rows: torch.Tensor) -> dict[str, torch.Tensor]:
        x = bank.rows_of(rows)["x"].values[:, None]
        return {"fit": (model(x) - 3 * x).square().mean(), "size": 0 * model.weight.sum()}

    def save() -> None:
        write_weights(folder / "w.safetensors", model.state_dict())

    fit(model, bank, recipe, losses, log=folder / "log.jsonl", save=save)
    return model, [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_fitting_lowers_the_loss_logs_and_saves(bank: RoomBank, tmp_path):
    recipe = PretrainRecipe(steps=150, batch_size=3, max_objects=4, learning_rate=0.1)
    model, log = train(bank, recipe, tmp_path)
    assert [line["step"] for line in log] == [1, 101, 150]
    assert log[-1]["fit"] < 0.1 * log[0]["fit"]
    assert log[0].keys() == {"step", "fit", "size", "seconds"}
    saved = load_file(tmp_path / "w.safetensors")
    assert saved["weight"].equal(model.weight.detach().half())


def test_the_same_seed_gives_the_same_weights(bank: RoomBank, tmp_path):
    recipe = PretrainRecipe(steps=5, batch_size=2, max_objects=4)
    one, other = (train(bank, recipe, tmp_path)[0].weight for _ in range(2))
    assert one.equal(other)


def test_time_ends_a_training_too(bank: RoomBank, tmp_path):
    recipe = PretrainRecipe(steps=10**9, minutes=0.003, batch_size=2, max_objects=4)
    _, log = train(bank, recipe, tmp_path)
    assert 1 < log[-1]["step"] < 10**6


def test_rooms_grow_and_the_rate_falls_with_whichever_is_nearer_its_end():
    recipe = PretrainRecipe(steps=1000, minutes=10.0, growth=0.5, max_objects=12)
    assert recipe.progress(100, 0.0) == pytest.approx(0.1)
    assert recipe.progress(100, 300.0) == pytest.approx(0.5)
    assert recipe.progress(5000, 0.0) == 1.0
    assert [recipe.largest_room(p) for p in (0.0, 0.25, 0.5, 1.0)] == [2, 7, 12, 12]
    assert recipe.rate(0, 0.0) == pytest.approx(0.01)
    assert recipe.rate(500, 0.5) == pytest.approx(0.5)
    assert recipe.rate(999, 1.0) == pytest.approx(0.0)


def test_every_setting_is_an_option():
    recipe = PretrainRecipe(steps=7, learning_rate=0.5)
    parser = argparse.ArgumentParser()
    recipe.add_arguments(parser)
    assert PretrainRecipe.from_arguments(parser.parse_args([])) == recipe
    changed = parser.parse_args(["--batch-size", "3", "--minutes", "0.5"])
    assert PretrainRecipe.from_arguments(changed).batch_size == 3
    assert PretrainRecipe.from_arguments(changed).minutes == 0.5
