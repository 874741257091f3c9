"""What was seen of a release, wherever it runs: frozen, so that a plan is a function of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.releasing.reading import GateReading
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.status import Split, Twin


@dataclass(frozen=True)
class TwinSeen:
    """One of the two model servers."""

    version: Version | None
    """The version that it was made for, as it says itself; None where it does not say."""
    ready: bool
    """Whether that version takes requests, and nothing else answers under its name."""
    drifted: bool = False
    """Whether it is not as it would be made: changed by hand, or other settings in Git. Its version may still serve."""
    going: bool = False
    """Whether it is being deleted."""
    trouble: str = ""
    """What keeps it from being ready, in its own words."""
    workload: str = ""
    """What sources of observations know it by: on a cluster, what its pods are called after."""


@dataclass(frozen=True)
class RouteSeen:
    """The route as it is: what the gateway was told."""

    split: Split | None
    """Who gets how much; None where it cannot be told, for someone has changed it."""
    revision: int
    """The decision that it was written for."""
    drifted: bool = False
    """Whether it is not as it was written: another host, another backend, another filter."""
    live: bool = True
    """Whether the gateway says that it took it."""
    version: str = ""
    """Of a route that cannot carry a revision, the version of the object that has it: every write makes another."""


@dataclass(frozen=True)
class Judged:
    """What the gates say of one attempt."""

    trial: int
    """The attempt that was judged: what is said of another is not heard."""
    step: str
    """The step that the newest evidence is of."""
    readings: tuple[GateReading, ...]
    """What they say."""


@dataclass(frozen=True)
class Room:
    """Whether a candidate finds its nodes and its quota."""

    enough: bool = True
    """Whether it may be made."""
    text: str = ""
    """What is missing."""


@dataclass(frozen=True)
class Observed:
    """Everything seen at one look."""

    generation: int
    """The generation of the specification."""
    twins: Mapping[Twin, TwinSeen] = field(default_factory=dict)
    """The model servers that are there."""
    route: RouteSeen | None = None
    """The route, where there is one."""
    mode: str = ""
    """How the cluster splits traffic for this release; empty while that is not known."""
    refused: str = ""
    """Why the release cannot be carried out here at all, in one sentence; empty where it can."""
    judged: Judged | None = None
    """What the gates say; None where nothing was judged."""
    room: Room = Room()
    """Whether a candidate finds its nodes."""
