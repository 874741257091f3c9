"""The port's Kubernetes adapter."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import ValidationError

from penstock.releasing.kubernetes.api import (
    EVENTS,
    INFERENCE_SERVICES,
    NODES,
    QUOTAS,
    RELEASES,
    Api,
    Kind,
    Refused,
    Thing,
)
from penstock.releasing.kubernetes.comparing import says
from penstock.releasing.kubernetes.modes import ROUTES, resolve_mode
from penstock.releasing.kubernetes.room import room_for
from penstock.releasing.kubernetes.routes.base import RouteKind, revision_of, route_name
from penstock.releasing.kubernetes.twins import inference_service, name_of, seen_as, version_of
from penstock.releasing.planning.actions import Action, ApplyTwin, DeleteTwin, SetRoute, Tell
from penstock.releasing.planning.draft import is_of
from penstock.releasing.planning.observed import Observed, Room, RouteSeen, TwinSeen
from penstock.releasing.port import Key, Look
from penstock.releasing.resource.names import API_VERSION, KIND, RELEASE_LABEL
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus, Twin
from penstock.sdk import BadInput
from penstock.sdk.params import explain

_GROUPS_SECONDS = 30.0


@dataclass(frozen=True)
class Found:
    """The objects of a release as they were read: what every write of this look is held to."""

    release: Thing
    twins: Mapping[Twin, Thing]
    route: Thing | None
    mode: str


class KubernetesCluster:
    """Releases on a cluster."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._groups: tuple[float, frozenset[str]] = (float("-inf"), frozenset())

    def look(self, key: Key) -> Look | None:
        """Read a release and everything of it from the API server, never from a cache."""
        release = self._api.get(RELEASES, key.namespace, key.name)
        if release is None or "deletionTimestamp" in release["metadata"]:
            return None
        spec, status = _spec_of(key, release), _status_of(release)
        mode, refused = resolve_mode(spec.route.mode, status.route.mode, self._known_groups())
        if refused:
            observed = Observed(release["metadata"]["generation"], refused=refused)
            return Look(key, spec, status, observed, Found(release, {}, None, ""))
        twins = {twin: self._api.get(INFERENCE_SERVICES, key.namespace, name_of(key, twin)) for twin in Twin}
        here = {twin: thing for twin, thing in twins.items() if thing is not None}
        routing = ROUTES[mode]
        route = self._api.get(routing.kind, key.namespace, route_name(key))
        seen = {twin: _twin_seen(key, twin, thing, spec, mode) for twin, thing in here.items()}
        observed = Observed(
            generation=release["metadata"]["generation"],
            twins=seen,
            route=_route_seen(key, route, spec, routing) if route else None,
            mode=mode,
            room=self._room(key, spec, status, seen),
        )
        return Look(key, spec, status, observed, Found(release, here, route, mode))

    def save(self, look: Look, status: ModelReleaseStatus) -> Look:
        """Write the status, if the release was not written since."""
        found = found_in(look)
        told = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": _held_to(found.release, look.key.name),
            "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        release = self._api.apply(RELEASES, told, subresource="status")
        return replace(look, status=status, token=replace(found, release=release))

    def perform(self, look: Look, action: Action) -> None:
        """Do one thing, if what it is done to was not written since."""
        found = found_in(look)
        match action:
            case SetRoute(split, revision):
                routing = ROUTES[found.mode]
                for kind, helper in routing.helpers(look.key):
                    self._api.apply(kind, owned_by(helper, found.release))
                self._write(routing.kind, routing.route(look.key, look.spec.route, split, revision), found, found.route)
            case ApplyTwin(twin, version):
                made = inference_service(look.key, twin, version, look.spec.scaling, found.mode)
                self._write(INFERENCE_SERVICES, made, found, found.twins.get(twin))
            case DeleteTwin(twin):
                there = found.twins[twin]["metadata"]
                self._api.delete(INFERENCE_SERVICES, look.key.namespace, there["name"], there["uid"])
            case Tell():
                self._tell(look.key, found.release, action)

    def _write(self, kind: Kind, made: Thing, found: Found, there: Thing | None) -> None:
        owned = owned_by(made, found.release)
        if there is None:
            self._api.create(kind, owned)
            return
        held = {**owned["metadata"], "resourceVersion": there["metadata"]["resourceVersion"]}
        self._api.apply(kind, {**owned, "metadata": held})

    def _tell(self, key: Key, release: Thing, told: Tell) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata = release["metadata"]
        involved = {"apiVersion": API_VERSION, "kind": KIND, "name": key.name, "namespace": key.namespace}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "generateName": f"{key.name}.",
                "namespace": key.namespace,
                "labels": {RELEASE_LABEL: key.name},
            },
            "involvedObject": {**involved, "uid": metadata["uid"]},
            "type": told.kind,
            "reason": told.reason,
            "message": told.text[:1000],
            "source": {"component": "penstock-controller"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        self._api.create(EVENTS, event)

    def _room(
        self, key: Key, spec: ModelReleaseSpec, status: ModelReleaseStatus, seen: Mapping[Twin, TwinSeen]
    ) -> Room:
        """Look for room only while a twin is about to be made."""
        if status.stable is None or spec.target.id == status.stable.version.id:
            return Room()
        there = seen.get(status.stable.twin.other)
        if there and is_of(there, spec.target):
            return Room()
        quotas, _ = self._api.list(QUOTAS, key.namespace)
        try:
            nodes = self._api.list(NODES)[0]
        except Refused:
            nodes = None
        return room_for(spec.serving, spec.scaling, nodes, quotas)

    def _known_groups(self) -> frozenset[str]:
        at, groups = self._groups
        if time.monotonic() - at > _GROUPS_SECONDS:
            groups = self._api.groups()
            self._groups = (time.monotonic(), groups)
        return groups


def _spec_of(key: Key, release: Thing) -> ModelReleaseSpec:
    try:
        return ModelReleaseSpec.model_validate(release["spec"])
    except ValidationError as error:
        raise BadInput(f"{key}: {explain(error, ModelReleaseSpec, inside=('spec',))}") from None


def _status_of(release: Thing) -> ModelReleaseStatus:
    """What was remembered; nothing, where another version of the controller wrote what this one cannot read."""
    try:
        return ModelReleaseStatus.model_validate(release.get("status") or {})
    except ValidationError:
        return ModelReleaseStatus()


def _twin_seen(key: Key, twin: Twin, thing: Thing, spec: ModelReleaseSpec, mode: str) -> TwinSeen:
    version = version_of(thing)
    return seen_as(thing, inference_service(key, twin, version or spec.target, spec.scaling, mode))


def _route_seen(key: Key, found: Thing, spec: ModelReleaseSpec, routing: RouteKind) -> RouteSeen:
    split, revision = routing.split_of(key, found), revision_of(found)
    drifted = split is None or not says(found["spec"], routing.route(key, spec.route, split, revision)["spec"])
    return RouteSeen(split, revision, drifted, routing.is_live(found))


def found_in(look: Look) -> Found:
    """The objects that a look was made of."""
    if not isinstance(look.token, Found):
        raise TypeError("a look of another adapter")
    return look.token


def _held_to(thing: Thing, name: str) -> Thing:
    metadata = thing["metadata"]
    return {"name": name, "namespace": metadata["namespace"], "resourceVersion": metadata["resourceVersion"]}


def owned_by(thing: Thing, release: Thing) -> Thing:
    """An object that goes when its release goes."""
    metadata = release["metadata"]
    owner = {"apiVersion": API_VERSION, "kind": KIND, "name": metadata["name"], "uid": metadata["uid"]}
    return {**thing, "metadata": {**thing["metadata"], "ownerReferences": [{**owner, "controller": True}]}}
