"""The ladder: how much traffic a candidate gets, step by step, and how long it may take to earn the next."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from penstock.releasing.base import Part
from penstock.releasing.resource.bundle import Digest, Name

DAY_SECONDS = 24 * 3600
BAKE = "bake"
"""The name of what follows the last step: all traffic, and the way back still open."""
Percent = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[int, Field(ge=0, le=400 * DAY_SECONDS)]


class LadderStep(Part):
    """A step: shadow (a copy of the traffic, answers thrown away) or canary (a share of it, answers used).

    A shadow step cannot judge what users do upon an answer: they never saw it. Where predictions change what happens
    next, gates on what happens are for canary steps and the bake.
    """

    CEL: ClassVar[tuple[tuple[str, str], ...]] = (
        (
            "(self.mirrorPercent > 0) != (self.weightPercent > 0)",
            "A ladder step has either mirrorPercent (shadow) or weightPercent (canary) above 0, and not both.",
        ),
        (
            "self.minSeconds < self.deadlineSeconds",
            "A ladder step's minSeconds must be less than its deadlineSeconds, or it could never be passed.",
        ),
    )

    name: Name
    """What the step is called in status, history and approvals."""
    weight_percent: Percent = 0
    """Share of the traffic that the candidate answers."""
    mirror_percent: Percent = 0
    """Share of the traffic that the candidate gets a copy of; nobody sees its answers."""
    min_samples: Annotated[int, Field(ge=0, le=1_000_000_000)] = 500
    """Observations of the candidate that every gate needs within this step before it may be passed."""
    min_seconds: Seconds = 60
    """Time that the step takes at least."""
    deadline_seconds: Seconds = DAY_SECONDS
    """Time after which a step that was not passed is Inconclusive: the release is paused, never promoted."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        either, passable = (message for _, message in self.CEL)
        if (self.mirror_percent > 0) == (self.weight_percent > 0):
            raise ValueError(either)
        if self.min_seconds >= self.deadline_seconds:
            raise ValueError(passable)
        return self

    @property
    def is_shadow(self) -> bool:
        """Whether users see nothing of the candidate."""
        return self.weight_percent == 0


def _canary(percent: int) -> LadderStep:
    return LadderStep(name=f"canary-{percent}", weight_percent=percent)


DEFAULT_LADDER = (LadderStep(name="shadow", mirror_percent=20), *map(_canary, (2, 5, 10, 25, 75, 100)))
"""Shadow, then as little as shows gross harm, up to all."""


class Bake(Part):
    """After the last step: all traffic to the candidate, the stable model kept running, the gates still judged."""

    CEL: ClassVar[tuple[tuple[str, str], ...]] = (
        ("self.seconds < self.deadlineSeconds", "bake.seconds must be less than bake.deadlineSeconds."),
    )

    seconds: Seconds = DAY_SECONDS
    """How long at least, before the candidate is promoted. Labels that come 14 days late want more than 14 days."""
    min_samples: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    """Observations of the candidate that every gate needs within the bake."""
    deadline_seconds: Seconds = 30 * DAY_SECONDS
    """Time after which a bake whose gates are not all Successful is Inconclusive: paused, never promoted."""

    @model_validator(mode="after")
    def _can_be_passed(self) -> Self:
        if self.seconds >= self.deadline_seconds:
            raise ValueError(self.CEL[0][1])
        return self


class Approval(Part):
    """A person's yes, for one step of one bundle."""

    step: Name
    """The step that may be entered."""
    digest: Digest
    """The bundle that may enter it: a yes to one says nothing of the next."""


class Promotion(Part):
    """Who says that a step may be entered: the gates alone, or a person as well."""

    approve_before: Annotated[tuple[Name, ...], Field(max_length=32)] = ()
    """Steps that wait for an approval once the gates have opened them; `bake` is one too."""
    approvals: Annotated[tuple[Approval, ...], Field(max_length=64)] = ()
    """The approvals given."""


class WarmUp(Part):
    """What a candidate gets before its first step, once it is ready: a copy of some traffic, which nothing judges."""

    seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """How long."""
    mirror_percent: Percent = 5
    """Share of the traffic that it gets a copy of. It also warms the gateway's way to it."""


class Guardrails(Part):
    """Limits of the release itself, whatever the gates say."""

    startup_seconds: Annotated[int, Field(ge=10, le=DAY_SECONDS)] = 1800
    """A candidate that is not ready after this long is rejected. Waiting for room on nodes does not count."""
    max_interruptions: Annotated[int, Field(ge=0, le=100)] = 2
    """How often a candidate may stop being ready, and lose its traffic for it; once more, and it is rejected."""
    drain_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """How long a model keeps running once it gets no more traffic, to finish what it has."""
