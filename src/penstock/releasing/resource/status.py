"""What the controller says of a release, and all that it remembers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from penstock.releasing.base import Part
from penstock.releasing.reading import GateReading
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.ladder import Percent

HISTORY = 50
"""How many entries are kept."""
READINGS = 200
"""How many readings of gates are shown; the evidence has all."""
REJECTIONS = 100
"""How many rejections are remembered; the oldest are forgotten first."""


class Twin(StrEnum):
    """One of the two InferenceServices `<release>-a` and `<release>-b`, which take turns."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Twin:
        """Its twin."""
        return Twin.B if self is Twin.A else Twin.A


class Phase(StrEnum):
    """Where a release is."""

    NEW = "New"
    """Nothing has been done yet."""
    STARTING = "Starting"
    """The first model starts; nothing serves yet that it could be compared with."""
    STABLE = "Stable"
    """What Git names serves."""
    PREPARING = "Preparing"
    """The candidate's InferenceService is made, and becomes ready. It gets no traffic."""
    WARMING_UP = "WarmingUp"
    """The candidate gets a copy of some traffic, which nothing judges."""
    RELEASING = "Releasing"
    """On a step of the ladder."""
    AWAITING_APPROVAL = "AwaitingApproval"
    """The gates opened the next step; a person has not."""
    PAUSED = "Paused"
    """Holding until a person decides: a step was Inconclusive at its deadline, or Git says so."""
    BAKING = "Baking"
    """All traffic to the candidate, and the way back still open."""
    ROLLING_BACK = "RollingBack"
    """All traffic back to the stable model; the candidate runs until the route says so too."""
    ROLLED_BACK = "RolledBack"
    """What Git names was rejected. It stays so until Git changes."""


class Split(Part):
    """Who gets how much of the traffic. The two weights sum to 100."""

    a_percent: Percent
    """What twin a answers."""
    b_percent: Percent
    """What twin b answers."""
    mirror_percent: Percent = 0
    """Share of all traffic of which a copy is sent to `mirrorTo`; nobody sees its answers."""
    mirror_to: Twin | None = None
    """Who gets the copy."""

    def weight_of(self, twin: Twin) -> int:
        """The share of one twin."""
        return self.a_percent if twin is Twin.A else self.b_percent

    @classmethod
    def of(cls, stable: Twin, candidate_percent: int = 0, mirror_percent: int = 0) -> Split:
        """The split that gives the other twin so much, and a copy of so much.

        Example:
            >>> Split.of(Twin.A, candidate_percent=2).b_percent
            2
        """
        candidate = stable.other
        weights = {stable: 100 - candidate_percent, candidate: candidate_percent}
        to = candidate if mirror_percent else None
        return cls(a_percent=weights[Twin.A], b_percent=weights[Twin.B], mirror_percent=mirror_percent, mirror_to=to)


class Deployed(Part):
    """A version, and where it runs."""

    version: Version
    """What runs."""
    twin: Twin
    """Which of the two InferenceServices it is."""


class RouteStatus(Part):
    """The route as it is wanted, and as it was last seen."""

    mode: str = ""
    """How traffic is split, once that was chosen."""
    revision: int = 0
    """Counts the decisions on traffic. The route carries it: whoever holds an older one cannot write it."""
    decided_upon: str = ""
    """Where the route cannot carry the revision: the version of its object that the last decision was made upon. As
    long as the object has it, an older decision could still be written."""
    wanted: Split | None = None
    """What the controller wants; none before the first model is ready."""
    seen: Split | None = None
    """What the route says."""


class Trial(Part):
    """One attempt of one candidate."""

    number: int
    """Counts the attempts of this release: evidence of one counts in no other."""
    retry_token: str = ""
    """The retry token that it was begun with."""
    started: datetime
    """When it began."""
    step: str = ""
    """The step it is on: of the ladder, or `bake`."""
    weight_percent: Percent = 0
    """The share that the step gives it."""
    mirror_percent: Percent = 0
    """The share that the step gives it a copy of."""
    step_since: datetime | None = None
    """Since when the route was seen to give it that; none while it does not."""
    samples_before: Annotated[dict[str, int], Field(max_length=64)] = {}
    """What each gate had counted of the candidate by then."""
    unready_since: datetime | None = None
    """Since when its InferenceService is there and waited for."""
    unmeasured_since: datetime | None = None
    """Since when a gate could not be measured."""
    interruptions: int = 0
    """How often it stopped being ready."""
    held: Literal["", "Inconclusive", "Specification"] = ""
    """What it is paused for."""


class Rejection(Part):
    """A bundle that is not tried again, except with another retry token."""

    digest: str
    """The bundle."""
    version_id: str
    """The version: bundle and runtime."""
    retry_token: str
    """The retry token that it was tried with."""
    at: datetime
    """When."""
    reason: str
    """Why, in one word: `GateFailed`, `GateError`, `NeverReady`, `Interrupted`."""
    text: str
    """Why, in one sentence."""


class HistoryEntry(Part):
    """Something that was decided."""

    at: datetime
    """When."""
    trial: int
    """In which attempt; 0 for none."""
    digest: str
    """Of which bundle."""
    event: str
    """What, in one word: `Started`, `Advanced`, `Promoted`, `RolledBack`, ..."""
    text: str
    """What, in one sentence."""


class Condition(Part):
    """A condition as Kubernetes tells them."""

    type: Literal["Ready", "Progressing", "Degraded", "Stalled"]
    """`Ready`: a proven model serves all traffic that it should. `Progressing`: a release is under way and moves.
    `Degraded`: what Git names was rejected, or what serves is not ready. `Stalled`: a person must do something."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    reason: str
    """Why, in one word."""
    message: str
    """Why, in one sentence."""
    last_transition_time: datetime
    """Since when."""
    observed_generation: int = 0
    """Of which generation of the specification it is said."""


class ModelReleaseStatus(Part):
    """What is so, what was decided and why. Written by the controller alone; it remembers nothing elsewhere."""

    observed_generation: int = 0
    """The generation of the specification that this is about."""
    phase: Phase = Phase.NEW
    """Where the release is."""
    message: str = ""
    """What is happening or waited for, in one sentence."""
    stable: Deployed | None = None
    """The proven model."""
    candidate: Deployed | None = None
    """The model that is being tried; at most one."""
    previous: Version | None = None
    """What was stable before: to go back to it, name it in Git."""
    trial: Trial | None = None
    """The attempt that is under way."""
    route: RouteStatus = RouteStatus()
    """Who gets how much, wanted and seen."""
    quiet_since: datetime | None = None
    """Since when the twin that is not stable was seen to get no traffic: it may be removed once it is drained."""
    gates: Annotated[tuple[GateReading, ...], Field(max_length=READINGS)] = ()
    """What each gate said last, with its evidence: on everything, then on the slices that look worst."""
    rejected: Annotated[tuple[Rejection, ...], Field(max_length=REJECTIONS)] = ()
    """What is not tried again."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=HISTORY)] = ()
    """What was decided, oldest first."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8)] = ()
    """Conditions for machines: Argo CD, `kubectl wait`."""
