"""The real gateway with model servers behind it, as a test wants them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from penstock.serving.gateway.routing import Route
from penstock.serving.prediction_log import Prediction, log_files, read_predictions
from penstock.serving.twins.gateway_client import GatewayAway, GatewayClient

REPOSITORY = Path(__file__).parents[2]
PYTHON = REPOSITORY / ".venv-serving/bin/python"
_PATIENCE_SECONDS = 60.0


class Standing:
    """A stand-in for a model server; the same port again after it died."""

    def __init__(self, name: str, score: float) -> None:
        self.name, self.score = name, score
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.servers.model_server", self.name, str(self.port), str(self.score)]
        self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Gateway:
    """A running gateway and two stand-ins, `a` and `b`."""

    def __init__(self, folder: Path, *options: str, log: bool = True) -> None:
        self.folder = folder
        self._seen = ""
        self.log = folder / "predictions"
        self.client = GatewayClient(folder / "gateway.sock")
        self._stack = ExitStack()
        self.servers = {name: Standing(name, score) for name, score in (("a", 0.25), ("b", 0.75))}
        for server in self.servers.values():
            self._stack.callback(server.kill)
        listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = listening.getsockname()[1]
        fd = listening.fileno()
        command = [str(PYTHON), "-m", "penstock.serving.gateway", "--fd", str(fd), "--end-with-stdin"]
        command += ["--admin", str(folder / "gateway.sock"), "--log-file-seconds", "0.2", *options]
        command += ["--log", str(self.log)] if log else []
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, pass_fds=[fd]
        )
        listening.close()
        self._stack.callback(self.stop)
        self.http = self._stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60))
        until(self._is_there)
        for name, server in self.servers.items():
            self.client.set_backend(name, f"sha256:{name}", [server.address])
        until(lambda: all(self.is_up(name) for name in self.servers))

    def _is_there(self) -> bool:
        try:
            self.client.state()
        except GatewayAway:
            assert self.process.poll() is None, self.process.stderr.read()
            return False
        return True

    def is_up(self, name: str) -> bool:
        return all(e["up"] for e in self.client.state()["backends"][name]["endpoints"])

    def predict(self, *rows: dict, id: str = "") -> httpx.Response:
        headers = {"x-request-id": id} if id else {}
        return self.http.post("/v1/models/small:predict", json={"instances": list(rows)}, headers=headers)

    def logged(self, count: int) -> list[Prediction]:
        """What was logged since the last reset, once there are so many records."""
        until(lambda: len(list(read_predictions(log_files(self.log, after=self._seen)))) >= count)
        return list(read_predictions(log_files(self.log, after=self._seen)))

    def reset(self, route: Route) -> None:
        """As it was at first: both servers up, a route, and a log to which nothing more comes."""
        for name, server in self.servers.items():
            if server.process.poll() is not None:
                server.kill()
                server.start()
            self.client.set_backend(name, f"sha256:{name}", [server.address])
        self.client.set_route(route)
        until(lambda: all(self.is_up(name) for name in self.servers) and self._is_written())
        self._seen = max((path.name for path in log_files(self.log)), default="")

    def _is_written(self) -> bool:
        state = self.client.state()
        log = state["prediction_log"]
        done = log["written"] + log["dropped_full"] + log["dropped_failed"]
        return done == log["offered"] and not any(b["in_flight"] for b in state["backends"].values())

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = [line for line in self.http.get("/metrics").text.splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(40)
        for pipe in (self.process.stdin, self.process.stderr):
            pipe.close()
        return code

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def until(happened, patience_seconds: float = _PATIENCE_SECONDS) -> None:
    """Wait until something is so."""
    end = time.monotonic() + patience_seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
