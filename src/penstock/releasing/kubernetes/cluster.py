"""The port's Kubernetes adapter."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import ValidationError

from penstock.releasing.kubernetes.api import EVENTS, NODES, QUOTAS, RELEASES, Api, Refused, Thing
from penstock.releasing.kubernetes.layouts import Found, found_in
from penstock.releasing.kubernetes.modes import LAYOUTS, resolve_mode
from penstock.releasing.kubernetes.room import room_for
from penstock.releasing.planning.actions import Action, ApplyTwin, DeleteTwin, SetRoute, Tell
from penstock.releasing.planning.draft import is_of
from penstock.releasing.planning.observed import Observed, Room, TwinSeen
from penstock.releasing.port import Key, Look
from penstock.releasing.resource.names import API_VERSION, KIND, RELEASE_LABEL
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus, Twin
from penstock.sdk import BadInput
from penstock.sdk.params import explain

_GROUPS_SECONDS = 30.0


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
        found = LAYOUTS[mode].read(self._api, key, release, mode)
        seen = LAYOUTS[mode].see(key, spec, status, found)
        observed = Observed(
            generation=release["metadata"]["generation"],
            twins=seen.twins,
            route=seen.route,
            mode=mode,
            room=self._room(key, spec, status, seen.twins),
        )
        return Look(key, spec, status, observed, found)

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
            case SetRoute():
                LAYOUTS[found.mode].set_route(self._api, look, found, action)
            case ApplyTwin():
                LAYOUTS[found.mode].apply_twin(self._api, look, found, action)
            case DeleteTwin():
                LAYOUTS[found.mode].delete_twin(self._api, look, found, action)
            case Tell():
                self._tell(look.key, found.release, action)

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
        try:
            self._api.create(EVENTS, event)
        except Refused:
            return  # Nothing hangs on an event: the history has it too.

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


def _held_to(thing: Thing, name: str) -> Thing:
    metadata = thing["metadata"]
    return {"name": name, "namespace": metadata["namespace"], "resourceVersion": metadata["resourceVersion"]}
