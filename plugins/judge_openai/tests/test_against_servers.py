from __future__ import annotations

import contextlib
import dataclasses
import signal
import subprocess
import sys
import time

import pytest

from posealign_core.errors import ConfigError, JudgeError
from posealign_core.judge.request import JudgeRequest, requests_text
from posealign_core.judge.rubric import load_rubric
from posealign_core.judge.runner import judge_requests
from posealign_core.judge.settings import JudgeSettings, Limits
from posealign_judge_openai.engine import OpenAIJudge

QUICK = Limits(in_flight=8, tries=6, backoff_s=0.01, max_backoff_s=0.3, timeout_s=1.0)
SETTINGS = JudgeSettings(limits=QUICK)
RUBRIC = load_rubric("scanqa")


def requests(n):
    return [
        JudgeRequest(
            benchmark="scanqa",
            split="val",
            key=f"q{number}",
            scene_id="s",
            question=f"What is left of shelf {number}?",
            references=("a lamp",),
            prediction="a lamp",
        )
        for number in range(n)
    ]


@contextlib.contextmanager
def serving(*arguments, port=0):
    """A server process: its base URL and the process."""
    command = [sys.executable, "-m", "posealign_core.judge.fake_server", *arguments]
    command += ["--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1", process
        finally:
            process.kill()


def judged(url, n, out, settings=SETTINGS, **parameters):
    judge = OpenAIJudge(model="fake-1", base_url=url, **parameters)
    return judge_requests(requests(n), judge, RUBRIC, settings, out)


def decided(outcome):
    return {verdict.status.value for verdict in outcome.verdicts} <= {"correct", "incorrect"}


def test_every_fault_is_survived(tmp_path):
    faults = "ok,429,ok,500,ok,garbage,ok,wrong-schema,ok,cut,ok,unparsed,length,ok,slow,ok,silent"
    patient = JudgeSettings(limits=dataclasses.replace(QUICK, tries=15))
    with serving("--faults", faults) as (url, _):
        faulty = judged(url, 30, tmp_path / "faulty.jsonl", patient, structured=False)
    assert faulty.complete
    assert decided(faulty)
    assert faulty.tally.n_failed_tries >= 10
    with serving() as (url, _):
        sound = judged(url, 30, tmp_path / "sound.jsonl", structured=False)
    assert [v.status for v in faulty.verdicts] == [v.status for v in sound.verdicts]
    calls = (tmp_path / "faulty.calls.jsonl").read_text()
    for sign in ("status 429", "status 500", "no JSON", "no choices", "no reply within"):
        assert sign in calls


def test_structured_output_only_where_offered(tmp_path):
    with serving() as (url, _):
        outcome = judged(url, 3, tmp_path / "a.jsonl")
    assert outcome.verdicts[0].raw_text.startswith('{"verdict"')
    assert outcome.verdicts[0].judge.structured
    assert outcome.tally.tokens_in > 0
    with serving("--unstructured") as (url, _):
        outcome = judged(url, 3, tmp_path / "b.jsonl")
    assert outcome.verdicts[0].raw_text in {"A", "B"}
    assert decided(outcome)


def test_wrong_key_ends_the_run_at_once(tmp_path):
    with serving("--faults", "401") as (url, _):
        outcome = judged(url, 20, tmp_path / "v.jsonl", structured=False)
    assert "as scripted" in outcome.stopped
    assert outcome.tally.n_failed_tries == 0


def test_refused_requests_are_errors(tmp_path):
    with serving("--faults", "400,ok") as (url, _):
        outcome = judged(url, 4, tmp_path / "v.jsonl", structured=False)
    assert outcome.n_errors == 2
    assert not outcome.complete


def test_a_server_killed_half_way_loses_nothing(tmp_path):
    log, out = tmp_path / "asked.txt", tmp_path / "v.jsonl"
    arguments = ("--latency", "0.05", "--log", str(log))
    limits = Limits(
        in_flight=4, tries=2, backoff_s=0.01, max_backoff_s=0.05, failures_in_a_row=3, timeout_s=5
    )
    with serving(*arguments) as (url, process):
        port = int(url.rpartition(":")[2].partition("/")[0])
        judge = OpenAIJudge(model="fake-1", base_url=url, structured=False)

        def kill_after(n_done, _):
            if n_done == 12:
                process.kill()

        settings = JudgeSettings(limits=limits)
        outcome = judge_requests(requests(40), judge, RUBRIC, settings, out, on_verdict=kill_after)
    assert "in a row" in outcome.stopped
    assert not out.exists()
    n_before = len(log.read_text().splitlines())
    with serving(*arguments, port=port):
        outcome = judged(url, 40, out, JudgeSettings(limits=limits), structured=False)
    assert outcome.complete
    assert outcome.n_kept >= 12
    assert len(log.read_text().splitlines()) - n_before == 40 - outcome.n_kept


def test_a_runner_killed_half_way_goes_on(tmp_path):
    log, out, asked = tmp_path / "asked.txt", tmp_path / "v.jsonl", tmp_path / "r.jsonl"
    asked.write_text(requests_text(requests(60)))
    with serving("--latency", "0.05", "--log", str(log)) as (url, _):
        command = [sys.executable, "-m", "posealign_core.cli.main", "judge", "grade"]
        command += ["--requests", str(asked), "--out", str(out), "--judge", "openai"]
        command += ["-p", "model=fake-1", "-p", f"base_url={url}", "-p", "structured=off"]
        command += ["--in-flight", "1", "--cache", str(tmp_path / "c.sqlite")]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as killed:
            while not log.exists() or len(log.read_text().splitlines()) < 15:
                time.sleep(0.02)
                assert killed.poll() is None
            killed.send_signal(signal.SIGKILL)
        assert not out.exists()
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    prompts = log.read_text().splitlines()
    assert len(set(prompts)) == 60
    # At most the one request that was in flight was asked twice.
    assert len(prompts) <= 61
    assert len(out.read_text().splitlines()) == 60


def test_no_server_no_model_no_key(tmp_path, monkeypatch):
    with serving() as (url, _), pytest.raises(JudgeError, match="it has fake-1"):
        judge_requests(
            requests(1),
            OpenAIJudge(model="other", base_url=url),
            RUBRIC,
            SETTINGS,
            tmp_path / "v.jsonl",
        )
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(JudgeError, match="OPENAI_API_KEY"):
        judge_requests(
            requests(1), OpenAIJudge(model="m-2026-01-01"), RUBRIC, SETTINGS, tmp_path / "v.jsonl"
        )


def test_an_alias_of_the_public_api_is_refused():
    with pytest.raises(ConfigError, match="'gpt-5-mini' is an alias"):
        OpenAIJudge(model="gpt-5-mini")
    OpenAIJudge(model="gpt-5-mini", allow_alias=True)
    OpenAIJudge(model="gpt-5-mini-2025-08-07")
    OpenAIJudge(model="anything", base_url="http://127.0.0.1:1/v1")
