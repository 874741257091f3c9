"""Where a release runs: the port between the plan and a cluster, a laptop, or a simulation of either.

One reconcile reads, plans, saves the status, and performs the actions. Two rules make that safe with crashes, lost
writes and a second controller: `save` refuses a status that was planned on an older one, and `perform` refuses to write
a route that has been written since it was observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from penstock.releasing.planning.actions import Action
from penstock.releasing.planning.observed import Judged, Observed
from penstock.releasing.resource.spec import ModelReleaseSpec
from penstock.releasing.resource.status import ModelReleaseStatus
from penstock.sdk import PenstockError


class Conflict(PenstockError):
    """Something was changed by another since it was observed. Nothing was written; look again."""


class Unavailable(PenstockError):
    """What is asked does not answer, or not in time. It may have been done or not; look again."""


@dataclass(frozen=True, order=True)
class Key:
    """Which release."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Look:
    """A release as it was found, and everything seen of it."""

    key: Key
    spec: ModelReleaseSpec
    status: ModelReleaseStatus
    observed: Observed
    token: object = None
    """What the adapter needs to tell whether anything was written since: nobody else reads it."""


class Cluster(Protocol):
    """Where releases run."""

    def look(self, key: Key) -> Look | None:
        """Read a release and everything of it, freshly: never from a cache.

        Returns:
            None where there is none, or it is being deleted. `observed.judged` is left to the judge.

        Raises:
            Unavailable: It cannot be asked.
            BadInput: The release cannot be read (its author).
        """
        ...

    def save(self, look: Look, status: ModelReleaseStatus) -> Look:
        """Write the status.

        Returns:
            The look with the status as it is now.

        Raises:
            Conflict: Specification or status were written since the look.
            Unavailable: It cannot be asked, or did not answer: it may be written or not.
        """
        ...

    def perform(self, look: Look, action: Action) -> None:
        """Do one thing that a plan asks for.

        Raises:
            Conflict: The route, or the twin, was written since the look; or a twin that is to be removed has traffic.
            Unavailable: It cannot be asked, or did not answer: it may be done or not.
        """
        ...


class Judge(Protocol):
    """Who asks the gates."""

    def judge(self, look: Look) -> Judged | None:
        """What the gates say of the attempt under way: all evidence so far, the newest included.

        The evidence is kept where the next controller finds it before this returns. What cannot be measured is a
        reading of Error, never an exception.

        Returns:
            None where there is nothing to judge.
        """
        ...
