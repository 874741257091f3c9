"""The port `Cluster` over two model servers and a gateway of this machine.

Model servers live as long as the process that looks after them, so what they were made for is remembered in memory,
and so is the route: after a restart nothing is there, and the plan has it made again. The route is kept apart from
what the gateway is told, as on a cluster: it may say more than the gateway can do yet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, assert_never
from urllib.parse import unquote, urlsplit

from penstock.releasing.local.store import ReleaseStore, Stored
from penstock.releasing.local.timeline import Timeline, seen_of
from penstock.releasing.planning.actions import Action, ApplyTwin, DeleteTwin, SetRoute, Tell
from penstock.releasing.planning.observed import Observed, Room, RouteSeen, TwinSeen
from penstock.releasing.port import Conflict, Key, Look, Unavailable
from penstock.releasing.resource.bundle import Bundle, Version
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus, Split, Twin
from penstock.sdk import BadInput, PenstockError
from penstock.serving.bundle import Bundle as OpenBundle
from penstock.serving.bundle import open_bundle
from penstock.serving.gateway.routing import Route

MODE = "local"
"""How traffic is split here: by our own gateway."""


class ModelServers(Protocol):
    """What is needed of `penstock.serving.twins.local_serving.LocalServing`."""

    @property
    def route(self) -> Route | None:
        """The route that was set last."""
        ...

    def start(self, name: str, bundle: OpenBundle, *, processes: int = 1) -> None:
        """Start model servers on a bundle; does not wait."""
        ...

    def stop(self, name: str) -> None:
        """End the model servers of a name, once they have answered what they were asked."""
        ...

    def is_ready(self, name: str) -> bool:
        """Whether every process of a name is ready; raises PenstockError where it never will be."""
        ...

    def set_route(self, route: Route) -> None:
        """Put a route into effect."""
        ...

    def bundles(self) -> dict[str, str]:
        """The digest of each name's bundle."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything at once."""
        ...


@dataclass(frozen=True)
class _Declared:
    """The route as it is wanted."""

    split: Split
    revision: int
    serial: int


@dataclass(frozen=True)
class _Token:
    generation: int
    serial: int
    route: int


