"""A cluster that only a leader writes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock.releasing.planning.actions import Action
from penstock.releasing.port import Cluster, Key, Look, Unavailable
from penstock.releasing.resource.status import ModelReleaseStatus


@dataclass(frozen=True)
class Fenced:
    """The same cluster; every write asks first whether this controller still leads."""

    cluster: Cluster
    leads: Callable[[], bool]

    def look(self, key: Key) -> Look | None:
        """Look, whoever leads."""
        return self.cluster.look(key)

    def save(self, look: Look, status: ModelReleaseStatus) -> Look:
        """Write the status as the leader."""
        self._check()
        return self.cluster.save(look, status)

    def perform(self, look: Look, action: Action) -> None:
        """Act as the leader."""
        self._check()
        self.cluster.perform(look, action)

    def _check(self) -> None:
        if not self.leads():
            raise Unavailable("another controller may lead by now: nothing was written")
