"""Asks a judge about many answers: resumable, many at once, the same file whatever happens."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.errors import ConfigError, DataError, JudgeError
from posealign_core.judge.caller import Caller, Tally
from posealign_core.judge.engine import Ask, RefusedError, Reply, UnreachableError
from posealign_core.judge.journal import Journal
from posealign_core.judge.parse import parse_verdict, probability_of_first
from posealign_core.judge.plan import is_missing, plan_tasks
from posealign_core.judge.verdict import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from posealign_core.judge.cache import ReplyCache
    from posealign_core.judge.engine import Judge
    from posealign_core.judge.plan import Task
    from posealign_core.judge.request import JudgeRequest
    from posealign_core.judge.rubric import Rubric
    from posealign_core.judge.settings import JudgeSettings

__all__ = ["RunOutcome", "judge_requests"]


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """What came of a run.

    Attributes:
        verdicts: All verdicts, in the order of requests and draws; fewer where it stopped early.
        n_wanted: How many a whole run has.
        n_kept: Verdicts that earlier attempts had left.
        tally: What this run took.
        stopped: Why it stopped early, or `""`.
    """

    verdicts: tuple[Verdict, ...]
    n_wanted: int
    n_kept: int
    tally: Tally
    stopped: str = ""

    @property
    def n_errors(self) -> int:
        """Requests that the judge never answered; the next run asks them again."""
        return sum(verdict.status is Status.ERROR for verdict in self.verdicts)

    @property
    def complete(self) -> bool:
        """Whether every request has an answer of the judge, or needs none."""
        return not self.stopped and self.n_errors == 0


def judge_requests(
    requests: Sequence[JudgeRequest],
    judge: Judge,
    rubric: Rubric,
    settings: JudgeSettings,
    out: Path,
    *,
    cache: ReplyCache | None = None,
    on_verdict: Callable[[int, Tally], None] = lambda n_done, tally: None,
) -> RunOutcome:
    """Get all verdicts, and write them to `out`.

    Killed, or stopped by a dead judge or a spent budget, it goes on where it was when it is called
    again: what has a verdict is not asked again, what ended in an error is. Equal replies give
    equal files, whatever the number of requests in flight and of interruptions.

    Args:
        requests: What to judge, with distinct keys.
        judge: The engine.
        rubric: The rules, in words.
        settings: How to judge.
        out: The verdict file; beside it are `<name>.calls.jsonl`, a record of every call, and,
            until the run is whole, `<name>.part.jsonl`.
        cache: Replies of other runs, or None.
        on_verdict: Told the number of verdicts so far and what they took.

    Raises:
        DataError: `out` holds verdicts of another judge, rubric or set of requests.
        JudgeError: The judge cannot be opened.
        ConfigError: The rubric shows a question that is to be judged, with its answer.
    """
    shown = rubric.items_shown(requests)
    if shown:
        fault = (
            f"its examples give away {len(shown)} of the items to be judged, first {shown[0]!r}; "
            "take examples from elsewhere"
        )
        raise ConfigError([fault], source=f"rubric {rubric.name}")
    runner = _Runner(judge, rubric, settings, Journal(out), on_verdict)
    return asyncio.run(runner.run(requests, cache))


class _Runner:
    def __init__(
        self,
        judge: Judge,
        rubric: Rubric,
        settings: JudgeSettings,
        journal: Journal,
        on_verdict: Callable[[int, Tally], None],
    ) -> None:
        self._judge = judge
        self._rubric = rubric
        self._settings = settings
        self._journal = journal
        self._on_verdict = on_verdict
        self._verdicts: dict[tuple[str, int], Verdict] = {}
        self._stopped = ""

    async def run(self, requests: Sequence[JudgeRequest], cache: ReplyCache | None) -> RunOutcome:
        try:
            self._identity = await self._judge.open()
            self._caller = Caller(self._judge, self._settings, cache, self._journal.add_call)
            earlier = self._earlier(requests)
            wanted = plan_tasks(requests, self._rubric, self._settings, self._identity)
            n_kept = self._keep(wanted, earlier)
            await self._work(task for task in wanted if task.place not in self._verdicts)
        finally:
            self._journal.flush()
            await self._judge.close()
        return self._finish(requests, len(wanted), n_kept)

    def _earlier(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        """What earlier attempts left, if it was about the same thing."""
        earlier = self._journal.earlier()
        keys = {request.key for request in requests}
        for verdict in earlier:
            theirs = (verdict.judge, verdict.rubric_sha, verdict.sampling)
            if theirs != (self._identity, self._rubric.sha, self._settings.sampling):
                raise DataError(
                    f"{self._journal.path}: holds verdicts of another judge, rubric or sampling "
                    f"({verdict.judge.resolved}, {verdict.rubric}); choose another output"
                )
            if verdict.key not in keys:
                raise DataError(
                    f"{self._journal.path}: holds a verdict on {verdict.key!r}, which is not among "
                    "these requests; choose another output"
                )
        return earlier

    def _keep(self, wanted: Iterable[Task], earlier: Iterable[Verdict]) -> int:
        """Take over the verdicts that still hold; an error, or another answer, is asked again."""
        shas = {task.place: task.request_sha for task in wanted}
        for verdict in earlier:
            place = (verdict.key, verdict.draw)
            if verdict.status is not Status.ERROR and shas.get(place) == verdict.request_sha:
                self._verdicts[place] = verdict
        return len(self._verdicts)

    async def _work(self, tasks: Iterator[Task]) -> None:
        """Let workers share the tasks until these, the money or the judge are at their end."""
        self._on_verdict(len(self._verdicts), self._caller.tally)
        workers = [
            asyncio.ensure_future(self._worker(tasks))
            for _ in range(self._settings.limits.in_flight)
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _worker(self, tasks: Iterator[Task]) -> None:
        for task in tasks:
            try:
                verdict = await self._decide(task)
            except JudgeError as error:
                self._stopped = str(error)
                return
            self._verdicts[task.place] = verdict
            self._journal.add(verdict)
            self._on_verdict(len(self._verdicts), self._caller.tally)
            if self._stopped:
                return

    async def _decide(self, task: Task) -> Verdict:
        """One verdict; a reply that is none is drawn again, with the next free sample index."""
        attempts: list[str] = []
        n_draws = self._settings.draws
        for redraw in range(self._settings.redraws + 1):
            index = task.draw + redraw * n_draws
            ask = Ask(
                request=task.request,
                prompt=task.prompt,
                sampling=self._settings.sampling,
                index=index,
                grades=self._rubric.grades,
            )
            try:
                reply = await self._caller.reply(ask, task.request_sha)
            except (RefusedError, UnreachableError) as error:
                return self._verdict(task, Status.ERROR, attempts, detail=str(error))
            status = self._parse(task, reply)
            if status is not Status.INVALID or redraw == self._settings.redraws:
                break
            attempts.append(f"{reply.finish_reason}: {reply.text[:200]}")
        return self._verdict(task, status, attempts, reply=reply)

    def _parse(self, task: Task, reply: Reply) -> Status:
        order, fidelity = task.prompt.order, self._settings.fidelity
        return parse_verdict(reply.text, order, self._rubric.words, fidelity=fidelity)

    def _verdict(
        self,
        task: Task,
        status: Status,
        attempts: Sequence[str],
        *,
        reply: Reply | None = None,
        detail: str = "",
    ) -> Verdict:
        reply = Reply(text="", finish_reason="") if reply is None else reply
        return dataclasses.replace(
            self._blank(task.request),
            request_sha=task.request_sha,
            draw=task.draw,
            status=status,
            p_correct=probability_of_first(reply.label_logprobs, task.prompt.order),
            raw_text=reply.text,
            analysis_text=reply.analysis,
            finish_reason=reply.finish_reason,
            detail="; ".join(filter(None, (detail, task.prompt.note))),
            attempts=tuple(attempts),
            tokens_in=reply.usage.tokens_in,
            tokens_out=reply.usage.tokens_out,
            tokens_reasoning=reply.usage.tokens_reasoning,
        )

    def _blank(self, request: JudgeRequest) -> Verdict:
        """The verdict on a request without an answer."""
        return Verdict(
            benchmark=request.benchmark,
            split=request.split,
            key=request.key,
            scene_id=request.scene_id,
            prediction_sha=request.prediction_sha,
            rubric=self._rubric.name,
            rubric_sha=self._rubric.sha,
            request_sha="",
            draw=0,
            status=Status.MISSING,
            judge=self._identity,
            sampling=self._settings.sampling,
            label_order=self._settings.label_rule.order_of(request),
        )

    def _finish(self, requests: Sequence[JudgeRequest], n_wanted: int, n_kept: int) -> RunOutcome:
        for request in (r for r in requests if is_missing(r, self._rubric)):
            self._verdicts[request.key, 0] = self._blank(request)
        places = [
            (request.key, draw) for request in requests for draw in range(self._settings.draws)
        ]
        verdicts = tuple(self._verdicts[place] for place in places if place in self._verdicts)
        if not self._stopped:
            self._journal.finish(verdicts)
        return RunOutcome(
            verdicts=verdicts,
            n_wanted=n_wanted,
            n_kept=n_kept,
            tally=self._caller.tally,
            stopped=self._stopped,
        )
