"""Model servers that take their time, behind our own port; nothing here is a stand-in for a library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from penstock.sdk import PenstockError
from penstock.serving.bundle import Bundle
from penstock.serving.gateway.routing import Route


@dataclass
class FakeServers:
    """What `LocalServing` promises, without processes."""

    ready: dict[str, bool] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Digests whose model cannot be served."""
    running: dict[str, Bundle] = field(default_factory=dict)
    route: Route | None = None
    shown: Route | None = None
    """What the gateway follows; a killed gateway follows nothing for a moment."""
    routes: list[Route] = field(default_factory=list)

    def start(self, name: str, bundle: Bundle, *, processes: int = 1) -> None:
        assert name not in self.running
        self.running[name], self.ready[name] = bundle, False

    def stop(self, name: str) -> None:
        if self.route and name in {self.route.stable, self.route.candidate}:
            raise PenstockError(f"{name} is on the route")
        self.running.pop(name, None)

    def is_ready(self, name: str) -> bool:
        if self.running[name].digest in self.broken:
            raise PenstockError(f"{name} cannot serve")
        return self.ready[name]

    def set_route(self, route: Route) -> None:
        assert {route.stable, route.candidate} - {""} <= self.running.keys(), "the gateway refuses such a route"
        self.route = self.shown = route
        self.routes.append(route)

    def bundles(self) -> dict[str, str]:
        return {name: bundle.digest for name, bundle in sorted(self.running.items())}

    def state(self) -> dict[str, Any]:
        route = self.shown.model_dump() if self.shown else None
        return {"gateway": {"state": {"route": route}}, "twins": {}}
