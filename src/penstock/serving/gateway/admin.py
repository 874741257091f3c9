"""The side of the supervisor: set the route as a whole, name backends and take them away, read the state.

On a socket of its own that only this user can open: whoever sets the weights decides who answers.

    GET    /state                what is in effect, as JSON
    PUT    /backends/NAME        {"digest": "sha256:...", "addresses": ["127.0.0.1:8081"]}
    DELETE /backends/NAME        waits until it has answered what it was asked
    PUT    /route                a `Route`
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.serving.gateway.forwarding import Forwarder, State, make_backend
from penstock.serving.gateway.messages import Answer, Request, json_answer, say
from penstock.serving.gateway.routing import Route

if TYPE_CHECKING:
    from penstock.serving.gateway.recorder import RecorderCounts

_DRAIN_SECONDS = 30.0


class BackendSpec(BaseModel):
    """A backend as the supervisor names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    digest: str = ""
    """The digest of its bundle."""
    addresses: tuple[str, ...] = Field(min_length=1)
    """Where its processes listen, as `host:port`."""
    grpc_addresses: tuple[str, ...] = ()
    """Where they answer gRPC, in the same order; empty where they do not."""


class Admin:
    """Answers the supervisor.

    Args:
        forwarder: Whose state it is.
        log: The prediction log's counts; None without one.
    """

    def __init__(self, forwarder: Forwarder, log: RecorderCounts | None) -> None:
        self._forwarder = forwarder
        self._log = log

    async def handle(self, request: Request) -> Answer:
        """Do what is asked, or say what is wrong with it."""
        target = request.target.decode("latin-1")
        method = request.method.decode("latin-1")
        try:
            if (method, target) == ("GET", "/state"):
                return json_answer(200, self.describe())
            if (method, target) == ("PUT", "/route"):
                return self._set_route(Route.model_validate_json(request.body))
            if target.startswith("/backends/") and method in {"PUT", "DELETE"}:
                name = target.removeprefix("/backends/")
                if method == "DELETE":
                    return await self._remove(name)
                return self._add(name, BackendSpec.model_validate_json(request.body))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            return say(400, f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}")
        return say(404, f"{method} {target}: there is no such thing")

    def describe(self) -> dict[str, Any]:
        """The state as JSON."""
        state = self._state
        return {
            "route": state.route.model_dump() if state.route else None,
            "revision": state.revision,
            "in_flight": self._forwarder.in_flight,
            "waiting": self._forwarder.waiting,
            "backends": {
                name: {
                    "digest": backend.digest,
                    "in_flight": backend.in_flight,
                    "endpoints": [{"address": f"{e.host}:{e.port}", "up": e.up} for e in backend.endpoints],
                }
                for name, backend in sorted(state.backends.items())
            },
            "prediction_log": asdict(self._log) if self._log is not None else None,
        }

    @property
    def _state(self) -> State:
        return self._forwarder.state

    def _set_route(self, route: Route) -> Answer:
        for name in (route.stable, route.candidate):
            if name and name not in self._state.backends:
                return say(409, f"there is no backend {name!r}")
        self._state.set_route(route)
        self._forwarder.changed()
        return json_answer(200, self.describe())

    def _add(self, name: str, spec: BackendSpec) -> Answer:
        if spec.grpc_addresses and len(spec.grpc_addresses) != len(spec.addresses):
            return say(400, "grpc_addresses: there must be one for each address, or none")
        addresses = []
        for address, grpc_address in zip_longest(spec.addresses, spec.grpc_addresses, fillvalue=""):
            host, _, port = address.rpartition(":")
            if not host or not port.isdigit() or int(port) > 65535:
                return say(400, f"addresses: {address!r} is not host:port")
            addresses.append((host, int(port), grpc_address))
        known = self._state.backends
        known[name] = make_backend(name, spec.digest, addresses, self._forwarder, known)
        self._forwarder.changed()
        return json_answer(200, self.describe())

    async def _remove(self, name: str) -> Answer:
        route = self._state.route
        if route is not None and name in {route.stable, route.candidate}:
            return say(409, f"the route names {name!r}: set another one first")
        backend = self._state.backends.pop(name, None)
        if backend is None:
            return say(404, f"there is no backend {name!r}")
        end = time.monotonic() + _DRAIN_SECONDS
        while backend.in_flight and time.monotonic() < end:
            await asyncio.sleep(0.01)
        backend.close()
        return json_answer(200, self.describe())
