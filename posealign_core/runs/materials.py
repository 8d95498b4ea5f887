"""What a configuration stands for: data set, questions, pose rule, pipeline, model."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from posealign_core.backbone import build_backbone
from posealign_core.config.convert import to_plain
from posealign_core.errors import BackboneError, DataError
from posealign_core.evaluation.protocols.groups import LABEL_MAP, read_label_map
from posealign_core.language.engine import opened
from posealign_core.pipeline import QueryPipeline
from posealign_core.recover import table_path
from posealign_core.registry import resolve
from posealign_core.runs.folder import combined_digest, file_digest
from posealign_core.training.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from posealign_core.backbone import Backbone, SampleEncoder
    from posealign_core.benchmarks.base import Benchmark
    from posealign_core.config.load import ResolvedConfig
    from posealign_core.datasets.base import Dataset
    from posealign_core.host import PluginHost
    from posealign_core.language.engine import GenerationEngine
    from posealign_core.recover.selectors import Selector
    from posealign_core.structures import Query

__all__ = ["Materials"]


class Materials:
    """Builds what the stages of a run work with, each thing once.

    Args:
        host: Where the components are registered.
        resolved: The configuration.
    """

    def __init__(self, host: PluginHost, resolved: ResolvedConfig) -> None:
        self.host = host
        self.resolved = resolved
        self.config = resolved.config
        self._queries: dict[tuple[str, str], list[Query]] = {}

    @cached_property
    def dataset(self) -> Dataset:
        """The scans."""
        made: Dataset = resolve(self.host.datasets[self.config.dataset.name])(
            self.config.dataset.root
        )
        return made

    @cached_property
    def selector(self) -> Selector:
        """The rule that chooses poses."""
        chosen = self.config.align.selector
        made: Selector = resolve(self.host.selectors[chosen.name])(**chosen.parameters)
        return made

    @cached_property
    def class_of(self) -> Mapping[str, str] | None:
        """NYU40 class of a raw ScanNet label; None where there is no label map.

        Raises:
            DataError: `dataset.label_map` is missing or damaged.
        """
        path = self._label_map
        return None if path is None else read_label_map(path)

    @property
    def label_map_digest(self) -> str:
        """Digest of the label map; `""` where there is none."""
        path = self._label_map
        return "" if path is None else file_digest(path)

    @property
    def _label_map(self) -> Path | None:
        """The configured label map, else the one beside the annotations or the scans."""
        dataset, config = self.config.dataset, self.config
        if dataset.label_map is not None:
            if not dataset.label_map.is_file():
                raise DataError(
                    f"{dataset.label_map}: wanted ScanNet's label map (dataset.label_map), found "
                    f"none; it comes with ScanNet as {LABEL_MAP}"
                )
            return dataset.label_map
        places = (config.annotations / LABEL_MAP, dataset.root / LABEL_MAP)
        return next((path for path in places if path.is_file()), None)

    @property
    def uses_poses(self) -> bool:
        """Whether the model sees poses at all."""
        return bool(self.config.align.modes)

    def queries(self, benchmark: str, split: str) -> list[Query]:
        """Questions of a benchmark.

        Raises:
            DataError: There are none, or a file is missing or damaged.
        """
        key = (benchmark, split)
        if key not in self._queries:
            reader: Benchmark = resolve(self.host.benchmarks[benchmark])(self.config.annotations)
            self._queries[key] = reader.queries(split)
        if not self._queries[key]:
            raise DataError(
                f"{benchmark}: found no questions of split {split!r} in {self.config.annotations}"
            )
        return self._queries[key]

    def train_queries(self) -> list[Query]:
        """Questions of all training benchmarks."""
        dataset = self.config.dataset
        return [q for name in dataset.benchmarks for q in self.queries(name, dataset.split)]

    def pipeline(self, queries: Sequence[Query]) -> QueryPipeline:
        """From a question to an aligned sample, as configured."""
        return QueryPipeline(
            self.host,
            self.dataset,
            queries,
            self.config.tables,
            self.selector,
            self.config.align.settings,
            backbone=self.config.backbone.name,
            seed=self.config.seed,
            noise=self.config.align.noise,
        )

    def model(self) -> tuple[SampleEncoder, Backbone]:
        """Encoder and backbone with their starting weights.

        Raises:
            CheckpointMismatchError: `backbone.weights` or `backbone.checkpoint` do not fit.
            DataError: One of them is missing or damaged.
        """
        chosen = self.config.backbone
        encoder, backbone = build_backbone(self.host, chosen.name, self.resolved.backbone)
        if chosen.weights is not None:
            backbone.load_published(chosen.weights).require_exact(str(chosen.weights))
        if chosen.checkpoint is not None:
            load_checkpoint(backbone, chosen.checkpoint)
        return encoder, backbone

    @contextmanager
    def engine(self, backbone: Backbone) -> Iterator[None]:
        """Let the configured engine generate for a backbone while a block runs.

        Raises:
            BackboneError: The backbone heeds no engine, or the engine cannot load its weights.
        """
        chosen = self.config.evaluate.engine
        if chosen is None:
            yield
            return
        lm = backbone.language_model
        if lm is None:
            raise BackboneError(
                f"evaluate.engine is {chosen.name!r}, and backbone {self.config.backbone.name!r} "
                "generates by itself alone; leave evaluate.engine out"
            )
        made: GenerationEngine = resolve(self.host.engines[chosen.name])(**chosen.parameters)
        with opened(made, lm):
            backbone.engine = made
            try:
                yield
            finally:
                backbone.engine = None

    def digests(self, queries: Sequence[Query]) -> dict[str, str]:
        """Digests of what a stage that reads these questions depends on, by name.

        Raises:
            DataError: A file to start from is missing.
        """
        digests = {"config": self.resolved.digest, "queries": _queries_digest(queries)}
        if self._start_digest:
            digests["start"] = self._start_digest
        if self.uses_poses:
            digests["visibility"] = self._tables_digest({query.scene_id for query in queries})
        return digests

    @cached_property
    def _start_digest(self) -> str:
        """Digest of the files that the weights start from; `""` where there are none."""
        backbone = self.config.backbone
        digests: dict[str, str] = {}
        for start in filter(None, (backbone.weights, backbone.checkpoint)):
            files = [start] if start.is_file() else sorted(start.rglob("*"))
            digests |= {str(path): file_digest(path) for path in files if path.is_file()}
            if not any(name.startswith(str(start)) for name in digests):
                raise DataError(f"{start}: wanted weights to start from, found none")
        return combined_digest(digests) if digests else ""

    def _tables_digest(self, scene_ids: set[str]) -> str:
        paths = {scene_id: table_path(self.config.tables, scene_id) for scene_id in scene_ids}
        return combined_digest(
            {name: file_digest(path) if path.is_file() else "" for name, path in paths.items()}
        )


def _queries_digest(queries: Sequence[Query]) -> str:
    def plain(value: Any) -> Any:
        return value.tolist()

    text = json.dumps([to_plain(query) for query in queries], sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()
