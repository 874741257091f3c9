"""What KServe's logger sends of each request and answer, as records of the prediction log.

    python -m penstock.serving.cloud_events --log logs/ --port 8080
    # and in the InferenceService: spec.predictor.logger: {mode: all, url: http://...:8080}

A request and its answer come as two events with the same id, in either order: they wait for each other here, so many at
most, and what is dropped is counted. An event is taken at once and written later, because a slow sink stalls serving:
the logger's queue holds 100.

The logger says nothing of requests that failed, nor of how long an answer took, and does not know who is stable. So the
records have the role `ROLE`, the route `NO_ROUTE`, and their InferenceService as `backend`: whoever reads the log knows
which of them is the candidate, and that errors and latencies cannot be told from it. Scores are read from answers of
Penstock's model server.

Source: CloudEvents 1.0, HTTP protocol binding, binary mode; the extensions are those of KServe's logger (0.15 to 0.20).
"""

from __future__ import annotations

import argparse
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from penstock.serving.gateway.exchange import Exchange
from penstock.serving.gateway.messages import Answer, Request
from penstock.serving.gateway.recorder import Recorder, RecorderLimits
from penstock.serving.prediction_log import NO_ROUTE

REQUEST, RESPONSE = "org.kubeflow.serving.inference.request", "org.kubeflow.serving.inference.response"
ROLE: Final = "stable"
"""What stands in the log for a role that the logger does not know."""
MOST_WAITING = 10_000
"""Halves that wait for their other half."""
MOST_WAITING_BYTES = 64 << 20
LONGEST_BYTES = 8 << 20
"""A longer event is refused."""


@dataclass(frozen=True)
class Event:
    """One event of KServe's logger."""

    id: str
    """The request's id: the header `Ce-Id` that was set at the edge, or one of the logger's own."""
    service: str
    """The InferenceService."""
    is_answer: bool
    """Whether it is of the answer."""
    time_seconds: float
    """When the logger sent it [s since 1970]."""
    body: bytes
    """What was asked or answered."""

    @classmethod
    def of(cls, headers: Mapping[str, str], body: bytes) -> Event:
        """Read an event.

        Args:
            headers: With names in lower case.
            body: What came.

        Raises:
            ValueError: It is no event of the logger.
        """
        kind, given, service = (headers.get(f"ce-{name}", "") for name in ("type", "id", "inferenceservicename"))
        if kind not in (REQUEST, RESPONSE) or not given or not service:
            raise ValueError(
                f"an event of type {REQUEST} or {RESPONSE} with ce-id and ce-inferenceservicename is wanted"
            )
        try:
            time_seconds = datetime.fromisoformat(headers.get("ce-time", "")).timestamp()
        except ValueError:
            time_seconds = datetime.now(UTC).timestamp()
        return cls(given, service, kind == RESPONSE, time_seconds, body)


@dataclass
class Counts:
    """What became of the events."""

    joined: int = 0
    """Requests with their answers."""
    dropped: int = 0
    """Halves that waited for too long, or came twice."""
    refused: int = 0
    """What was no event."""


class Joiner:
    """Joins requests with their answers; what has waited longest makes room for what comes."""

    def __init__(self, most: int = MOST_WAITING, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self.counts = Counts()
        self._most, self._most_bytes, self._bytes = most, most_bytes, 0
        self._waiting: OrderedDict[tuple[str, str, bool], Event] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, event: Event) -> Exchange | None:
        """Take one half; the whole, if the other is here."""
        with self._lock:
            other = self._waiting.pop((event.service, event.id, not event.is_answer), None)
            if other is not None:
                self._bytes -= len(other.body)
                self.counts.joined += 1
                return _exchange(*((other, event) if event.is_answer else (event, other)))
            key = (event.service, event.id, event.is_answer)
            if key in self._waiting:
                self.counts.dropped += 1
                return None
            self._waiting[key] = event
            self._bytes += len(event.body)
            while len(self._waiting) > self._most or self._bytes > self._most_bytes:
                self._bytes -= len(self._waiting.popitem(last=False)[1].body)
                self.counts.dropped += 1
            return None


def _exchange(request: Event, answer: Event) -> Exchange:
    # V2 bodies say `inputs`, V1 bodies `instances`; the event does not say which URL was asked.
    is_v1 = b'"instances"' in request.body[:4096] or b'"inputs"' not in request.body
    target = f"/v1/models/{request.service}:predict" if is_v1 else f"/v2/models/{request.service}/infer"
    return Exchange(
        request=Request(b"POST", target.encode(), [], request.body, request.time_seconds, request.id),
        answer=Answer(200, [], answer.body),
        error="",
        role=ROLE,
        assigned=ROLE,
        backend=request.service,
        digest="",
        step="",
        route_revision=NO_ROUTE,
        attempt=1,
        delivered=True,
        latency_seconds=0.0,
    )


def serve(
    folder: Path, host: str, port: int, limits: RecorderLimits | None = None
) -> tuple[ThreadingHTTPServer, Recorder, Joiner]:
    """Take events until the server is shut down; the recorder is to be closed then."""
    recorder, joiner = Recorder(folder, limits or RecorderLimits()), Joiner()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdecimal() or int(length) > LONGEST_BYTES:
                self.close_connection = True
                self._answer(413, b"an event of a known length is wanted\n")
                return
            body = self.rfile.read(int(length))
            try:
                exchange = joiner.take(Event.of({name.lower(): value for name, value in self.headers.items()}, body))
            except ValueError as error:
                joiner.counts.refused += 1
                self._answer(400, f"{error}\n".encode())
                return
            if exchange is not None:
                recorder.offer(exchange)
            self._answer(200, b"")

        def do_GET(self) -> None:
            if self.path != "/metrics":
                self._answer(404, b"/metrics\n")
                return
            counts = {
                **vars(joiner.counts),
                "written": recorder.counts.written,
                "unwritten": recorder.counts.dropped_full,
            }
            lines = [f'penstock_logger_events_total{{became="{name}"}} {count}\n' for name, count in counts.items()]
            self._answer(200, "".join(lines).encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Events are not worth a line each."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="cloud-events", daemon=True).start()
    return server, recorder, joiner


def main() -> None:
    """Take events until SIGTERM or SIGINT, then write what waits."""
    import signal

    parser = argparse.ArgumentParser(prog="python -m penstock.serving.cloud_events", description=__doc__)
    parser.add_argument("--log", type=Path, required=True, help="folder of the prediction log")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8080)
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server, recorder, _ = serve(arguments.log, arguments.host, arguments.port)
    stop.wait()
    server.shutdown()
    recorder.close()


if __name__ == "__main__":
    main()
