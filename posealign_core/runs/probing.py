"""Probes of a finished run."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import write_text
from posealign_core.errors import DataError
from posealign_core.evaluation.metrics.texts import TextTools
from posealign_core.evaluation.probes.probe import Subject
from posealign_core.evaluation.probes.result import ProbeResult, save_probe
from posealign_core.evaluation.processes import own_shard, wait_for_all
from posealign_core.evaluation.records import read_predictions
from posealign_core.registry import resolve
from posealign_core.runs.folder import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from posealign_core.evaluation.evaluator import Evaluator
    from posealign_core.evaluation.probes.probe import Probe
    from posealign_core.pipeline import QueryPipeline
    from posealign_core.runs.run import Run
    from posealign_core.specs import ProbeSpec
    from posealign_core.structures import Prediction, Query

__all__ = ["probe_run", "probes_for", "some_questions"]


def probes_for(run: Run) -> list[ProbeSpec]:
    """The registered probes that are for the run's backbone."""
    backbone = run.config.backbone.name
    return [p for p in run.materials.host.probes if p.backbone in {"", backbone}]


def some_questions(queries: Sequence[Query], n: int | None) -> list[Query]:
    """At most n questions, the same ones each time and for every run, in their order."""
    if n is None or n >= len(queries):
        return list(queries)

    def lot(query: Query) -> bytes:
        return hashlib.blake2b(f"{query.benchmark} {query.query_id}".encode()).digest()

    drawn = {query.query_id for query in sorted(queries, key=lot)[:n]}
    return [query for query in queries if query.query_id in drawn]


def probe_run(run: Run, name: str, benchmarks: Sequence[str], n_questions: int | None) -> bool:
    """Probe a run that has answered; killed, it goes on with the questions that are left.

    Args:
        run: The run.
        name: A registered probe.
        benchmarks: Benchmarks that the run has answered.
        n_questions: Questions per benchmark; all where None.

    Returns:
        Whether it was done now; the result was there otherwise.

    Raises:
        UnknownComponentError: There is no such probe.
        DataError: It is for another backbone, or a benchmark has not been answered.
    """
    spec = run.materials.host.probes[name]
    if spec.backbone not in {"", run.config.backbone.name}:
        raise DataError(
            f"probe {name!r}: is for {spec.backbone!r}, the run is of {run.config.backbone.name!r}"
        )
    folder = run.folder.probe(name).with_suffix("")

    def work(*, resume: bool) -> Iterable[Path]:
        if not resume and own_shard().rank == 0:
            shutil.rmtree(folder, ignore_errors=True)
        wait_for_all()  # nobody begins a part that another is about to remove
        subjects = [_subject(run, b, folder / b, n_questions) for b in benchmarks]
        probe: Probe = resolve(spec)()
        result = _result(probe, name, run.run_id, subjects)
        tables = _tables(probe, [s for s in subjects if s.benchmark in result.protocols])
        paths = {run.folder.probe(f"{name}_{t}").with_suffix(".csv"): t for t in tables}
        if own_shard().rank == 0:
            save_probe(run.folder.probe(name), result)
            for path, table in paths.items():
                write_text(path, _csv(tables[table]))
        wait_for_all()
        return [run.folder.probe(name), *paths]

    inputs = {"questions": str(n_questions), "protocol": run.config.evaluate.protocol}
    for benchmark in benchmarks:
        queries = run.materials.queries(benchmark, run.config.evaluate.split)
        digests = run.materials.digests(queries)
        inputs |= {f"{benchmark} {key}": digest for key, digest in digests.items()}
        inputs[f"{benchmark} predictions"] = file_digest(run.answers_to(benchmark))
    return run.stage(f"probe {name}", inputs, work)


def _subject(run: Run, benchmark: str, folder: Path, n_questions: int | None) -> Subject:
    config = run.config.evaluate
    every = run.materials.queries(benchmark, config.split)
    answers = read_predictions(run.answers_to(benchmark))

    def predict(
        variant: str, pipeline: QueryPipeline, queries: Sequence[Query]
    ) -> list[Prediction]:
        encoder, backbone = run.answering_model(benchmark)
        evaluator: Evaluator = resolve(run.spec, "evaluator")(batch_size=config.batch_size)
        path = folder / f"{variant}.jsonl"
        with run.materials.engine(backbone):
            evaluator.predict(
                backbone,
                encoder,
                pipeline,
                queries,
                config.generation,
                path,
                run_id=f"{run.run_id} {variant}",
            )
        return read_predictions(path)

    return Subject(
        benchmark=benchmark,
        queries=some_questions(every, n_questions),
        answers={answer.query_id: answer for answer in answers},
        pipeline=run.materials.pipeline(every),
        predict=predict,
        protocol=config.protocol,
        tools=TextTools(),
        class_of=run.materials.class_of,
    )


def _result(probe: Probe, name: str, run_id: str, subjects: Sequence[Subject]) -> ProbeResult:
    rows, remarks, protocols = [], {}, {}
    for subject in subjects:
        reason = probe.reason_to_skip(subject)
        if reason:
            remarks[subject.benchmark] = f"left out: {reason}"
            continue
        rows += probe.rows(subject)
        result = subject.own().result
        protocols[subject.benchmark] = f"{result.protocol} version {result.protocol_version}"
    return ProbeResult(
        name=name,
        title=probe.title,
        shows=probe.shows,
        run_id=run_id,
        protocols=protocols,
        rows=tuple(rows),
        baseline=probe.baseline,
        axis=probe.axis,
        remarks=remarks,
    )


def _tables(probe: Probe, subjects: Sequence[Subject]) -> dict[str, list[dict[str, Any]]]:
    """The probe's tables, those of all benchmarks one below the other."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for subject in subjects:
        for name, lines in probe.tables(subject).items():
            own = [{"benchmark": subject.benchmark, **line} for line in lines]
            tables[name] = tables.get(name, []) + own
    return tables


def _csv(lines: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]) if lines else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
