"""The interface of every source: what is asked, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from penstock.releasing.gates.observations import Comparison
from penstock.releasing.gates.spec import Gate


@dataclass(frozen=True)
class Served:
    """One of the two models, as the sources know it."""

    workload: str
    """What its pods are called after: the InferenceService's predictor (`fraud-b-predictor`)."""
    digest: str = ""
    """The digest of its bundle; empty where answers of its role are not told apart by it."""


@dataclass(frozen=True)
class Asked:
    """Whom the observations are wanted of: one attempt of one candidate."""

    stable: Served
    """The stable model."""
    candidate: Served
    """The candidate."""
    since: datetime
    """When the attempt began: what was asked before is of another."""
    steps: Mapping[str, bool]
    """The steps of its ladder, and whether each is in shadow. What is answered at none of them is a warm-up."""
    namespace: str = ""
    """The namespace that both run in."""
    shadow: bool = False
    """Whether the candidate gets a copy of the traffic now."""
    stable_idle: bool = False
    """Whether all traffic goes to the candidate now, so that nothing is to be seen of the stable."""


@dataclass(frozen=True)
class Seen:
    """What one source saw since its cursor."""

    comparisons: tuple[Comparison, ...] = ()
    """What it saw of both models."""
    problems: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By gate: why it could not be measured."""
    cursor: str = ""
    """How far it has read: to be given back at the next look, after a restart too."""


class Unmeasurable(Exception):
    """Something could not be measured; the message says why, in one sentence, for a person."""


class Source(Protocol):
    """One place that observations come from."""

    def observe(self, asked: Asked, gates: Sequence[Gate], cursor: str) -> Seen:
        """Say what was seen of some gates since the cursor; never raises for what cannot be measured.

        Args:
            asked: Whom it is wanted of.
            gates: Gates that all read this source.
            cursor: What the look before returned; empty for the first, which may only note where it begins.
        """
        ...
