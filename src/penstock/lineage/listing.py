"""Lists of runs: which of many are meant, and one page of them.

A store answers "the newest that fit" by itself; whoever asks again and again (the local pages) keeps an index, which
reads every run once and after that only what has changed. Nothing here talks to a store but over the port.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from penstock.lineage.records import Record, RunRecord, State

if TYPE_CHECKING:
    from penstock.lineage.port import LineageStore


class RunFilter(Record):
    """Which runs are meant; what is empty does not restrict."""

    pipeline: str = ""
    states: tuple[State, ...] = ()
    """Any of these."""
    text: str = ""
    """Words, each of which is in the run's id, user, host, or parameters as `name=value`; case does not count."""
    since: datetime | None = None
    """Started at that time or later."""
    until: datetime | None = None
    """Started before that time."""

    def fits(self, run: RunRecord) -> bool:
        """Whether a run is meant.

        Example:
            >>> from datetime import UTC
            >>> run = RunRecord(run_id="flights-1", pipeline="flights", pipeline_digest="", penstock_version="",
            ...     state=State.FAILED, started=datetime(2026, 1, 1, tzinfo=UTC), parameters={"train.epochs": 2})
            >>> RunFilter(text="EPOCHS=2 flights").fits(run), RunFilter(text="epochs=3").fits(run)
            (True, False)
        """
        return (
            (not self.pipeline or run.pipeline == self.pipeline)
            and (not self.states or run.state in self.states)
            and (self.since is None or run.started >= self.since)
            and (self.until is None or run.started < self.until)
            and self.says(searchable(run) if self.text else "")
        )

    def says(self, text: str) -> bool:
        """Whether what `searchable` gives of a run has all the words."""
        return all(word in text for word in self.text.casefold().split())


EVERY_RUN = RunFilter()


class RunPage(Record):
    """Some runs out of those that fit, newest first."""

    runs: tuple[RunRecord, ...]
    offset: int
    """How many newer ones were passed over."""
    total: int
    """How many fit."""


class RunIndex:
    """All runs of a store in memory, without their executions.

    10,000 runs take about half a second to read once and about 50 MB; after that a look costs what has changed.

    Args:
        store: The lineage.
        alive: Whether a run that says `running` still does; one that does not is shown as failed. All do when None.
    """

    def __init__(self, store: LineageStore, alive: Callable[[str], bool] | None = None) -> None:
        self._store = store
        self._alive = alive or (lambda _: True)
        self._runs: dict[str, RunRecord] = {}
        self._texts: dict[str, str] = {}
        self._order: list[str] = []
        self._mark = 0

    def refresh(self) -> None:
        """Read what has changed in the store since the last look."""
        changed, self._mark = self._store.runs_changed(self._mark)
        known = len(self._runs)
        for run in changed:
            if self._runs.get(run.run_id) != run:
                self._runs[run.run_id] = run
                self._texts[run.run_id] = searchable(run)
        if len(self._runs) > known:
            self._order = sorted(self._runs, key=lambda run_id: (self._runs[run_id].started, run_id), reverse=True)

    def page(self, wanted: RunFilter = EVERY_RUN, *, limit: int = 50, offset: int = 0) -> RunPage:
        """One page of the runs that fit, as of the last `refresh`.

        Args:
            wanted: Which runs.
            limit: At most so many, >= 1.
            offset: How many of the newest are passed over, >= 0; beyond the last, the last page is given.
        """
        fitting = self._order if wanted == EVERY_RUN else self._fitting(wanted)
        last = max(0, (len(fitting) - 1) // limit * limit)
        offset = min(offset, last)
        shown = tuple(self._as_it_is(run_id) for run_id in fitting[offset : offset + limit])
        return RunPage(runs=shown, offset=offset, total=len(fitting))

    def pipelines(self) -> dict[str, int]:
        """How many runs each pipeline has, by its name, sorted."""
        return dict(sorted(Counter(run.pipeline for run in self._runs.values()).items()))

    def _fitting(self, wanted: RunFilter) -> list[str]:
        without_text = wanted.model_copy(update={"text": ""})
        return [
            run_id
            for run_id in self._order
            if wanted.says(self._texts[run_id]) and without_text.fits(self._as_it_is(run_id))
        ]

    def _as_it_is(self, run_id: str) -> RunRecord:
        run = self._runs[run_id]
        return as_it_is(run, self._alive)


def as_it_is(run: RunRecord, alive: Callable[[str], bool]) -> RunRecord:
    """A run as it stands: one that says `running` although no process of it lives has failed."""
    if run.state is not State.RUNNING or alive(run.run_id):
        return run
    lost = tuple(
        e.model_copy(update={"state": State.FAILED}) if e.state is State.RUNNING else e for e in run.executions
    )
    return run.model_copy(update={"state": State.FAILED, "executions": lost})


def searchable(run: RunRecord) -> str:
    """What the words of a filter are looked for in, case folded."""
    values = (f"{name}={_text(value)}" for name, value in sorted(run.parameters.items()))
    return "\n".join((run.run_id, run.user, run.host, *values)).casefold()


def first_that_fit(runs: Iterable[RunRecord], wanted: RunFilter, *, limit: int, offset: int) -> list[RunRecord]:
    """A page of runs that come one by one; stops as soon as it is full."""
    found: list[RunRecord] = []
    for run in runs:
        if len(found) >= offset + limit:
            break
        if wanted.fits(run):
            found.append(run)
    return found[offset:]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
