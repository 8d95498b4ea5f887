"""One run: train, predict, score, judge; each stage is skipped when its result is there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from posealign_core.config.convert import to_plain
from posealign_core.errors import DataError
from posealign_core.evaluation.metrics.texts import TextTools
from posealign_core.evaluation.processes import own_shard, wait_for_all
from posealign_core.evaluation.records import read_predictions
from posealign_core.evaluation.result import save_result
from posealign_core.evaluation.score import score_predictions
from posealign_core.judge.judgement import save_judgement
from posealign_core.judge.labels import read_labels
from posealign_core.recover import recover_dataset
from posealign_core.registry import resolve
from posealign_core.runs.folder import combined_digest, file_digest
from posealign_core.runs.judging import can_judge, judge_answers, judge_inputs
from posealign_core.runs.lock import FolderLock
from posealign_core.runs.materials import Materials
from posealign_core.runs.session import open_session
from posealign_core.training.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from posealign_core.backbone import Backbone, SampleEncoder
    from posealign_core.config.load import ResolvedConfig
    from posealign_core.evaluation.evaluator import Evaluator
    from posealign_core.host import PluginHost
    from posealign_core.runs.folder import RunFolder
    from posealign_core.runs.session import Work

__all__ = ["Run"]

_UNTRAINED = "as the backbone starts"


class Run:
    """The stages of a run. Each returns whether it was done now, or its result was there.

    Args:
        host: Where the components are registered.
        resolved: The configuration.
        folder: Where results go.
        command: The command line, for the record.

    Raises:
        ConfigError: The folder holds a run with another configuration.
    """

    def __init__(
        self, host: PluginHost, resolved: ResolvedConfig, folder: RunFolder, command: str
    ) -> None:
        self.folder = folder
        self.config = resolved.config
        self.materials = Materials(host, resolved)
        self.spec = host.backbones[self.config.backbone.name]
        self._session = open_session(host, resolved, folder, command)
        self._models: dict[bool, tuple[SampleEncoder, Backbone]] = {}

    def do_all(
        self, say: Callable[[str], None], *, trained: bool = True, jobs: int | None = None
    ) -> None:
        """Recover poses where the run uses them, train, predict, score and judge.

        Args:
            say: Told one line per stage.
            trained: Whether to train, or to ask the backbone as it starts.
            jobs: Processes for pose recovery; all cores where None.

        Raises:
            BusyError: Another process is working on the run.
            JudgeError: All is done but some verdicts.
        """
        with self._session.alone():
            if self.materials.uses_poses:
                say(f"poses: {self.recover(trained=trained, jobs=jobs)}")
            self.train_and_score(say, trained=trained)

    def train_and_score(self, say: Callable[[str], None], *, trained: bool = True) -> None:
        """Train, predict, score and judge; arguments and errors as for `do_all`."""
        with self._session.alone():
            if trained:
                done = self.train()
                say(f"{'trained' if done else 'was trained already'}: {self.folder.checkpoints}")
            for benchmark in self.config.eval_benchmarks:
                answered = self.predict(benchmark, trained=trained)
                if own_shard().rank > 0:
                    continue  # the first process scores and judges what all have answered
                scored = self.score(benchmark)
                done = answered or scored
                say(f"{benchmark}: {'answered and scored' if done else 'was answered already'}")
            for benchmark in self.judged_benchmarks if own_shard().rank == 0 else ():
                done = self.judge(benchmark)
                how = "judged" if done else "was judged already"
                say(f"{benchmark}: {how} ({self.config.judge.engine})")

    def recover(self, *, trained: bool = True, jobs: int | None = None) -> str:
        """Make the visibility tables that are missing or outdated; arguments as for `do_all`.

        Returns:
            What was done, in words.

        Raises:
            DataError: A scan failed.
        """
        materials, config = self.materials, self.config
        queries = materials.train_queries() if trained else []
        for benchmark in config.eval_benchmarks:
            queries = queries + materials.queries(benchmark, config.evaluate.split)
        scene_ids = sorted({query.scene_id for query in queries})
        # Runs that start together share the tables: the second waits, and finds them made.
        with FolderLock(config.tables / ".lock", wait=True).hold():
            outcomes = recover_dataset(
                materials.dataset, scene_ids, config.recover, config.tables, jobs=jobs
            )
        failed = [outcome for outcome in outcomes if outcome.error]
        if failed:
            first = f"{failed[0].scene_id}: {failed[0].error}"
            raise DataError(f"poses: {len(failed)} of {len(scene_ids)} scans failed, first {first}")
        actions = Counter(outcome.result.action for outcome in outcomes if outcome.result)
        return ", ".join(f"{n} scans {action}" for action, n in actions.items())

    def train(self) -> bool:
        """Fine-tune the backbone; an interrupted training goes on from its last checkpoint."""
        queries = self.materials.train_queries()

        def work(*, resume: bool) -> Iterable[Path]:
            encoder, backbone = self.materials.model()
            trainer = resolve(self.spec, "trainer")(
                backbone,
                encoder,
                self.materials.pipeline(queries),
                self.config.train,
                self.folder.path,
                config=to_plain(self.materials.resolved.backbone),
            )
            outcome = trainer.train(resume=resume)
            return [*sorted(outcome.checkpoint.iterdir()), outcome.log]

        return self._session.run("train", self.materials.digests(queries), work)

    def predict(self, benchmark: str, *, trained: bool = True) -> bool:
        """Answer a benchmark's questions, with the run's checkpoint or as the backbone starts.

        Raises:
            DataError: `trained`, and the run has no finished training.
        """
        queries = self.materials.queries(benchmark, self.config.evaluate.split)
        weights = self._training_digest() if trained else _UNTRAINED
        path = self.folder.predictions(benchmark)

        def work(*, resume: bool) -> Iterable[Path]:
            if not resume and own_shard().rank == 0:
                _remove_predictions(path)
            wait_for_all()  # nobody begins a part that another is about to remove
            encoder, backbone = self._model(trained=trained)
            evaluator: Evaluator = resolve(self.spec, "evaluator")(
                batch_size=self.config.evaluate.batch_size
            )
            pipeline = self.materials.pipeline(queries)
            options = self.config.evaluate.generation
            run_id = self._session.record.run_id
            with self.materials.engine(backbone):
                evaluator.predict(
                    backbone, encoder, pipeline, queries, options, path, run_id=run_id
                )
            return [path]

        inputs = {**self.materials.digests(queries), "weights": weights}
        return self._session.run(f"predict {benchmark}", inputs, work)

    def score(
        self, benchmark: str, *, protocol: str | None = None, labels: Path | None = None
    ) -> bool:
        """Score the answers to a benchmark.

        Args:
            benchmark: The benchmark.
            protocol: Other scoring rules than the configured ones; the results are replaced.
            labels: Label file of `posealign judge label`: which questions need a direction.

        Raises:
            DataError: It has not been answered, or the label file does not fit.
            ConfigError: The benchmark has no such protocol.
        """
        rules, meteor = protocol or self.config.evaluate.protocol, self.config.evaluate.meteor
        queries = self.materials.queries(benchmark, self.config.evaluate.split)
        predictions, path = self.answers_to(benchmark), self.folder.results(benchmark)
        labelled = None if labels is None else read_labels(labels)

        def work(*, resume: bool) -> Iterable[Path]:
            del resume  # nothing is left half-way
            result = score_predictions(
                queries,
                read_predictions(predictions),
                self.materials.dataset.scene,
                protocol=rules,
                tools=TextTools(meteor=meteor),
                class_of=self.materials.class_of,
                labels=labelled,
            )
            save_result(path, result)
            return [path]

        inputs = {
            "queries": self.materials.digests(queries)["queries"],
            "predictions": file_digest(predictions),
            "benchmark version": str(self.materials.host.benchmarks[benchmark].version),
            "protocol": f"{rules}, METEOR: {meteor}",
            "label map": self.materials.label_map_digest,
        }
        if labels is not None:
            inputs["labels"] = file_digest(labels)
        return self._session.run(f"score {benchmark}", inputs, work)

    @property
    def judged_benchmarks(self) -> list[str]:
        """Benchmarks whose answers are judged: those that are answered in words."""
        registered = self.materials.host.benchmarks
        names = self.config.eval_benchmarks if self.config.judge.judges else ()
        return [name for name in names if can_judge(registered[name].kind)]

    def judge(self, benchmark: str) -> bool:
        """Judge the answers to a benchmark.

        Raises:
            JudgeError: The judge stopped, or did not answer everything.
            DataError: It has not been answered.
        """
        config = self.config.judge
        queries = self.materials.queries(benchmark, self.config.evaluate.split)
        predictions, out = self.answers_to(benchmark), self.folder.verdicts(benchmark)

        def work(*, resume: bool) -> Iterable[Path]:
            if not resume:
                for left in out.parent.glob(f"{out.stem}.*"):
                    left.unlink()
            judgement = judge_answers(self.materials.host, config, queries, predictions, out)
            save_judgement(self.folder.judgement(benchmark), judgement)
            return [out, self.folder.judgement(benchmark)]

        inputs = {
            "queries": self.materials.digests(queries)["queries"],
            "predictions": file_digest(predictions),
            **judge_inputs(config, queries),
        }
        return self._session.run(f"judge {benchmark}", inputs, work)

    def answers_to(self, benchmark: str) -> Path:
        """The file of answers to a benchmark.

        Raises:
            DataError: It has not been answered.
        """
        path = self.folder.predictions(benchmark)
        if not path.is_file():
            raise DataError(
                f"{path}: wanted answers to {benchmark!r}, found none; run "
                f"'posealign predict --run {self.folder.path}'"
            )
        return path

    def answering_model(self, benchmark: str) -> tuple[SampleEncoder, Backbone]:
        """Encoder and backbone with the weights that answered a benchmark.

        Raises:
            DataError: It has not been answered, or was by a training that is gone.
        """
        stage = self._session.record.stages.get(f"predict {benchmark}")
        if stage is None or stage.status != "finished":
            raise DataError(
                f"{self.folder.path}: wanted a finished run on {benchmark!r}, found none; run "
                f"'posealign predict --run {self.folder.path}'"
            )
        trained = stage.inputs["weights"] != _UNTRAINED
        if trained and stage.inputs["weights"] != self._training_digest():
            raise DataError(
                f"{self.folder.path}: {benchmark!r} was answered before the last training; run "
                f"'posealign predict --run {self.folder.path}'"
            )
        return self._model(trained=trained)

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self._session.record.run_id

    def stage(self, name: str, inputs: Mapping[str, str], work: Work) -> bool:
        """Do a further stage of the run; see `Session.run`."""
        return self._session.run(name, inputs, work)

    def _model(self, *, trained: bool) -> tuple[SampleEncoder, Backbone]:
        if trained not in self._models:
            self._models[trained] = self.materials.model()
            if trained:
                load_checkpoint(self._models[trained][1], self.folder.checkpoints / "final")
        return self._models[trained]

    def _training_digest(self) -> str:
        stage = self._session.record.stages.get("train")
        if stage is None or stage.status != "finished":
            raise DataError(
                f"{self.folder.path}: wanted a trained model, found no finished training; run "
                f"'posealign train --run {self.folder.path}', or ask the backbone as it starts "
                "with --untrained"
            )
        return combined_digest(stage.outputs)


def _remove_predictions(path: Path) -> None:
    path.unlink(missing_ok=True)
    for part in path.parent.glob(f"{path.stem}.part-*"):
        part.unlink()
