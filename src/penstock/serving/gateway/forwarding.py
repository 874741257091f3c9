"""Leading a request to an answer, whatever dies meanwhile, and mirroring it.

A prediction may be asked for twice, so a model server that dies takes no request with it: the next one answers, and
where there is none, the request waits for one to come back, for as long as the gateway is patient. A request that broke
two servers is not tried on a third: it may be what broke them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.serving.gateway.exchange import Exchange
from penstock.serving.gateway.messages import BUNDLE, REQUEST_ID, Answer, Request, say
from penstock.serving.gateway.routing import Choice, Route, choose
from penstock.serving.gateway.upstream import Backend, Endpoint, NoAnswer

if TYPE_CHECKING:
    from penstock.serving.gateway.metrics import Metrics
    from penstock.serving.gateway.recorder import Recorder
    from penstock.serving.prediction_log import Role

Ask = Callable[[Endpoint, bool], Awaitable[Answer]]
"""Asks one process, as a shadow or not, and raises `NoAnswer`."""
_BROKEN_MOST = 2
"""So many tries may break off in the middle."""
_NOT_READY = 503
"""What a model server says while it is starting or stopping: no answer, and no reason to fail."""


@dataclass(frozen=True)
class Patience:
    """How long things may take."""

    answer_seconds: float = 30.0
    """One try of a model server [s]."""
    waiting_seconds: float = 30.0
    """How long a request waits for a model server to come back [s]."""
    waiting_requests: int = 20_000
    """How many requests may wait so; more are refused with 503."""
    mirrors: int = 64
    """Requests that are with a shadow at once; more are not mirrored, and counted."""


@dataclass
class State:
    """The route in effect and the backends that it names."""

    route: Route | None = None
    revision: int = 0
    backends: dict[str, Backend] = field(default_factory=dict)

    def set_route(self, route: Route) -> None:
        """Put another route into effect, for every request that comes from now on."""
        self.route, self.revision = route, self.revision + 1


class Forwarder:
    """Answers requests by the model servers of a state.

    Args:
        state: Route and backends; others may change it at any time.
        recorder: Gets every try of a prediction; None logs nothing.
        metrics: Counts.
        patience: How long things may take.
    """

    def __init__(
        self, state: State, recorder: Recorder | None, metrics: Metrics, patience: Patience = Patience()
    ) -> None:
        self.state = state
        self.in_flight = 0
        self.waiting = 0
        self._recorder = recorder
        self._metrics = metrics
        self._patience = patience
        self._mirrors: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Wake the requests that wait: a backend is back, or the route is another."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def handle(self, request: Request, ask: Ask | None = None) -> Answer:
        """Answer one request.

        Args:
            request: The request.
            ask: Asks one process of a model server; over HTTP when None.
        """
        request.identify()
        self.in_flight += 1
        begun = time.perf_counter()
        try:
            answer = await self._lead(request, ask or self._over_http(request))
        finally:
            self.in_flight -= 1
        answer.headers.append((REQUEST_ID, request.id.encode()))
        self._metrics.answered(answer.status, time.perf_counter() - begun)
        return answer

    def _over_http(self, request: Request) -> Ask:
        data = request.encode()
        seconds = self._patience.answer_seconds

        async def ask(endpoint: Endpoint, shadow: bool) -> Answer:
            return await endpoint.ask(request.encode(shadow=True) if shadow else data, seconds)

        return ask

    async def _lead(self, request: Request, ask: Ask) -> Answer:
        repeatable = request.may_be_repeated()
        end = time.monotonic() + self._patience.waiting_seconds
        attempts = broken = 0
        why = "none is up"
        mirrored = False
        while True:
            led = self._led(request, ask)
            if led.choice.shadow and not mirrored and request.model()[0]:
                mirrored = True
                self._mirror(led)
            for backend, endpoint in self._tries(led.choice):
                attempts += 1
                try:
                    return await self._try(led, backend, endpoint, attempts)
                except NoAnswer as error:
                    broken += error.sent
                    if error.sent and (not repeatable or broken >= _BROKEN_MOST):
                        return say(502, f"the model server gave no answer: {error}")
                    why = f"{backend.name}: {error}"
            left = end - time.monotonic()
            if left <= 0 or self.waiting >= self._patience.waiting_requests:
                return say(503, f"no model server answers ({why}); try again later")
            await self._wait(left)

    def _led(self, request: Request, ask: Ask) -> _Led:
        """What the route says of a request now; before there is one, nobody answers."""
        route = self.state.route
        if route is None:
            return _Led(request, ask, Choice("stable", (), ""), "", 0)
        return _Led(request, ask, choose(request.id, route), route.step, self.state.revision)

    def _tries(self, choice: Choice) -> list[tuple[Backend, Endpoint]]:
        backends = [found for name in choice.backends if (found := self.state.backends.get(name)) is not None]
        return [(backend, endpoint) for backend in backends for endpoint in backend.tries()]

    async def _wait(self, seconds: float) -> None:
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass
        finally:
            self.waiting -= 1

    async def _try(self, led: _Led, backend: Backend, endpoint: Endpoint, attempt: int) -> Answer:
        """Ask one process; that it is not ready is no answer. Noted either way, unless it never heard of it."""
        role: Role = "stable" if backend.name == led.stable else "canary"
        begun = time.perf_counter()
        try:
            answer = await led.ask(endpoint, False)
        except NoAnswer as error:
            if error.sent:
                seconds = time.perf_counter() - begun
                self._note(led.exchange(role, backend, None, str(error), "", attempt, False, seconds))
            raise
        seconds = time.perf_counter() - begun
        delivered = answer.status != _NOT_READY
        self._note(led.exchange(role, backend, answer, "", self._digest(answer, backend), attempt, delivered, seconds))
        if not delivered:
            endpoint.mark_away()
            raise NoAnswer("it is not ready", sent=False)
        return answer

    def _digest(self, answer: Answer, backend: Backend) -> str:
        """Whose answer it is: the server's own word, else what is known of it. It is in every answer."""
        said = answer.header(BUNDLE).decode("latin-1")
        if not said:
            answer.headers.append((BUNDLE, backend.digest.encode()))
        elif backend.digest and said != backend.digest:
            self._metrics.unexpected_bundles.inc()
        return said or backend.digest

    def _mirror(self, led: _Led) -> None:
        """Send a request to the shadow as well, without waiting for what it says."""
        if len(self._mirrors) >= self._patience.mirrors:
            self._metrics.mirrors_dropped.inc()
            return
        task = asyncio.get_running_loop().create_task(self._ask_shadow(led))
        self._mirrors.add(task)
        task.add_done_callback(self._mirrors.discard)

    async def _ask_shadow(self, led: _Led) -> None:
        backend = self.state.backends.get(led.choice.shadow)
        endpoints = backend.tries() if backend is not None else []
        if backend is None or not endpoints:
            self._metrics.mirrors_dropped.inc()
            return
        begun = time.perf_counter()
        answer: Answer | None = None
        why = digest = ""
        try:
            answer = await led.ask(endpoints[0], True)
            digest = self._digest(answer, backend)
        except NoAnswer as error:
            why = str(error)
        self._note(led.exchange("shadow", backend, answer, why, digest, 1, False, time.perf_counter() - begun))

    def _note(self, exchange: Exchange) -> None:
        self._metrics.exchanged(exchange)
        if self._recorder is not None and exchange.request.model()[0]:
            self._recorder.offer(exchange)