class LocalCluster:
    """One release over the model servers of one process.

    Args:
        store: Where releases are kept.
        servers: The model servers and their gateway. What they serve already is taken over.
        clock: The time, with its zone.
        served: The bundle that the model servers serve already; None for none.
        room: Says whether there is room for one more model server.
        tell: Told in one line what people are to know.
    """

    def __init__(
        self,
        store: ReleaseStore,
        servers: ModelServers,
        *,
        clock: Callable[[], datetime],
        served: OpenBundle | None = None,
        room: Callable[[Version], Room] = lambda _: Room(),
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._servers = servers
        self._clock = clock
        self._served = served
        self._room = room
        self._tell = tell
        self._versions: dict[Twin, Version] = {}
        self._failed: dict[Twin, tuple[Version, str]] = {}
        self._going: dict[Twin, threading.Thread] = {}
        self._route: _Declared | None = None
        self._timelines: dict[str, Timeline] = {}

    def look(self, key: Key) -> Look | None:
        """Read a release and everything of it; and tell the gateway what it can do now of the route that stands."""
        stored = self._store.find(key.name)
        if stored is None:
            return None
        self._adopt(stored)
        if self._is_for(stored.status):
            self._lead(stored.status)
        twins = {twin: seen for twin in Twin if (seen := self._see(twin)) is not None}
        observed = Observed(
            generation=stored.generation,
            twins=twins,
            route=self._see_route(),
            mode=MODE,
            refused=refusal(stored.spec),
            room=self._room(stored.spec.target),
        )
        token = _Token(stored.generation, stored.serial, self._route.serial if self._route else 0)
        return Look(key, stored.spec, stored.status, observed, token)

    def save(self, look: Look, status: ModelReleaseStatus) -> Look:
        """Write the status, and what it says of this moment into the timeline."""
        token = _token(look)
        serial = self._store.save(look.key.name, token.generation, token.serial, status)
        timeline = self._timelines.setdefault(look.key.name, self._store.timeline(look.key.name))
        timeline.add(seen_of(status, self._clock()))
        if self._is_for(status):
            self._lead(status)
        return replace(look, status=status, token=replace(token, serial=serial))

    def perform(self, look: Look, action: Action) -> None:
        """Do one thing that a plan asks for."""
        match action:
            case SetRoute(split, revision):
                now = self._route.serial if self._route else 0
                if now != _token(look).route:
                    raise Conflict("the route was written meanwhile")
                self._route = _Declared(split, revision, now + 1)
                self._lead(look.status)
            case ApplyTwin(twin, version):
                self._apply(twin, version, look.spec.scaling.min_replicas)
                self._lead(look.status)
            case DeleteTwin(twin):
                self._delete(twin)
            case Tell(_, _, text):
                self._tell(text)
            case _:
                assert_never(action)

    def _adopt(self, stored: Stored) -> None:
        """Take over what served before there was a release, as if a release had made it."""
        serving, served = self._servers.route, self._served
        if self._route or serving is None or served is None:
            return
        known = [bundle for bundle in (stored.spec.model, stored.spec.fallback) if bundle]
        named = [bundle for bundle in known if bundle.digest == served.digest]
        bundle = named[0] if named else Bundle(digest=served.digest, storage_uri=served.path.as_uri())
        twin = Twin(serving.stable)
        self._versions[twin] = Version(bundle=bundle, serving=stored.spec.serving)
        self._route = _Declared(Split.of(twin), stored.status.route.revision, 1)

    def _see(self, twin: Twin) -> TwinSeen | None:
        going = self._going.get(twin)
        if going and going.is_alive():
            return TwinSeen(self._versions.get(twin), ready=False, going=True)
        if going:
            self._going.pop(twin)
        if twin in self._failed:
            version, trouble = self._failed[twin]
            return TwinSeen(version, ready=False, trouble=trouble)
        if twin not in self._servers.bundles():
            return None
        try:
            return TwinSeen(self._versions.get(twin), ready=self._servers.is_ready(twin))
        except PenstockError as error:
            return TwinSeen(self._versions.get(twin), ready=False, trouble=str(error))

    def _see_route(self) -> RouteSeen | None:
        if self._route is None:
            return None
        shown = self._shown()
        live = shown is not None and shown == self._servers.route and split_of(shown) == self._route.split
        return RouteSeen(self._route.split, self._route.revision, live=live)

    def _shown(self) -> Route | None:
        """The route that the gateway follows; None where it has none, or does not say."""
        gateway = self._servers.state()["gateway"]["state"]
        return Route.model_validate(gateway["route"]) if gateway and gateway["route"] else None

    def _is_for(self, status: ModelReleaseStatus) -> bool:
        """Whether the route that stands is the one that a status wants: then its roles and its step are told too."""
        return self._route is not None and self._route.revision == status.route.revision

    def _lead(self, status: ModelReleaseStatus) -> None:
        """Tell the gateway what it can do of the route now.

        Raises:
            Unavailable: The gateway does not answer.
        """
        if self._route is None:
            return
        route = route_of(self._route.split, status, frozenset(Twin(name) for name in self._servers.bundles()))
        if route is None or route == self._servers.route == self._shown():
            return
        try:
            self._servers.set_route(route)
        except PenstockError as error:
            raise Unavailable(str(error)) from None

    def _apply(self, twin: Twin, version: Version, processes: int) -> None:
        self._failed.pop(twin, None)
        if twin in self._servers.bundles():
            if self._versions.get(twin) == version:
                return
            self._delete(twin)
        if twin in self._going:
            raise Unavailable(f"twin {twin} is still ending")
        try:
            self._servers.start(twin, opened(version.bundle), processes=processes)
        except PenstockError as error:
            self._failed[twin] = (version, str(error))
        self._versions[twin] = version

    def _delete(self, twin: Twin) -> None:
        """End a twin; that takes as long as its last answers do, so it is not waited for."""
        self._failed.pop(twin, None)
        if twin in self._servers.bundles() and twin not in self._going:
            self._going[twin] = threading.Thread(target=self._stop, args=(twin,), name=f"end-{twin}", daemon=True)
            self._going[twin].start()

    def _stop(self, twin: Twin) -> None:
        with suppress(PenstockError):  # it is on the route, or the gateway is away: the next look finds it there
            self._servers.stop(twin)


def route_of(split: Split, status: ModelReleaseStatus, there: frozenset[Twin]) -> Route | None:
    """What the gateway is told, given which model servers are there.

    Args:
        split: Who is to get how much.
        status: Which twin is which, and the step.
        there: Twins that have processes, ready or not: the gateway leads around those that are not.

    Returns:
        None where nothing can answer.

    Example:
        >>> route_of(Split.of(Twin.A), ModelReleaseStatus(), frozenset({Twin.A}))
        Route(stable='a', candidate='', canary_percent=0.0, shadow_percent=0.0, step='')
    """
    stable = status.stable.twin if status.stable else max(Twin, key=split.weight_of)
    candidate, trial = stable.other, status.trial
    share = split.weight_of(candidate)
    copies = split.mirror_percent if split.mirror_to is candidate else 0
    step = trial.step if status.candidate and trial else ""
    if stable not in there:
        return Route(stable=candidate, step=step) if share and candidate in there else None
    if candidate not in there or not (share or copies):
        return Route(stable=stable, step=step)
    return Route(stable=stable, candidate=candidate, canary_percent=share, shadow_percent=copies, step=step)


def split_of(route: Route) -> Split:
    """The shares that the gateway keeps to.

    Example:
        >>> split_of(Route(stable="b", candidate="a", canary_percent=5)).a_percent
        5
    """
    return Split.of(Twin(route.stable), round(route.canary_percent), round(route.shadow_percent))


def refusal(spec: ModelReleaseSpec) -> str:
    """Why a release cannot be carried out on this machine; empty where it can."""
    for bundle in (spec.model, spec.fallback):
        if bundle and folder_of(bundle) is None:
            return f"storageUri {bundle.storage_uri} is not on this machine: here it begins with file:///"
    return ""


def folder_of(bundle: Bundle) -> Path | None:
    """The folder of a bundle on this machine; None where its address is another's.

    Example:
        >>> folder_of(Bundle(digest="sha256:" + 64 * "0", storage_uri="file:///models/flights"))
        PosixPath('/models/flights')
    """
    parts = urlsplit(bundle.storage_uri)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path:
        return None
    return Path(unquote(parts.path))


def opened(bundle: Bundle) -> OpenBundle:
    """The bundle, every byte of it checked.

    Raises:
        BadInput: It is not there, is damaged, or is another one (whoever wrote the release).
    """
    folder = folder_of(bundle)
    if folder is None:
        raise BadInput(f"storageUri {bundle.storage_uri} is not on this machine")
    found = open_bundle(folder)
    if found.digest != bundle.digest:
        raise BadInput(f"the bundle in {folder} is {found.digest}, and the release names {bundle.digest}")
    return found


def _token(look: Look) -> _Token:
    if not isinstance(look.token, _Token):
        raise TypeError("a look of another cluster")
    return look.token
