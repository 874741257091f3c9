"""What was seen of a release over time: a line of JSON for each change, which a kill can cut short and nothing else.

It is for people: `watch` and the report draw it, no decision reads it. It stays small however long a bake takes: when
it has grown long, every second of the older lines goes, but for those that changed what people look for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from penstock.releasing.base import Part
from penstock.releasing.reading import GateReading
from penstock.releasing.resource.status import ModelReleaseStatus, Phase
from penstock.sdk.entry import write_atomically

MOST_LINES = 4000
"""More are thinned out."""


class Seen(Part):
    """A release at one moment."""

    at: datetime
    """When."""
    phase: Phase
    """Where it was."""
    message: str
    """What was happening or waited for."""
    trial: int
    """The attempt; 0 for none."""
    step: str
    """The step of the ladder; empty for none."""
    stable: str
    """The proven bundle's digest."""
    candidate: str
    """The digest of the bundle that was tried; empty for none."""
    weight_percent: int
    """The share that the candidate was to answer."""
    mirror_percent: int
    """The share that it was to get a copy of."""
    live: bool
    """Whether the gateway did so."""
    gates: tuple[GateReading, ...]
    """What the gates said."""

    @property
    def landmark(self) -> tuple[object, ...]:
        """What people look for: a line that changes it is kept."""
        verdicts = tuple((each.gate, each.slice, each.verdict) for each in self.gates)
        shares = (self.weight_percent, self.mirror_percent)
        return self.phase, self.trial, self.step, self.stable, self.candidate, shares, verdicts


def seen_of(status: ModelReleaseStatus, at: datetime) -> Seen:
    """What a status says of a moment."""
    trial, wanted, candidate = status.trial, status.route.wanted, status.candidate
    trying = trial if candidate else None
    return Seen(
        at=at,
        phase=status.phase,
        message=status.message,
        trial=trying.number if trying else 0,
        step=trying.step if trying else "",
        stable=status.stable.version.bundle.digest if status.stable else "",
        candidate=candidate.version.bundle.digest if candidate else "",
        weight_percent=wanted.weight_of(candidate.twin) if wanted and candidate else 0,
        mirror_percent=wanted.mirror_percent if wanted else 0,
        live=status.route.seen == wanted,
        gates=status.gates if trying else (),
    )


class Timeline:
    """The moments of one release, in a file.

    Args:
        path: The file; it is made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = -1

    def add(self, seen: Seen) -> None:
        """Append a moment. Only who carries the release out does that."""
        if self._lines < 0 or self._lines >= MOST_LINES:
            kept = thinned(self.read())
            write_atomically(self._path, "".join(map(_line, kept)))
            self._lines = len(kept)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(descriptor, _line(seen).encode())
        finally:
            os.close(descriptor)
        self._lines += 1

    def read(self) -> list[Seen]:
        """All moments, oldest first; a line that a kill has cut short is left out."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [found for line in lines if (found := _parse(line)) is not None]


def thinned(moments: Sequence[Seen]) -> list[Seen]:
    """Every second moment of the older three quarters, and every landmark; all, where they are few.

    Example:
        >>> thinned([])
        []
    """
    if len(moments) < MOST_LINES:
        return list(moments)
    old = len(moments) * 3 // 4
    return [
        seen
        for index, seen in enumerate(moments)
        if index >= old or index % 2 == 0 or seen.landmark != moments[index - 1].landmark
    ]


def trials(moments: Iterable[Seen]) -> dict[int, list[Seen]]:
    """The moments of each attempt, by its number."""
    found: dict[int, list[Seen]] = {}
    for seen in moments:
        if seen.trial:
            found.setdefault(seen.trial, []).append(seen)
    return found


def _line(seen: Seen) -> str:
    return seen.model_dump_json(by_alias=True) + "\n"


def _parse(line: bytes) -> Seen | None:
    try:
        return Seen.model_validate_json(line)
    except ValidationError:
        return None
