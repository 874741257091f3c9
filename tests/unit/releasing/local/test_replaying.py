"""Rows as traffic: in their order, each with an id of its own, their labels later; what fails is counted."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from penstock.releasing.local.replaying import Replay, Row, Sent
from penstock.serving.load_test.target import Target

ROWS = [Row({"hour": 5}, 0), Row({"hour": 6}, 1), Row({"hour": 7}, None)]


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A real HTTP server that keeps what it was asked; hour 7 is too much for it."""
    asked: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append((self.headers["x-request-id"], body["instances"][0]))
            self.send_response(500 if body["instances"][0]["hour"] == 7 else 200)
            self.send_header("content-length", "0")
            self.send_header("penstock-bundle", "sha256:one")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.asked = asked  # type: ignore[attr-defined]
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def run(port: int, labels: Path, seconds: float = 0.2, rate: float = 20.0) -> Sent:
    replay = Replay(ROWS, Target("127.0.0.1", port, "/"), labels, label_delay_seconds=60, prefix="replay")
    return asyncio.run(replay.run(rate, seconds, asyncio.Event(), lambda _: None))


def test_every_row_is_sent_in_its_order_and_its_label_written(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    counts = run(server.server_port, tmp_path / "labels" / "one.csv")
    assert (counts.sent, counts.answered, counts.failed) == (4, 3, 1)
    assert counts.failures == {"HTTP 500": 1}
    assert counts.bundles == {"sha256:one": 3}
    hours = {identity: row["hour"] for identity, row in server.asked}  # type: ignore[attr-defined]
    assert hours == {"replay-1": 5, "replay-2": 6, "replay-3": 7, "replay-4": 5}
    text = (tmp_path / "labels" / "one.csv").read_text()
    assert text == "request_id,label\nreplay-1,0\nreplay-2,1\nreplay-4,0\n"
    assert counts.labelled == 3


def test_where_nobody_listens_every_request_has_failed(tmp_path: Path, server: ThreadingHTTPServer) -> None:
    counts = run(1, tmp_path / "labels.csv")
    assert (counts.answered, counts.failed) == (0, 4)


def test_a_label_is_not_known_before_its_time(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    replay = Replay(ROWS, Target("127.0.0.1", server.server_port, "/"), file, label_delay_seconds=60, prefix="r")
    seen: list[bool] = []
    asyncio.run(replay.run(50.0, 1.5, asyncio.Event(), lambda _: seen.append(file.exists())))
    assert seen
    assert not any(seen)
    assert file.exists()


def test_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no row"):
        Replay([], Target("127.0.0.1", 1, "/"), tmp_path / "x", label_delay_seconds=1, prefix="x")
