"""What can be configured about a run. The sentence beside each field is its help."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from posealign_core.config.convert import OPEN
from posealign_core.config.judge import JudgeConfig
from posealign_core.recover import PoseNoise, RecoverSettings
from posealign_core.structures import AlignSettings, GenerationOptions
from posealign_core.training.settings import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AlignConfig",
    "BackboneConfig",
    "DatasetConfig",
    "EngineConfig",
    "EvaluateConfig",
    "OutputConfig",
    "RunConfig",
    "SelectorConfig",
]


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """Which scans, and which questions to train on.

    Attributes:
        name: A registered data set: `posealign list datasets`.
        root: Folder of the scans.
        annotations: Folder of the annotation files; `root` where not set.
        benchmarks: Registered benchmarks whose questions are trained on.
        split: Split whose questions are trained on.
        tables: Folder of the visibility tables; `<output.root>/visibility-<recover.rule>` where not
            set.
        label_map: ScanNet's `scannetv2-labels.combined.tsv`, for ScanRefer's unique and multiple;
            the one in `annotations` or `root`, if any, where not set.
    """

    name: str
    root: Path
    annotations: Path | None = None
    benchmarks: tuple[str, ...] = ()
    split: str = "train"
    tables: Path | None = None
    label_map: Path | None = None


@dataclass(frozen=True, kw_only=True)
class SelectorConfig:
    """Which rule chooses the frame; `selector: top` is short for `selector: {name: top}`.

    Attributes:
        name: A registered selector: `posealign list selectors`.
        parameters: What the selector takes, written beside `name`: `{name: clip, ratio: 0.3}`.
    """

    name: str = "annotated"
    parameters: Mapping[str, object] = field(default_factory=dict, metadata=OPEN)


@dataclass(frozen=True, kw_only=True)
class AlignConfig(AlignSettings):
    """How the pose is found and used.

    Attributes:
        selector: Which rule chooses the pose of a question.
        noise: How far poses are turned and shifted at random; none by default.
    """

    selector: SelectorConfig = field(default_factory=SelectorConfig)
    noise: PoseNoise = field(default_factory=PoseNoise)

    @property
    def settings(self) -> AlignSettings:
        """The part that samples carry."""
        return AlignSettings(**{f.name: getattr(self, f.name) for f in fields(AlignSettings)})


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Which 3-D LMM, at which size.

    Attributes:
        name: A registered backbone: `posealign list backbones`.
        preset: One of its presets.
        config: Values that win over the preset's.
        weights: File or folder of published weights to start from, if any.
        checkpoint: Checkpoint of another run to start from, if any: its `checkpoints/final`.
    """

    name: str
    preset: str = "tiny"
    config: Mapping[str, object] = field(default_factory=dict)
    weights: Path | None = None
    checkpoint: Path | None = None


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """What generates answers; `engine: vllm` is short for `engine: {name: vllm}`.

    Attributes:
        name: A registered engine: `posealign list engines`.
        parameters: What the engine takes, written beside `name`: `{name: vllm, python: ...}`.
    """

    name: str
    parameters: Mapping[str, object] = field(default_factory=dict, metadata=OPEN)


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """What is asked after training, and how answers are decoded.

    Attributes:
        benchmarks: Registered benchmarks; those of `dataset.benchmarks` where empty.
        split: Split whose questions are asked.
        batch_size: Questions per forward pass.
        generation: How answers are decoded.
        engine: What generates in the place of `transformers`, if anything.
        protocol: Whose scoring rules: strict, official, 3d-llava, chat-scene,
            ll3da or video3dllm.
        meteor: Whether METEOR is computed too, which needs Java and takes a while.
    """

    benchmarks: tuple[str, ...] = ()
    split: str = "val"
    batch_size: int = 16
    generation: GenerationOptions = field(default_factory=GenerationOptions)
    engine: EngineConfig | None = None
    protocol: str = "strict"
    meteor: bool = False


@dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """Where results go: `<root>/<name>-<digest>`.

    Attributes:
        name: First part of the run folder's name.
        root: Folder that holds the run folders.
    """

    name: str = "run"
    root: Path = Path("runs")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything about one run.

    Attributes:
        dataset: Which scans, and which questions to train on.
        recover: How visibility is computed.
        align: How the pose is found and used.
        backbone: Which 3-D LMM, at which size.
        train: The training recipe.
        evaluate: What is asked after training, and how answers are decoded.
        judge: Who grades free-form answers and captions, after scoring.
        seed: Seed of everything random in the run.
        output: Where results go.
    """

    dataset: DatasetConfig
    recover: RecoverSettings = field(default_factory=RecoverSettings)
    align: AlignConfig = field(default_factory=AlignConfig)
    backbone: BackboneConfig
    train: TrainSettings = field(default_factory=TrainSettings)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    seed: int = 0
    output: OutputConfig = field(default_factory=OutputConfig)

    @property
    def annotations(self) -> Path:
        """Folder of the annotation files."""
        return self.dataset.annotations or self.dataset.root

    @property
    def tables(self) -> Path:
        """Folder of the visibility tables."""
        return self.dataset.tables or self.output.root / f"visibility-{self.recover.rule}"

    @property
    def eval_benchmarks(self) -> tuple[str, ...]:
        """Benchmarks to evaluate on."""
        return self.evaluate.benchmarks or self.dataset.benchmarks
