"""A real Prometheus, and a target for it to scrape whose counters a test sets."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.servers.processes import free_port, serving

PROGRAM = Path("/usr/bin/prometheus")
_CONFIGURATION = """
global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs:
  - job_name: target
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Target:
    """Counters that Prometheus scrapes."""

    def __init__(self) -> None:
        self.url = ""
        self._text = ""
        self.scrapes = 0
        self._scraped = threading.Condition()

    def show(self, counters: Mapping[str, float]) -> None:
        """Set all of them, and wait until Prometheus has seen them."""
        with self._scraped:
            self._text = "".join(f"{series} {value}\n" for series, value in counters.items())
            since = self.scrapes
            # One scrape may have begun before; the one after the next has certainly ended when another begins.
            if not self._scraped.wait_for(lambda: self.scrapes >= since + 3, timeout=30):
                raise TimeoutError("Prometheus does not scrape")

    def read(self) -> bytes:
        """What a scrape gets."""
        with self._scraped:
            self.scrapes += 1
            self._scraped.notify_all()
            return self._text.encode()


@contextlib.contextmanager
def prometheus(folder: Path) -> Iterator[tuple[str, Target]]:
    """Run a Prometheus and its target on loopback until the block ends."""
    target = Target()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = target.read()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    scraped = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=scraped.serve_forever, daemon=True).start()
    try:
        target.url = f"http://127.0.0.1:{scraped.server_port}"
        configuration = folder / "prometheus.yml"
        configuration.write_text(_CONFIGURATION.format(port=scraped.server_port))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = [
            str(PROGRAM),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with serving(command, folder / "prometheus.log", lambda: httpx.get(f"{url}/-/ready").status_code == 200):
            yield url, target
    finally:
        scraped.shutdown()
        scraped.server_close()