@dataclass(frozen=True, slots=True)
class _Led:
    """A request on its way, with what the route said of it."""

    request: Request
    ask: Ask
    choice: Choice
    step: str
    revision: int

    @property
    def stable(self) -> str:
        """The stable backend when the choice was made."""
        return self.choice.backends[0 if self.choice.assigned == "stable" else -1]

    def exchange(  # noqa: PLR0917  # one caller's eight findings, in the order of the log
        self,
        role: Role,
        backend: Backend,
        answer: Answer | None,
        error: str,
        digest: str,
        attempt: int,
        delivered: bool,
        seconds: float,
    ) -> Exchange:
        """What one try came to."""
        return Exchange(
            request=self.request,
            answer=answer,
            error=error,
            role=role,
            assigned=self.choice.assigned,
            backend=backend.name,
            digest=digest,
            step=self.step,
            route_revision=self.revision,
            attempt=attempt,
            delivered=delivered,
            latency_seconds=seconds,
        )


def make_backend(
    name: str, digest: str, addresses: list[tuple[str, int, str]], forwarder: Forwarder, known: Mapping[str, Backend]
) -> Backend:
    """A backend of these processes; those that it had before keep their connections.

    Args:
        name: Its name.
        digest: The digest of its bundle.
        addresses: Host, port, and the address for gRPC or an empty one, of each process.
        forwarder: Told when one of them is there.
        known: The backends that there are.
    """
    before = {(e.host, e.port, e.grpc_address): e for e in known[name].endpoints} if name in known else {}
    kept = []
    for host, port, grpc_address in addresses:
        same = before.pop((host, port, grpc_address), None)
        kept.append(same or Endpoint(host, port, forwarder.changed, grpc_address=grpc_address))
    for gone in before.values():
        gone.close()
    return Backend(name, digest, kept)
