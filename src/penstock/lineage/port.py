"""What a lineage store can do. Adapters are held to it by one contract suite, `tests/contract/lineage`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from penstock.lineage.listing import EVERY_RUN, RunFilter
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord


class LineageStore(Protocol):
    """Keeps runs, executions and artifacts; answers where things come from.

    Every write is atomic by itself and may be repeated. Several processes may use one store at once.
    """

    def start_run(self, run: RunRecord) -> None:
        """Record a run as it starts; its executions are recorded one by one."""

    def finish_run(self, run: RunRecord) -> None:
        """Record how a run ended."""

    def start(self, execution: ExecutionRecord) -> int:
        """Record an execution as running, with its parameters and inputs; returns its number."""

    def finish(self, execution: ExecutionRecord) -> ExecutionRecord:
        """Record how an execution ended, with its outputs; returns it with the numbers of its artifacts."""

    def record(self, executions: Sequence[ExecutionRecord]) -> list[ExecutionRecord]:
        """Record executions that have already ended (cached, skipped), in one transaction where possible."""

    def close_abandoned(self, alive: Callable[[str], bool]) -> list[str]:
        """Mark what still says `running` in runs that are not alive as failed; returns the ids of those runs.

        Their end is the time when that was found out; how long they worked stays unknown (`seconds` is None).
        """

    def finished(self, cache_key: str, *, limit: int) -> list[ExecutionRecord]:
        """Executions with this key that are complete or were taken from the cache, those that started last first.

        Args:
            cache_key: The identity of the work: see `penstock.provenance.keys`.
            limit: At most so many.
        """

    def last_blessed(self, pipeline: str, *, other_than: str = "") -> ArtifactRecord | None:
        """The newest model with a Successful model blessing whose digest is not the one given.

        Newest is what the execution that ended last put out, cached or not.
        """

    def previous(self, pipeline: str, kind: str, *, unless: tuple[str, str]) -> ArtifactRecord | None:
        """The newest artifact of a kind in a pipeline.

        Passed over are artifacts whose metadata has the given key and value, and those whose metadata has a `verdict`
        other than Successful: what a gate refused is no measure for what comes after it.
        """

    def runs(
        self, pipeline: str = "", *, where: RunFilter = EVERY_RUN, limit: int = 50, offset: int = 0
    ) -> list[RunRecord]:
        """Runs, newest first, without their executions.

        Args:
            pipeline: Only runs of this pipeline; the same as `where.pipeline`.
            where: Which runs.
            limit: At most so many.
            offset: How many of the newest that fit are passed over.
        """

    def runs_changed(self, since: int = 0) -> tuple[list[RunRecord], int]:
        """The runs that began or ended since an earlier call, without their executions, and a mark for the next call.

        Args:
            since: The mark that the earlier call gave; 0 for all runs. Some runs that have not changed may come again.
        """

    def pipelines(self) -> list[str]:
        """The names of all pipelines that have run, sorted."""

    def run(self, reference: str) -> RunRecord:
        """One run with its executions.

        Args:
            reference: The run's id, the beginning of one that fits no other, or `latest`: the one that began last.

        Raises:
            UnknownRun: No such run, or several; the message names the nearest (caller).
        """

    def artifact(self, reference: str) -> ArtifactRecord:
        """The artifact with this digest (or a prefix of at least 6 hex digits), URI or number.

        Raises:
            UnknownArtifact: None, or more than one, fits (caller).
        """

    def producers(self, artifact: ArtifactRecord) -> list[ExecutionRecord]:
        """The executions that put out this content, oldest first; a cached one only where no other is known."""

    def consumers(
        self, artifact: ArtifactRecord, *, cached: bool = True, limit: int | None = None
    ) -> list[ExecutionRecord]:
        """The executions that took this content in, oldest first.

        Args:
            artifact: The content; where it lies does not matter.
            cached: Whether executions whose outputs were taken from the cache are among them.
            limit: At most so many, those that started last; all when None.
        """
