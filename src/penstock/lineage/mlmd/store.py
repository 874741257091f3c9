"""The writing half of the store. Each write is one transaction and may be repeated: it finds what it wrote before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from penstock.lineage.mlmd import nodes
from penstock.lineage.mlmd.connection import Connection
from penstock.lineage.mlmd.queries import Queries
from penstock.lineage.mlmd.types import PIPELINE_TYPE, RUN_TYPE, Types
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State

if TYPE_CHECKING:
    from typing import TypeVar

    from ml_metadata.proto import metadata_store_pb2 as mlmd

    T = TypeVar("T")

ABANDONED = "The process of the run ended without saying how (killed, or the machine went down)"
"""The error of what `close_abandoned` closed."""

_RACES = 5
"""How often a write begins anew because somebody else made one of its nodes in between."""


class MlmdStore(Queries):
    """A `LineageStore` on ML Metadata.

    Args:
        connection: An open connection; `penstock.lineage.open.open_store` makes one.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._types = Types(connection)

    def start_run(self, run: RunRecord) -> None:
        """Record a run as it starts; its executions are recorded one by one."""
        self._again_after_a_race(lambda: self._put_run(run))

    def finish_run(self, run: RunRecord) -> None:
        """Record how a run ended."""
        self._again_after_a_race(lambda: self._put_run(run))

    def start(self, execution: ExecutionRecord) -> int:
        """Record an execution as running, with its parameters and inputs; returns its number."""
        number = self.record([execution])[0].id
        assert number is not None  # noqa: S101 - for the type checker: what was just stored has a number
        return number

    def finish(self, execution: ExecutionRecord) -> ExecutionRecord:
        """Record how an execution ended, with its outputs; returns it with the numbers of its artifacts."""
        return self.record([execution])[0]

    def record(self, executions: Sequence[ExecutionRecord]) -> list[ExecutionRecord]:
        """Record executions of one or several runs, one transaction a run; returns them with their numbers."""
        of_runs: dict[str, list[ExecutionRecord]] = {}
        for execution in executions:
            of_runs.setdefault(execution.run_id, []).append(execution)
        stored = {run_id: iter(self._record(of_run)) for run_id, of_run in of_runs.items()}
        return [next(stored[execution.run_id]) for execution in executions]

    def close_abandoned(self, alive: Callable[[str], bool]) -> list[str]:
        """Mark what still says `running` in runs that are not alive as failed; returns the ids of those runs.

        The end is the time of finding out; the seconds of work stay unknown.
        """
        runs, executions = self.still_running()
        dead = {run_id for run_id in {*runs, *(e.run_id for e in executions)} if not alive(run_id)}
        if not dead:
            return []
        # What ended well between the first look and the question has said so by now.
        runs, executions = self.still_running()
        lost = sorted(dead & {*runs, *(e.run_id for e in executions)})
        now = datetime.now(UTC)
        for run_id in lost:
            ended = {"state": State.FAILED, "ended": now, "error": f"{ABANDONED}; found {now:%Y-%m-%d %H:%M:%S} UTC"}
            self.record([e.model_copy(update=ended) for e in executions if e.run_id == run_id])
            if run_id in runs:
                self.finish_run(runs[run_id].model_copy(update={"state": State.FAILED, "ended": now}))
        return lost

    def _put_run(self, run: RunRecord) -> None:
        stored = self._find_run(run.run_id)
        node = nodes.run_node(run, self._types.context(RUN_TYPE), stored.id if stored else None)
        self._call("put_contexts", [node])

    def _record(self, executions: Sequence[ExecutionRecord]) -> list[ExecutionRecord]:
        return self._again_after_a_race(lambda: self._put_executions(executions))

    def _put_executions(self, executions: Sequence[ExecutionRecord]) -> list[ExecutionRecord]:
        numbers = self._numbers(executions)
        artifacts = _Artifacts(self, executions)
        seen = self._events_of([number for number in numbers if number is not None])
        edges = []
        for index, (execution, number) in enumerate(zip(executions, numbers, strict=True)):
            edges += artifacts.edges(execution, index, seen.get(number or 0, set()))
        execution_ids, artifact_ids, _ = self._call(
            "put_lineage_subgraph",
            [
                nodes.execution_node(e.model_copy(update={"id": n}), self._types.execution(e.component))
                for e, n in zip(executions, numbers, strict=True)
            ],
            artifacts.to_write,
            self._contexts(executions[0]),
            edges,
            reuse_context_if_already_exist=True,
        )
        artifacts.written(artifact_ids)
        return [
            e.model_copy(
                update={"id": n, "inputs": artifacts.numbered(e.inputs), "outputs": artifacts.numbered(e.outputs)}
            )
            for e, n in zip(executions, execution_ids, strict=True)
        ]

    def _numbers(self, executions: Sequence[ExecutionRecord]) -> list[int | None]:
        """The numbers of those that are stored already."""
        keys = [nodes.execution_key(e) for e in executions]
        if all(e.id is not None for e in executions):
            return [e.id for e in executions]
        stored = {node.external_id: node.id for node in self._find("get_executions_by_external_ids", keys)}
        return [stored.get(key) for key in keys]

    def _events_of(self, numbers: list[int]) -> dict[int, set[tuple[int, int]]]:
        seen: dict[int, set[tuple[int, int]]] = {}
        for event in self._find("get_events_by_execution_ids", numbers) if numbers else ():
            seen.setdefault(event.execution_id, set()).add((event.artifact_id, event.type))
        return seen

    def _contexts(self, execution: ExecutionRecord) -> list[mlmd.Context]:
        """The run and the pipeline; a run that nobody announced gets what the execution knows of it."""
        unannounced = RunRecord(
            run_id=execution.run_id,
            pipeline=execution.pipeline,
            pipeline_digest="",
            penstock_version="",
            state=State.RUNNING,
            started=execution.started,
        )
        return [
            nodes.run_node(unannounced, self._types.context(RUN_TYPE), None),
            nodes.pipeline_node(execution.pipeline, self._types.context(PIPELINE_TYPE)),
        ]

    def _again_after_a_race(self, write: Callable[[], T]) -> T:
        from ml_metadata import errors

        for _ in range(_RACES - 1):
            try:
                return write()
            except errors.AlreadyExistsError:
                continue
        return write()


