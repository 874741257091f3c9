"""How a release is laid out on a cluster: which objects it is made of, and what is done to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from penstock.releasing.kubernetes.api import Api, Kind, Thing
from penstock.releasing.planning.actions import ApplyTwin, DeleteTwin, SetRoute
from penstock.releasing.planning.observed import RouteSeen, TwinSeen
from penstock.releasing.port import Key, Look
from penstock.releasing.resource.names import API_VERSION, KIND
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus, Twin


@dataclass(frozen=True)
class Found:
    """The objects of a release as they were read: what every write of this look is held to."""

    release: Thing
    services: Mapping[Twin, Thing]
    """InferenceServices, by the twin that they are now."""
    route: Thing | None
    mode: str


@dataclass(frozen=True)
class Seen:
    """What the objects say."""

    twins: Mapping[Twin, TwinSeen]
    route: RouteSeen | None


class Layout(Protocol):
    """The objects of a release."""

    def read(self, api: Api, key: Key, release: Thing, mode: str) -> Found:
        """Read them all, freshly."""
        ...

    def see(self, key: Key, spec: ModelReleaseSpec, status: ModelReleaseStatus, found: Found) -> Seen:
        """Say what they say."""
        ...

    def set_route(self, api: Api, look: Look, found: Found, action: SetRoute) -> None:
        """Split the traffic so, in one write."""
        ...

    def apply_twin(self, api: Api, look: Look, found: Found, action: ApplyTwin) -> None:
        """Have a twin serve a version."""
        ...

    def delete_twin(self, api: Api, look: Look, found: Found, action: DeleteTwin) -> None:
        """Remove a twin."""
        ...


def found_in(look: Look) -> Found:
    """The objects that a look was made of."""
    if not isinstance(look.token, Found):
        raise TypeError("a look of another adapter")
    return look.token


def write(api: Api, kind: Kind, made: Thing, release: Thing, there: Thing | None, *, anew: bool = False) -> None:
    """Write an object that goes when its release goes: make it where none was seen, else hold it to what was seen.

    Args:
        api: Whom to ask.
        kind: What it is.
        made: The object, without its owner.
        release: The owner.
        there: The object as it was seen.
        anew: Give it another version although it may say the same already: the API server gives none for that. What
            differs is how the owner is told not to wait for it: `false`, or nothing, which means the same.
    """
    owned = owned_by(made, release)
    if there is None:
        api.create(kind, owned)
        return
    held = {**owned["metadata"], "resourceVersion": there["metadata"]["resourceVersion"]}
    if anew and not any("blockOwnerDeletion" in each for each in there["metadata"].get("ownerReferences") or []):
        held["ownerReferences"] = [{**each, "blockOwnerDeletion": False} for each in held["ownerReferences"]]
    api.apply(kind, {**owned, "metadata": held})


def owned_by(thing: Thing, release: Thing) -> Thing:
    """An object that goes when its release goes."""
    metadata = release["metadata"]
    owner = {"apiVersion": API_VERSION, "kind": KIND, "name": metadata["name"], "uid": metadata["uid"]}
    return {**thing, "metadata": {**thing["metadata"], "ownerReferences": [{**owner, "controller": True}]}}
