"""A gateway and its model servers on this machine, as one thing that a plan can drive.

A thread of its own looks after the processes: what dies is started again and named to the gateway anew, and a gateway
that died is told the backends and the route again. The gateway's port is this process's: while a gateway starts again,
its clients wait in the kernel's queue.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.sdk import BadInput, PenstockError
from penstock.serving.bundle import Bundle
from penstock.serving.gateway.routing import Route
from penstock.serving.twins.gateway_client import GatewayAway, GatewayClient
from penstock.serving.twins.programs import Program, Programs
from penstock.serving.twins.supervised import Phase, Supervised
from penstock.storage.locks import try_lock

NAMES = ("a", "b")
"""What the two backends are called."""
_BACKLOG = 2048
_TEND_SECONDS = 0.05
_GATEWAY_PATIENCE_SECONDS = 30.0
_MODEL_REFUSED = 3
_BAD_ARGUMENT = 2
_GATEWAY = "penstock.serving.gateway"
_SERVER = "penstock.serving.server"


@dataclass(frozen=True)
class ServingOptions:
    """How the gateway and the model servers are run."""

    model_name: str
    """The name in the URL."""
    host: str = "127.0.0.1"
    """The address that the gateway listens on."""
    port: int = 8080
    """The port that the gateway listens on; 0 for any free one."""
    grpc_port: int | None = None
    """The port that the gateway answers gRPC on; None for none."""
    log_file_seconds: float = 2.0
    """How long a file of the prediction log is open [s]: until then nobody can read it."""
    waiting_seconds: float = 60.0
    """How long a request waits for a model server that is being started again [s]."""
    fallback: Bundle | None = None
    """The bundle that answers, behind every model that is served, when that fails or its input does not fit it."""


@dataclass(frozen=True)
class _Ports:
    rest: int
    grpc: int | None


@dataclass
class _Twin:
    bundle: Bundle
    servers: list[Supervised]
    ports: dict[int, _Ports]
    """By the number of the server."""
    announced: list[_Ports] = field(default_factory=list)


class LocalServing:
    """A gateway and up to two named model servers, each of one process or several.

    Args:
        programs: How programs of the serving environment are started.
        folder: Where sockets, logs and the prediction log are; one at a time may have it.
        options: How they are run.
        tell: Told in one line what happened to a process.

    Raises:
        BadInput: The folder is another's, or the port is taken (caller).
        PenstockError: The gateway does not start (operator).
    """

    def __init__(
        self, programs: Programs, folder: Path, options: ServingOptions, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.folder = folder
        self.options = options
        self._programs = programs
        self._tell = tell
        self._twins: dict[str, _Twin] = {}
        self._route: Route | None = None
        self._route_told: Route | None = None
        self._gateways_told = 0
        self._changing = threading.RLock()
        self._stopping = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "lock")
        try:
            self._listening = _listen(options.host, options.port)
            self.port = int(self._listening.getsockname()[1])
            self.gateway = GatewayClient(folder / "gateway.sock")
            self._gateway = Supervised(self._start_gateway, frozenset({_BAD_ARGUMENT}))
            self._wait_for_gateway()
        except BaseException:
            self.close()
            raise
        self._thread = threading.Thread(target=self._tend, name="twins", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where predictions are asked for."""
        return f"http://{self.options.host}:{self.port}/v1/models/{self.options.model_name}:predict"

    @property
    def log_folder(self) -> Path:
        """The prediction log."""
        return self.folder / "predictions"

    def start(self, name: str, bundle: Bundle, *, processes: int = 1) -> None:
        """Start model servers on a bundle; they get no requests until a route says so. Does not wait.

        Raises:
            BadInput: The name is in use (caller).
        """
        with self._changing:
            if name in self._twins:
                raise BadInput(f"{name} is serving already", "Stop it first")
            ports: dict[int, _Ports] = {}
            twin = _Twin(bundle, [], ports)
            for number in range(processes):
                starter = self._server_starter(name, number, bundle, ports)
                twin.servers.append(Supervised(starter, frozenset({_MODEL_REFUSED, _BAD_ARGUMENT})))
            self._twins[name] = twin
            self._announce(name)

    def stop(self, name: str) -> None:
        """End the model servers of a name, once they have answered what they were asked. Harmless when there are none.

        Raises:
            PenstockError: The route names it (caller).
        """
        with self._changing:
            if name not in self._twins:
                return
            if self._route is not None and name in {self._route.stable, self._route.candidate}:
                raise PenstockError(f"{name} is on the route: set another one first")
            twin = self._twins.pop(name)
        self._patiently(lambda: self.gateway.remove_backend(name))
        for server in twin.servers:
            server.stop()

    def set_route(self, route: Route) -> None:
        """Put a route into effect: one write, for every request from then on.

        Raises:
            PenstockError: It names a backend that is not there (caller), or the gateway stays away (operator).
        """
        with self._changing:
            self._patiently(lambda: self.gateway.set_route(route))
            self._route = self._route_told = route

    @property
    def route(self) -> Route | None:
        """The route that was set last."""
        return self._route

    def bundles(self) -> dict[str, str]:
        """The digest of each name's bundle."""
        with self._changing:
            return {name: twin.bundle.digest for name, twin in sorted(self._twins.items())}

    def is_ready(self, name: str) -> bool:
        """Whether every process of a name has said that it is ready.

        Raises:
            PenstockError: Its model cannot be served (whoever made the bundle).
        """
        with self._changing:
            twin = self._twins.get(name)
            if twin is None:
                return False
            for server in twin.servers:
                if server.phase is Phase.REFUSED:
                    raise PenstockError(f"{name} cannot serve: it {server.why}")
                if server.phase is not Phase.RUNNING:
                    return False
        try:
            endpoints = self.gateway.state()["backends"][name]["endpoints"]
        except (GatewayAway, KeyError):
            return False
        return all(endpoint["up"] for endpoint in endpoints)

    def wait_until_ready(self, name: str, patience_seconds: float) -> None:
        """Wait until a name is ready.

        Raises:
            PenstockError: Its model cannot be served, or it is not ready in time.
        """
        end = time.monotonic() + patience_seconds
        while not self.is_ready(name):
            if time.monotonic() >= end:
                raise PenstockError(f"{name} is not ready within {patience_seconds:g} s")
            time.sleep(_TEND_SECONDS)

    def swap(self, bundle: Bundle, patience_seconds: float, *, processes: int = 1, step: str = "") -> str:
        """Serve another bundle instead of the present one: no request meets both, none meets neither.

        Returns:
            The name that serves it.

        Raises:
            PenstockError: It cannot be served, or not in time; what served before goes on.
        """
        before = self._route.stable if self._route is not None else ""
        name = next(free for free in NAMES if free != before)
        self.stop(name)
        self.start(name, bundle, processes=processes)
        try:
            self.wait_until_ready(name, patience_seconds)
        except BaseException:
            self.stop(name)
            raise
        self.set_route(Route(stable=name, step=step))
        if before:
            self.stop(before)
        return name

    def state(self) -> dict[str, Any]:
        """Everything at once, as JSON has it: processes, bundles, and what the gateway says."""
        with self._changing:
            twins = {
                name: {
                    "digest": twin.bundle.digest,
                    "processes": [
                        {"pid": s.program.pid, "phase": s.phase.value, "restarts": s.restarts, "why": s.why}
                        for s in twin.servers
                    ],
                }
                for name, twin in sorted(self._twins.items())
            }
            gateway = {"pid": self._gateway.program.pid, "phase": self._gateway.phase.value}
        try:
            said: dict[str, Any] | None = self.gateway.state()
        except GatewayAway:
            said = None
        fallback = self.options.fallback.digest if self.options.fallback else None
        return {"url": self.url, "fallback": fallback, "gateway": {**gateway, "state": said}, "twins": twins}

    def close(self) -> None:
        """End everything in order: the gateway answers what it was asked, then the model servers end."""
        self._stopping.set()
        if hasattr(self, "_thread"):
            self._thread.join()
        if hasattr(self, "_gateway"):
            self._gateway.stop()
        for twin in self._twins.values():
            for server in twin.servers:
                server.stop()
        if hasattr(self, "_listening"):
            self._listening.close()
        os.close(self._lock)

    def __enter__(self) -> LocalServing:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Starting.

    def _start_gateway(self) -> Program:
        admin = self.folder / "gateway.sock"
        admin.unlink(missing_ok=True)  # one whose supervisor was killed may drain still: it is not ours to speak to
        fd = self._listening.fileno()
        arguments = [
            *("--fd", str(fd), "--admin", str(admin), "--log", str(self.log_folder)),
            *("--log-file-seconds", str(self.options.log_file_seconds)),
            *("--waiting-seconds", str(self.options.waiting_seconds)),
        ]
        if self.options.grpc_port is not None:
            arguments += ["--grpc", f"{self.options.host}:{self.options.grpc_port}"]
        return self._programs.start(_GATEWAY, arguments, self.folder / "gateway.log", [fd])

    def _wait_for_gateway(self) -> None:
        end = time.monotonic() + _GATEWAY_PATIENCE_SECONDS
        while True:
            try:
                self.gateway.state()
                return
            except GatewayAway:
                if self._gateway.program.ended() is not None or time.monotonic() > end:
                    words = self._gateway.program.last_words()
                    raise PenstockError(f"the gateway does not start: {words}") from None
            time.sleep(0.02)

    def _server_starter(
        self, name: str, number: int, bundle: Bundle, ports: dict[int, _Ports]
    ) -> Callable[[], Program]:
        def start() -> Program:
            # A port of its own each time: a request must never wait on one whose server is still loading.
            with socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG) as listening:
                fd = listening.fileno()
                ports[number] = _Ports(int(listening.getsockname()[1]), self._free_grpc_port())
                arguments = ["--model-dir", str(bundle.model_folder), "--model-name", self.options.model_name]
                if ports[number].grpc is not None:
                    arguments += ["--grpc", f"127.0.0.1:{ports[number].grpc}"]
                if self.options.fallback is not None:
                    arguments += ["--fallback-dir", str(self.options.fallback.model_folder)]
                log = self.folder / f"{name}-{number}.log"
                return self._programs.start(_SERVER, [*arguments, "--fd", str(fd)], log, [fd])

        return start

    def _free_grpc_port(self) -> int | None:
        """A port that is free now: gRPC takes no socket. Should another be quicker, the server is started again."""
        if self.options.grpc_port is None:
            return None
        with socket.create_server(("127.0.0.1", 0)) as found:
            return int(found.getsockname()[1])

    # Looking after it.

    def _tend(self) -> None:
        while not self._stopping.wait(_TEND_SECONDS):
            try:
                with self._changing:
                    self._tend_once()
            except GatewayAway:
                continue  # it is being started again
            except (OSError, PenstockError) as error:
                self._tell(str(error))

    def _tend_once(self) -> None:
        if said := self._gateway.tend():
            self._tell(f"the gateway {said}")
        if self._gateway.restarts != self._gateways_told:  # another gateway, which knows nothing
            self._gateways_told, self._route_told = self._gateway.restarts, None
            for twin in self._twins.values():
                twin.announced = []
        for name, twin in self._twins.items():
            for server in twin.servers:
                if said := server.tend():
                    self._tell(f"model server {name} {said}")
            self._announce(name)
        if self._route is not None and self._route_told != self._route:
            self.gateway.set_route(self._route)
            self._route_told = self._route

    def _announce(self, name: str) -> None:
        """Say to the gateway where a name's processes are, if it does not know."""
        twin = self._twins[name]
        ports = [found for _, found in sorted(twin.ports.items())]
        if ports != twin.announced:
            addresses = [f"127.0.0.1:{found.rest}" for found in ports]
            grpc = [f"127.0.0.1:{found.grpc}" for found in ports if found.grpc is not None]
            self.gateway.set_backend(name, twin.bundle.digest, addresses, grpc)
            twin.announced = ports

    def _patiently(self, ask: Callable[[], object]) -> None:
        """Ask the gateway, again once it was started again."""
        end = time.monotonic() + _GATEWAY_PATIENCE_SECONDS
        while True:
            try:
                ask()
                return
            except GatewayAway:
                if time.monotonic() > end:
                    raise
            time.sleep(_TEND_SECONDS)
            with self._changing, suppress(GatewayAway):
                self._tend_once()


def _lock(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not try_lock(lock):
        os.close(lock)
        raise BadInput(f"{path.parent} is being served already", "End that first, or use another --home")
    return lock


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"cannot listen on {host}:{port}: {why.lower()}", "Name another port with --port") from None