class _Artifacts:
    """The artifacts of some executions: which are stored, which must be written, and the events to them.

    An input never changes what is stored of it; an output does when it says something new.
    """

    def __init__(self, store: MlmdStore, executions: Sequence[ExecutionRecord]) -> None:
        self.to_write: list[mlmd.Artifact] = []
        self._index: dict[str, int] = {}
        """Key to position in `to_write`."""
        self._ids: dict[str, int] = {}
        inputs = {nodes.artifact_key(a): a for e in executions for a in e.inputs}
        outputs = {nodes.artifact_key(a): a for e in executions for a in e.outputs}
        wanted = {**inputs, **outputs}
        for node in store._find("get_artifacts_by_external_ids", list(wanted)) if wanted else ():
            self._ids[node.external_id] = node.id
            if node.external_id in outputs and nodes.read_artifact(node).metadata == wanted[node.external_id].metadata:
                outputs.pop(node.external_id)
        for key, artifact in wanted.items():
            if key not in self._ids or key in outputs:
                self._index[key] = len(self.to_write)
                type_id = store._types.artifact(artifact.kind)
                self.to_write.append(nodes.artifact_node(artifact, type_id, self._ids.get(key)))

    def edges(
        self, execution: ExecutionRecord, index: int, seen: set[tuple[int, int]]
    ) -> list[tuple[int, int | None, mlmd.Event]]:
        """The events of an execution that are not stored yet."""
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        edges = []
        for side, type_ in ((execution.inputs, mlmd.Event.INPUT), (execution.outputs, mlmd.Event.OUTPUT)):
            names: dict[str, list[tuple[str, int]]] = {}
            for position, artifact in enumerate(side):
                names.setdefault(nodes.artifact_key(artifact), []).append((artifact.name, position))
            for key, pairs in names.items():
                stored = self._ids.get(key)
                if (stored, type_) not in seen:
                    event = mlmd.Event(type=type_, path=nodes.event_path(pairs), artifact_id=stored)
                    edges.append((index, self._index.get(key), event))
        return edges

    def written(self, artifact_ids: Sequence[int]) -> None:
        """Take note of the numbers that the store gave."""
        self._ids |= {key: artifact_ids[position] for key, position in self._index.items()}

    def numbered(self, artifacts: Iterable[ArtifactRecord]) -> tuple[ArtifactRecord, ...]:
        """The same records with their numbers."""
        return tuple(a.model_copy(update={"id": self._ids[nodes.artifact_key(a)]}) for a in artifacts)
