"""What the controller answers over HTTP: whether it lives, whether it is ready, and its metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Pages:
    """Where the answers come from."""

    is_alive: Callable[[], bool]
    is_ready: Callable[[], bool]
    metrics: Callable[[], bytes]

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a path."""
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4; charset=utf-8", self.metrics()
        asked = {"/healthz": self.is_alive, "/readyz": self.is_ready}.get(path)
        if asked is None:
            return 404, "text/plain", b"/healthz, /readyz, /metrics\n"
        return (200, "text/plain", b"ok\n") if asked() else (503, "text/plain", b"no\n")


def serve(pages: Pages, host: str, port: int) -> ThreadingHTTPServer:
    """Answer in a thread of its own, until the server is shut down."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            status, kind, body = pages.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes and scrapes are not worth a line."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="pages", daemon=True).start()
    return server
