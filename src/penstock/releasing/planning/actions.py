"""What a plan asks for. Each can be done again: it says what is to be, not what is to change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.status import ModelReleaseStatus, Split, Twin


@dataclass(frozen=True)
class ApplyTwin:
    """Have a twin serve a version, made so if it is not there."""

    twin: Twin
    version: Version


@dataclass(frozen=True)
class DeleteTwin:
    """Remove a twin; it gets no traffic, and has finished what it had."""

    twin: Twin


@dataclass(frozen=True)
class SetRoute:
    """Have the route say this, in one write, unless it has been written since it was observed."""

    split: Split
    revision: int


@dataclass(frozen=True)
class Tell:
    """Tell people, as an event of the release."""

    kind: Literal["Normal", "Warning"]
    reason: str
    text: str


Action = ApplyTwin | DeleteTwin | SetRoute | Tell


@dataclass(frozen=True)
class Plan:
    """What to remember, then what to do, in this order."""

    status: ModelReleaseStatus
    """To be written first: what is done follows from it, so a crash between the two loses nothing."""
    actions: tuple[Action, ...]
    """To be done next, in this order."""
    again_in_seconds: float
    """When to look again at the latest, should nothing happen before."""
