"""What the page of a release shows, as plain frozen values: nothing here knows where a release runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from penstock.artifacts import Verdict


@dataclass(frozen=True, kw_only=True)
class ShareView:
    """Who got how much, from a moment on."""

    seconds: float
    """Since the attempt began [s]."""
    step: str
    weight_percent: int
    """What the candidate answered."""
    mirror_percent: int
    """What it got a copy of."""


@dataclass(frozen=True, kw_only=True)
class GateMoment:
    """What a gate said at one look."""

    seconds: float
    """Since the attempt began [s]."""
    samples: int
    """Observations of the candidate."""
    estimate: float | None
    """Candidate minus stable, in the gate's unit; positive is worse."""
    lower: float | None
    upper: float | None
    e_value: float | None
    """Evidence of harm."""


@dataclass(frozen=True, kw_only=True)
class GateView:
    """One gate on one slice, over an attempt."""

    gate: str
    slice: str
    metric: str
    """What is compared, in words."""
    verdict: Verdict
    """What it said last."""
    text: str
    """Why, in a sentence."""
    margin: float | None
    """How much worse the candidate may be, in the gate's unit."""
    e_value_needed: float
    """The gate fails when the evidence reaches this."""
    moments: tuple[GateMoment, ...]

    @property
    def name(self) -> str:
        """The gate, and the slice where it is not the whole."""
        return self.gate if self.slice == "overall" else f"{self.gate}, {self.slice}"


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """One attempt of one bundle."""

    number: int
    digest: str
    stable: str
    """The digest of the bundle that it was compared with."""
    began: datetime
    seconds: float
    """How long it took, or has taken [s]."""
    verdict: Verdict
    """Successful: promoted. Failed: rolled back. Inconclusive: neither yet."""
    text: str
    """How it ended, in a sentence."""
    shares: tuple[ShareView, ...]
    gates: tuple[GateView, ...]


@dataclass(frozen=True, kw_only=True)
class EventView:
    """Something that was decided."""

    at: datetime
    event: str
    digest: str
    text: str


@dataclass(frozen=True, kw_only=True)
class StepView:
    """A step of the ladder."""

    name: str
    weight_percent: int
    mirror_percent: int
    min_samples: int
    min_seconds: int
    deadline_seconds: int


@dataclass(frozen=True, kw_only=True)
class ReleaseView:
    """One release."""

    name: str
    at: datetime
    """When the page was made."""
    phase: str
    message: str
    verdict: Verdict
    """Of what is named now."""
    wanted: str
    """The digest of the bundle that is named."""
    wanted_uri: str
    stable: str
    """The digest of the bundle that serves."""
    previous: str
    """What was stable before; empty for none."""
    weight_percent: int
    """What the candidate answers now."""
    steps: tuple[StepView, ...]
    trials: tuple[TrialView, ...]
    """Newest first."""
    history: tuple[EventView, ...]
    """Newest first."""
    rejected: tuple[EventView, ...]
    """What is not tried again, newest first."""
