"""A small OpenAI-compatible server with scripted answers, delays and faults.

    python -m posealign_core.judge.fake_server --port 0 --latency 0.1 --faults 429,500,garbage,ok

It prints the port it listens on. Each request takes the next fault of the cycle; `ok` is none. Use
it to try a set-up for nothing, and in tests. Its verdicts mean nothing: a hash of the prompt picks
the letter, so that the same prompt always gets the same one.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["FAULTS", "FakeServer"]

FAULTS = (
    "ok",
    "429",
    "500",
    "401",
    "400",
    "garbage",
    "wrong-schema",
    "cut",
    "slow",
    "silent",
    "unparsed",
    "length",
)
_SILENT_S = 3600.0


class FakeServer(ThreadingHTTPServer):
    """Answers `/v1/models` and `/v1/chat/completions`.

    Args:
        port: 0 takes a free one.
        latency_s: Seconds before each reply.
        faults: What happens to requests in turn, over and over.
        structured: Whether it takes `response_format`.
        log: File that gets the prompt's hash of every chat request, one a line, or None.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self,
        *,
        port: int = 0,
        latency_s: float = 0.0,
        faults: tuple[str, ...] = ("ok",),
        structured: bool = True,
        log: str | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.latency_s = latency_s
        self.structured = structured
        self._faults = itertools.cycle(faults)
        self._log = log
        self._lock = threading.Lock()

    def next_fault(self, prompt: str, seed: Any) -> str:
        """Note a request and say what happens to it."""
        with self._lock:
            if self._log is not None:
                with open(self._log, "a", encoding="utf-8") as file:  # noqa: PTH123
                    file.write(f"{_sha(prompt)} {seed}\n")
            return next(self._faults)


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeServer

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "fake-1", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "response_format" in body and not self.server.structured:
            self._send_error(400, "response_format is not supported")
            return
        prompt = body["messages"][-1]["content"]
        fault = self.server.next_fault(prompt, body.get("seed"))
        time.sleep({"slow": 2.0, "silent": _SILENT_S}.get(fault, self.server.latency_s))
        self._answer(fault, prompt, structured="response_format" in body)

    def _answer(self, fault: str, prompt: str, *, structured: bool) -> None:
        letter = "AB"[int(_sha(prompt), 16) % 2]
        text = json.dumps({"verdict": letter}) if structured else letter
        if fault == "429":
            self._send_error(429, "too many requests", {"Retry-After": "0.2"})
        elif fault.isdigit():
            self._send_error(int(fault), "as scripted")
        elif fault == "garbage":
            self._send_bytes(200, b"\x00\xff<html>not json", {"Content-Type": "application/json"})
        elif fault == "wrong-schema":
            self._send(200, {"object": "chat.completion", "choices": []})
        elif fault == "cut":
            self._send_cut(_completion(text, prompt))
        elif fault == "unparsed":
            self._send(200, _completion("I cannot decide.", prompt))
        elif fault == "length":
            self._send(200, _completion("", prompt, finish_reason="length"))
        else:
            self._send(200, _completion(text, prompt))

    def _send_error(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        self._send(status, {"error": {"message": message, "type": "scripted"}}, headers)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json"}
        self._send_bytes(status, json.dumps(body).encode(), kind | (headers or {}))

    def _send_bytes(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._send_head(status, len(body), headers)
        self.wfile.write(body)

    def _send_cut(self, body: Any) -> None:
        """Promise the whole body, send half, hang up."""
        data = json.dumps(body).encode()
        self._send_head(200, len(data), {"Content-Type": "application/json"})
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def _send_head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def handle(self) -> None:
        """Take requests until the client hangs up, as clients do that waited long enough."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _completion(text: str, prompt: str, finish_reason: str = "stop") -> dict[str, Any]:
    n_in = len(prompt.split())
    return {
        "id": "fake",
        "object": "chat.completion",
        "created": 0,
        "model": "fake-1",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {"prompt_tokens": n_in, "completion_tokens": 1, "total_tokens": n_in + 1},
    }


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--faults", default="ok", help=f"cycle of: {', '.join(FAULTS)}")
    parser.add_argument("--unstructured", action="store_true", help="refuse response_format")
    parser.add_argument("--log", help="file for the hash of each prompt")
    args = parser.parse_args()
    faults = tuple(args.faults.split(","))
    unknown = sorted(set(faults) - set(FAULTS))
    if unknown:
        parser.error(f"--faults: unknown {', '.join(unknown)}; known are {', '.join(FAULTS)}")
    server = FakeServer(
        port=args.port,
        latency_s=args.latency,
        faults=faults,
        structured=not args.unstructured,
        log=args.log,
    )
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
