"""An API server in memory, as unreliable as a real one: versions, preconditions, and calls that are lost.

It keeps what the controller relies on: a write that is held to a version is refused once there is another, one that
changes nothing makes no version, a status is written apart, and nothing is made twice. Nobody changes what it gets.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from penstock.releasing.kubernetes.api import Kind, Thing
from penstock.releasing.port import Conflict, Unavailable

GROUPS = frozenset({"serving.kserve.io", "serving.knative.dev"})


class MemoryApi:
    """The calls of `Api` that a release makes."""

    def __init__(self, rng: random.Random) -> None:
        self.things: dict[tuple[Kind, str, str], Thing] = {}
        self.rng = rng
        self.unreliable = 0.0
        """Share of the calls that are lost, half of them after they took effect."""
        self.down = False
        self.between: Callable[[], None] = lambda: None
        """What may happen before any call."""
        self.written: Callable[[Kind, Thing], None] = lambda kind, thing: None
        """Who is shown every write of a specification."""
        self._versions = 0

    def get(self, kind: Kind, namespace: str, name: str) -> Thing | None:
        self._happens()
        return self.things.get((kind, namespace, name))

    def groups(self) -> frozenset[str]:
        return GROUPS

    def list(self, kind: Kind, namespace: str = "", labels: str = "") -> tuple[list[Thing], str]:
        self._happens()
        found = [thing for (each, place, _), thing in self.things.items() if (each, place) == (kind, namespace)]
        return found, str(self._versions)

    def create(self, kind: Kind, thing: Thing) -> Thing:
        self._happens()
        metadata = thing["metadata"]
        if "generateName" in metadata:
            return thing  # An event.
        if (kind, metadata["namespace"], metadata["name"]) in self.things:
            raise Conflict("it is there already")
        return self._store(kind, {**thing, "metadata": {**metadata, "uid": f"uid-{self._versions}", "generation": 1}})

    def apply(self, kind: Kind, thing: Thing, subresource: str = "") -> Thing:
        """One manager writes: what it no longer says is gone, status and identity are kept."""
        self._happens()
        metadata = thing["metadata"]
        there = self.things.get((kind, metadata["namespace"], metadata["name"]))
        held_to = metadata.get("resourceVersion")
        if there is None or (held_to and held_to != there["metadata"]["resourceVersion"]):
            raise Conflict("it was written since")
        if subresource:
            return self._store(kind, {**there, "status": thing["status"]})
        kept = {name: there["metadata"][name] for name in ("uid", "generation", "resourceVersion")}
        made = {**thing, "metadata": {**metadata, **kept}, **({"status": there["status"]} if "status" in there else {})}
        if made == there:
            return there
        if made["spec"] != there["spec"]:
            made["metadata"]["generation"] += 1
        return self._store(kind, made)

    def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        self._happens()
        there = self.things.get((kind, namespace, name))
        if there and there["metadata"]["uid"] != uid:
            raise Conflict("it is another")
        self.things.pop((kind, namespace, name), None)
        self._answers()

    def put_status(self, kind: Kind, thing: Thing, status: dict[str, Any]) -> None:
        """What another controller writes; it has troubles of its own."""
        there = self.things[kind, thing["metadata"]["namespace"], thing["metadata"]["name"]]
        if there.get("status") != status:
            self._keep(kind, {**there, "status": status})

    def _store(self, kind: Kind, thing: Thing) -> Thing:
        stored = self._keep(kind, thing)
        self.written(kind, stored)
        self._answers()
        return stored

    def _keep(self, kind: Kind, thing: Thing) -> Thing:
        self._versions += 1
        stored = {**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self._versions)}}
        self.things[kind, stored["metadata"]["namespace"], stored["metadata"]["name"]] = stored
        return stored

    def _happens(self) -> None:
        self.between()
        if self.down or self.rng.random() < self.unreliable / 2:
            raise Unavailable("no answer; nothing was done")

    def _answers(self) -> None:
        if self.rng.random() < self.unreliable / 2:
            raise Unavailable("no answer; it was done")
