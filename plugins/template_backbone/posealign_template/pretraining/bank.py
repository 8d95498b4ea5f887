"""Many encoded rooms as a few arrays, so that training never waits for Python."""

from __future__ import annotations

import itertools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from posealign_core.atomic import atomic_path
from posealign_core.progress import progress_bar
from posealign_template.config import TemplateConfig
from posealign_template.encoder import IGNORED, PADDING, PREFIX, TemplateEncoder
from posealign_template.objects import N_ATTRIBUTES
from posealign_template.pretraining.rooms import sample_room
from posealign_template.tokens import PAD, REPLY

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_core.backbone import Batch, Features

    Arrays = dict[str, NDArray[np.generic]]

__all__ = ["MAX_OBJECTS", "RoomBank", "draw_bank", "draw_rooms"]

MAX_OBJECTS = 12
NAME_WORDS = 3
LENGTH = 176
"""Longest row; questions that do not fit are left out."""
_CHUNK = 500


def draw_bank(path: Path, *, n_rooms: int, seed: int, jobs: int) -> None:
    """Draw rooms in parallel and write one compressed file.

    Args:
        path: The `.npz` file.
        n_rooms: How many, rounded up to a multiple of 500.
        seed: Seed; the file does not depend on `jobs`.
        jobs: Processes.
    """
    seeds = [(seed, chunk) for chunk in range(-(-n_rooms // _CHUNK))]
    spawn = multiprocessing.get_context("spawn")
    with progress_bar() as bar, ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        task = bar.add_task("drawing rooms", total=len(seeds) * _CHUNK, note="")
        parts = []
        for part in pool.map(draw_rooms, seeds, itertools.repeat(_CHUNK)):
            parts.append(part)
            bar.advance(task, _CHUNK)
    bank = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **bank)  # type: ignore[arg-type]


def draw_rooms(seed: tuple[int, int], n_rooms: int) -> Arrays:
    """Draw and encode rooms of 2 to 12 objects, large ones more often.

    Args:
        seed: Seed of the only source of randomness.
        n_rooms: How many.

    Returns:
        `tokens` and `segments` (R, 176), padded on the left; `names` (R, 12, 3) token ids,
        `attributes` (R, 12, 9) and `n_objects` (R,), padded on the right.
    """
    rng = np.random.default_rng(seed)
    encoder = TemplateEncoder(TemplateConfig(pretrained=False))
    rows = [_draw_row(rng, encoder) for _ in range(n_rooms)]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _draw_row(rng: np.random.Generator, encoder: TemplateEncoder) -> Arrays:
    sizes = np.arange(2, MAX_OBJECTS + 1)
    while True:
        samples = sample_room(rng, int(rng.choice(sizes, p=sizes / sizes.sum())))
        while samples:
            item = encoder.encode(samples, train=True, rng=rng)
            if len(item["tokens"]) <= LENGTH:
                return _row(item)
            samples.pop()


def _row(item: Features) -> Arrays:
    n, k = len(item["tokens"]), len(item["attributes"])
    tokens = np.full(LENGTH, PAD, dtype=np.int16)
    segments = np.full(LENGTH, PADDING, dtype=np.int8)
    names = np.full((MAX_OBJECTS, NAME_WORDS), PAD, dtype=np.int16)
    attributes = np.zeros((MAX_OBJECTS, N_ATTRIBUTES), dtype=np.float16)
    tokens[LENGTH - n :] = item["tokens"]
    segments[LENGTH - n :] = item["segments"]
    attributes[:k] = item["attributes"]
    for i, name in enumerate(item["names"]):
        names[i, : len(name)] = name
    return {
        "tokens": tokens,
        "segments": segments,
        "names": names,
        "attributes": attributes,
        "n_objects": np.asarray(k, dtype=np.uint8),
    }


class RoomBank:
    """Rooms on the training device, sorted by their number of objects.

    Args:
        arrays: What `draw_rooms` returned.
        device: Where to keep them.
    """

    def __init__(self, arrays: Arrays, device: str) -> None:
        order = np.argsort(arrays["n_objects"], kind="stable")
        self._sizes = arrays["n_objects"][order]
        self._arrays = {
            name: torch.from_numpy(array[order]).to(device) for name, array in arrays.items()
        }
        self._first_slot = TemplateEncoder(TemplateConfig(pretrained=False)).tokenizer.slot(0)

    @classmethod
    def load(cls, path: Path, device: str) -> RoomBank:
        """Read a file that `draw_bank` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls({name: file[name] for name in file.files}, device)

    def n_up_to(self, n_objects: int) -> int:
        """Number of rooms with at most so many objects; they come first."""
        return int(np.searchsorted(self._sizes, n_objects, side="right"))

    def batch(self, rows: torch.Tensor, generator: torch.Generator) -> Batch:
        """The batch of some rooms, each with new slots for its objects."""
        rooms = {name: array[rows] for name, array in self._arrays.items()}
        tokens, segments = rooms["tokens"].long(), rooms["segments"].long()
        used = (segments != PADDING).any(dim=0)
        tokens, segments = self._with_new_slots(tokens[:, used], generator), segments[:, used]
        replies = (tokens == REPLY).cumsum(dim=1)
        answer = (segments > PREFIX) & (replies == segments) & (tokens != REPLY)
        mine = torch.arange(MAX_OBJECTS, device=rows.device) < rooms["n_objects"][:, None]
        return {
            "tokens": tokens,
            "segments": segments,
            "positions": _positions(segments),
            "targets": torch.where(answer, tokens, IGNORED),
            "names": rooms["names"].long()[mine],
            "attributes": rooms["attributes"].float()[mine],
            "n_objects": rooms["n_objects"].tolist(),
            "poses": [None] * len(rows),
        }

    def _with_new_slots(self, tokens: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        n_slots = TemplateConfig.n_slots
        noise = torch.rand(len(tokens), n_slots, device=tokens.device, generator=generator)
        slots = tokens - self._first_slot
        is_slot = (slots >= 0) & (slots < n_slots)
        renamed = noise.argsort(dim=1).gather(1, slots.clamp(0, n_slots - 1))
        return torch.where(is_slot, renamed + self._first_slot, tokens)


def _positions(segments: torch.Tensor) -> torch.Tensor:
    """Place of each token: counted through the prefix, and on from there in each question."""
    place = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    starts = torch.zeros_like(segments)
    starts[:, 1:] = (segments[:, 1:] != segments[:, :-1]) * place[:, 1:]
    within = place - starts.cummax(dim=1).values
    n_prefix = (segments == PREFIX).sum(dim=1, keepdim=True)
    return torch.where(segments > PREFIX, within + n_prefix, within)
