"""What must be done to bring the cluster to what is declared: a pure function of the two.

Kubeflow's recurring runs cannot be changed, only enabled and disabled; and every run that one has started belongs to
its resource, so deleting it ends those that are under way (kubeflow/pipelines#7421). So a changed schedule becomes a
new recurring run beside the old, which is disabled at once and deleted by the first apply that finds none of its runs
under way.

Each recurring run carries a mark in its description that says whose it is and what it was made from. Nothing without
our mark is ever touched, and what has the mark with the right digest is right.

Source:
    kubeflow/pipelines: backend/src/apiserver/resource/resource_manager.go (CreateRun, DeleteJob),
    backend/src/common/util/workflow.go (SetOwnerReferences).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from penstock.artifacts.digest import digest_json
from penstock.kubeflow.records import RecurringRun

DEFAULT_OWNER = "penstock"
_MARK = re.compile(r"(?:^|\n)\[penstock (\{[^\n]*\})\]\s*$")


@dataclass(frozen=True)
class Wanted:
    """A schedule as it is to be on the cluster."""

    name: str
    shape: Mapping[str, Any]
    """Everything that cannot be changed later, in words that people compare: trigger, pipeline, version, parameters."""
    enabled: bool = True
    description: str = ""

    @property
    def digest(self) -> str:
        """Of everything that cannot be changed later."""
        return digest_json({**self.shape, "description": self.description})


@dataclass(frozen=True)
class Mark:
    """What a recurring run says of where it comes from."""

    owner: str
    name: str
    digest: str


@dataclass(frozen=True)
class Found:
    """A recurring run that is there, with our mark."""

    id: str
    mark: Mark
    shape: Mapping[str, Any]
    enabled: bool
    busy: bool
    """Whether runs of it are under way."""


class Verb(StrEnum):
    """What is done to a recurring run."""

    CREATE = "create"
    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    verb: Verb
    name: str
    why: str
    id: str = ""
    """The recurring run that is meant; empty for one that is to be made."""


@dataclass(frozen=True)
class Plan:
    """Everything to do, in this order."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    """What is left as it is, and why."""
    changes: tuple[tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None], ...]
    """Schedules that change: their names, how they are, how they will be."""


def plan(wanted: Sequence[Wanted], found: Sequence[Found], *, prune: bool) -> Plan:
    """Say what must be done.

    Args:
        wanted: What is declared.
        found: What is there and has our mark, oldest first.
        prune: Whether to delete what is declared no more.

    Returns:
        The steps; none when everything is as it should be. Applied halfway, the rest is found by the next plan.
    """
    steps: list[Step] = []
    notes: list[str] = []
    changes: list[tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]] = []
    names = {each.name for each in wanted}
    for each in sorted(wanted, key=lambda w: w.name):
        same_name = [other for other in found if other.mark.name == each.name]
        right = [other for other in same_name if other.mark.digest == each.digest]
        others = [other for other in same_name if other not in right[:1]]
        if not right:
            before = next((other for other in reversed(same_name) if other.enabled), None)
            before = before or (same_name[-1] if same_name else None)
            why = "it has changed" if before else "it is new"
            changes.append((each.name, _shown(before), _shape(each)))
            steps += _retire(others, "it is replaced", notes, disable_only=True)
            steps.append(Step(Verb.CREATE, each.name, why))
            steps += _retire(others, "it is replaced", notes, delete_only=True)
            continue
        if right[0].enabled != each.enabled:
            verb = Verb.ENABLE if each.enabled else Verb.DISABLE
            steps.append(Step(verb, each.name, f"enabled: {str(each.enabled).lower()}", right[0].id))
            changes.append((each.name, _shown(right[0]), _shape(each)))
        steps += _retire(others, "it was replaced", notes)
    gone = [other for other in found if other.mark.name not in names]
    if prune:
        steps += _retire(gone, "it is declared no more", notes)
        changes += [(other.mark.name, _shown(other), None) for other in gone if other.enabled or not other.busy]
    else:
        left = sorted({other.mark.name for other in gone})
        notes += [f"{name}: is declared no more; --prune deletes it" for name in left]
    return Plan(tuple(steps), tuple(notes), tuple(changes))


def _retire(
    found: Sequence[Found], why: str, notes: list[str], *, disable_only: bool = False, delete_only: bool = False
) -> list[Step]:
    """Steps that end recurring runs without ending runs that are under way."""
    steps = []
    for each in found:
        if each.enabled and not delete_only:
            steps.append(Step(Verb.DISABLE, each.mark.name, why, each.id))
        if disable_only:
            continue
        if each.busy:
            notes.append(f"{each.mark.name}: {why}; runs of it are under way, so a later apply deletes it ({each.id})")
        else:
            steps.append(Step(Verb.DELETE, each.mark.name, why, each.id))
    return steps


def describe(wanted: Wanted, owner: str) -> str:
    """The description that a recurring run is made with: what people read, and our mark."""
    mark = json.dumps({"owner": owner, "schedule": wanted.name, "digest": wanted.digest}, sort_keys=True)
    return f"{wanted.description}\n\n[penstock {mark}]".lstrip()


def mark_of(run: RecurringRun) -> Mark | None:
    """The mark of a recurring run; None where it has none: somebody else made it.

    Example:
        >>> run = RecurringRun(recurring_run_id="1", description=describe(Wanted("a", {}), "team"))
        >>> mark_of(run).owner, mark_of(RecurringRun(recurring_run_id="2", description="by hand"))
        ('team', None)
    """
    found = _MARK.search(run.description)
    if not found:
        return None
    try:
        mark = json.loads(found[1])
        return Mark(str(mark["owner"]), str(mark["schedule"]), str(mark["digest"]))
    except (ValueError, KeyError, TypeError):
        return None


def _shape(wanted: Wanted) -> Mapping[str, Any]:
    return {**wanted.shape, "enabled": wanted.enabled}


def _shown(found: Found | None) -> Mapping[str, Any] | None:
    return {**found.shape, "enabled": found.enabled} if found else None
