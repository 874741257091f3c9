"""`penstock controller` as a process of its own, and what is written while it runs."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from penstock.releasing.kubernetes.api import HTTP_ROUTES, Api, Gone
from penstock.releasing.kubernetes.leases import LeaseObject
from penstock.releasing.port import Unavailable
from tests.servers.kubernetes import Cluster
from tests.servers.processes import Program, free_port

PATIENCE_SECONDS = 120.0


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS, every: float = 0.05) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(every)


class Process(Program):
    """A controller for one namespace, which has the Lease too."""

    def __init__(self, server: Cluster, namespace: str, log: Path, *options: str) -> None:
        self.port = free_port()
        program = str(Path(sys.executable).parent / "penstock")
        command = [program, "controller", f"--namespace={namespace}", f"--lease-namespace={namespace}"]
        command += [f"--port={self.port}", *options]
        environment = {**os.environ, "KUBECONFIG": str(server.kubeconfig)}
        super().__init__(command, log, lambda: self.answer("/healthz") == 200, environment)

    def answer(self, path: str) -> int:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False).status_code

    def metric(self, series: str) -> float:
        """The value of a series; 0 where it has not been counted."""
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False).text
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{series} ")), 0.0)

    def leads(self) -> bool:
        return self.metric("penstock_controller_leads") == 1.0

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def lines(self) -> list[dict[str, Any]]:
        """What it logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def holder(api: Api, namespace: str) -> str:
    """Who has the Lease."""
    lease = LeaseObject(api, namespace).read()
    return str(lease[0].get("holderIdentity") or "") if lease else ""


class Weights:
    """Every split that a route ever had, by the generation of the route: none can be written unseen."""

    def __init__(self, api: Api, namespace: str, name: str = "flights-release") -> None:
        self._api, self._namespace, self._name = api, namespace, name
        self.of: dict[int, dict[str, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Weights:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                routes, version = self._api.list(HTTP_ROUTES, self._namespace)
                for route in routes:
                    self._note(route)
                for _, route in self._api.watch(HTTP_ROUTES, version, self._namespace):
                    self._note(route)
            except (Unavailable, Gone):
                self._stop.wait(0.02)

    def _note(self, route: dict[str, Any]) -> None:
        if route["metadata"].get("name") == self._name:  # A bookmark has no name.
            refs = route["spec"]["rules"][0]["backendRefs"]
            self.of[route["metadata"]["generation"]] = {each["name"]: each["weight"] for each in refs}

    @property
    def newest(self) -> int:
        """The newest generation."""
        return max(self.of)

    def since(self, generation: int) -> list[dict[str, int]]:
        """All splits since a generation, that one included."""
        assert set(range(generation, self.newest + 1)) <= set(self.of), "a write went unseen"
        return [self.of[each] for each in range(generation, self.newest + 1)]
