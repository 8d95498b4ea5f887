"""What the 3D-LLaVA benchmarks share: rooms of published size on disk, questions, the model.

Nothing is downloaded. A room of preset `large` has about 150,000 points, 3.7 cm apart; voxels get
the same edge, so that a voxel has as many neighbours as in a scan at 2 cm. The tokenizer knows each
word of the rooms and has as many entries as Llama's; the weights are random, so that answers never
end early: every one has as many tokens as are allowed.
"""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from posealign_3d_llava import plugin
from posealign_3d_llava.config import LlavaConfig
from posealign_3d_llava.model.config import TowerConfig
from posealign_3d_llava.tokenizer import VOCABULARY
from posealign_core.backbone import build_backbone
from posealign_core.host import build_host
from posealign_core.language.llm_config import LlmConfig
from posealign_core.language.tokenizers import toy_tokenizer
from posealign_core.pipeline import QueryPipeline
from posealign_core.recover import RecoverSettings, recover_dataset
from posealign_core.recover.selectors import Annotated
from posealign_core.registry import resolve
from posealign_core.structures import AlignSettings
from posealign_core.vocabulary import AlignMode
from posealign_rooms.make import make_rooms
from posealign_rooms.presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from posealign_core.backbone import Backbone, SampleEncoder
    from posealign_core.host import PluginHost
    from posealign_core.structures import Query

SYSTEM = (
    "Someone walks through a room that was scanned from all sides and asks an assistant about what "
    "stands where. The assistant looks at the scan and gives short and correct answers to every "
    "question of theirs."
)
"""As many words as the published one."""


@dataclass(frozen=True)
class Size:
    """One of the two sizes.

    Attributes:
        llm: Of the language model.
        tower: Of the point-cloud tower.
        dtype: Of the weights.
        n_vocabulary: Entries of the tokenizer, before [SEG].
        spacing_m: Between points of a room.
    """

    llm: LlmConfig
    tower: TowerConfig
    dtype: str
    n_vocabulary: int
    spacing_m: float


SIZES = {
    "7b": Size(LlmConfig(), TowerConfig(), "bfloat16", 32_000, PRESETS["large"].spacing_m),
    "tiny": Size(
        LlmConfig(width=256, n_layers=2, n_heads=4, mlp_width=512, max_length=1024),
        TowerConfig(
            planes=(8, 16),
            blocks_per_level=1,
            n_classes=5,
            n_semantic=6,
            width=32,
            n_heads=4,
            ffn_width=64,
            n_layers=1,
            token_width=32,
            n_tokens=16,
            llm_width=256,
            seg_width=32,
        ),
        "float32",
        4_000,
        0.25,
    ),
}


def host() -> PluginHost:
    """The core and 3D-LLaVA, whether they are installed or on the path."""
    return build_host(plugins=[plugin], entry_points=False)


class Workload:
    """Rooms on disk and what is asked about them.

    Args:
        folder: Gets rooms, tables, tokenizer and wordings; rooms that are there are kept.
        size: `"7b"` or `"tiny"`.
        n_train: Rooms to train on.
        n_val: Rooms to ask about.
        jobs: Processes that make rooms.
        mode: Where the pose goes, or None for no pose.
    """

    def __init__(
        self, folder: Path, size: str, *, n_train: int, n_val: int, jobs: int, mode: str | None
    ) -> None:
        self.folder, self.size, self.host = folder, SIZES[size], host()
        modes = frozenset({AlignMode(mode)} if mode else ())
        self._settings = AlignSettings(modes=modes)
        rooms = replace(
            PRESETS["large"],
            name=f"benchmark-{size}",
            n_train=n_train,
            n_val=n_val,
            spacing_m=self.size.spacing_m,
            n_frames=100,
            image_every=100,
            image_scale=0.125,
        )
        make_rooms(folder / "rooms", rooms, 0, jobs=jobs)
        self.dataset = resolve(self.host.datasets["3d_llava"])(folder / "rooms")
        if modes:
            settings = RecoverSettings(every=25)
            recover_dataset(
                self.dataset, self.dataset.scene_ids(), settings, self._tables, jobs=jobs
            )

    @property
    def _tables(self) -> Path:
        return self.folder / "tables"

    def queries(self, benchmarks: Sequence[str], split: str, n: int) -> list[Query]:
        """`n` questions of benchmarks by turns, from all rooms alike.

        Raises:
            ValueError: There are fewer.
        """
        root = self.folder / "rooms" / "annotations"
        readers = [resolve(self.host.benchmarks[name])(root) for name in benchmarks]
        lists = [reader.queries(split) for reader in readers]
        mixed = [query for group in zip(*lists, strict=False) for query in group]
        if len(mixed) < n:
            raise ValueError(f"wanted {n} questions, found {len(mixed)}; make more rooms")
        return mixed[:: len(mixed) // n][:n]

    def pipeline(self, queries: Sequence[Query]) -> QueryPipeline:
        """From a question to its aligned sample."""
        return QueryPipeline(
            self.host,
            self.dataset,
            queries,
            self._tables,
            Annotated(),
            self._settings,
            backbone="3d_llava",
            seed=0,
            host_factory=host,
        )

    def config(self, **overrides: Any) -> LlavaConfig:
        """The backbone's configuration."""
        tokenizer, texts = self.folder / "tokenizer", self.folder / "texts.json"
        if not tokenizer.is_dir():
            words = [*VOCABULARY.read_text(encoding="utf-8").split(), *re.findall(r"\w+", SYSTEM)]
            known = len(toy_tokenizer(words))
            filler = [f"filler{i}" for i in range(self.size.n_vocabulary - known)]
            toy_tokenizer([*words, *filler]).save_pretrained(tokenizer)
        texts.write_text(json.dumps({"system": SYSTEM}), encoding="utf-8")
        return LlavaConfig(
            llm=self.size.llm,
            tower=self.size.tower,
            dtype="bfloat16" if self.size.dtype == "bfloat16" else "float32",
            tokenizer=tokenizer,
            texts=texts,
            voxel_size_m=self.size.spacing_m,
            **overrides,
        )

    def model(self, **overrides: Any) -> tuple[SampleEncoder, Backbone]:
        """Encoder, and a backbone with random weights that is made where it will run."""
        with torch.device("cuda") if torch.cuda.is_available() else nullcontext():
            return build_backbone(self.host, "3d_llava", self.config(**overrides))


def device_name() -> str:
    """What the numbers were measured on."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
