"""Who answers a request: pure, a function of the route and the request's id.

The same id meets the same server whenever the route is the same, here and in a replay; and a greater canary percentage
only adds requests to the canary's, so that nobody is led back and forth while a release advances.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Assigned = Literal["stable", "canary"]
_STEPS = 2**64


class Route(BaseModel):
    """Where requests go: set as a whole, never a part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    stable: str = Field(min_length=1)
    """The backend that answers whatever the candidate does not."""
    candidate: str = ""
    """The backend under trial; empty for none."""
    canary_percent: float = Field(default=0.0, ge=0, le=100)
    """Share of the requests that the candidate answers [%]."""
    shadow_percent: float = Field(default=0.0, ge=0, le=100)
    """Share of the stable's requests that the candidate gets as well, its answers reaching nobody [%]."""
    step: str = ""
    """What the release calls its present step, for the log."""

    @model_validator(mode="after")
    def _has_a_candidate(self) -> Self:
        if not self.candidate and (self.canary_percent or self.shadow_percent):
            raise ValueError("a share of the requests wants a candidate")
        if self.candidate == self.stable:
            raise ValueError("stable and candidate must be two backends")
        return self


@dataclass(frozen=True, slots=True)
class Choice:
    """What the route says of one request."""

    assigned: Assigned
    backends: tuple[str, ...]
    """Who may answer the user: the chosen one, then who steps in if it dies. A shadow never does."""
    shadow: str
    """Who gets the request as well; empty for nobody."""


def choose(request_id: str, route: Route) -> Choice:
    """Say who answers a request.

    Args:
        request_id: The request's id.
        route: The route in effect.

    Example:
        >>> choose("one", Route(stable="a", candidate="b", canary_percent=100.0))
        Choice(assigned='canary', backends=('b', 'a'), shadow='')
        >>> choose("one", Route(stable="a", candidate="b", shadow_percent=100.0))
        Choice(assigned='stable', backends=('a',), shadow='b')
    """
    if not route.candidate:
        return Choice("stable", (route.stable,), "")
    if route.canary_percent > 0 and share_of(request_id, "canary") < route.canary_percent:
        return Choice("canary", (route.candidate, route.stable), "")
    backends = (route.stable, route.candidate) if route.canary_percent > 0 else (route.stable,)
    mirrored = route.shadow_percent > 0 and share_of(request_id, "shadow") < route.shadow_percent
    return Choice("stable", backends, route.candidate if mirrored else "")


def share_of(request_id: str, purpose: str) -> float:
    """A number in [0, 100) that depends on the id alone; for each purpose another, independent one.

    Source:
        RFC 7693 (BLAKE2b), with the purpose as the personalisation.
    """
    digest = hashlib.blake2b(request_id.encode(), digest_size=8, person=purpose.encode()).digest()
    return int.from_bytes(digest, "big") * 100.0 / _STEPS
