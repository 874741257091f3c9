"""The reading half of the store.

Filters hold only fixed words, numbers and hexadecimal digits: ML Metadata pastes them into SQL. They are ordered by
number, the one order that PostgreSQL accepts with a filter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from penstock.artifacts import Model, ModelBlessing, Verdict
from penstock.lineage.errors import UnknownArtifact, UnknownRun
from penstock.lineage.mlmd import nodes
from penstock.lineage.mlmd.connection import Connection
from penstock.lineage.mlmd.types import RUN_TYPE
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State

if TYPE_CHECKING:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

_DIGEST = re.compile(r"(sha256:)?([0-9a-f]{6,64})")
_NEIGHBOURS = 500
"""Among how many of the newest names the nearest is sought for a message."""
_NOT_CACHED = f"custom_properties.state.string_value != '{State.CACHED}'"
_WINDOW = 32
"""How many of the executions that started last are looked at, at first, for the one that ended last."""


class Queries:
    """What can be asked.

    Args:
        connection: An open connection.
    """

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call
        self._find = connection.find

    def runs(self, pipeline: str = "", *, limit: int = 50, offset: int = 0) -> list[RunRecord]:
        """Runs, newest first, without their executions."""
        query = f"type = '{RUN_TYPE}'"
        if pipeline:
            query += f" AND custom_properties.`{nodes.PIPELINE_KEY}`.string_value = '{nodes.key(pipeline)}'"
        found = self._newest("get_contexts", query, offset + limit) if limit > 0 else []
        return [nodes.read_run(node) for node in found[offset:]]

    def run(self, run_id: str) -> RunRecord:
        """One run with its executions.

        Raises:
            UnknownRun: No such run; the message names the nearest (caller).
        """
        node = self._find_run(run_id)
        if node is None:
            raise UnknownRun(f"no run {run_id!r}", _nearest(run_id, [r.run_id for r in self.runs(limit=_NEIGHBOURS)]))
        executions = self._executions(self._find("get_executions_by_context", node.id))
        return nodes.read_run(node, tuple(executions))

    def artifact(self, reference: str) -> ArtifactRecord:
        """The artifact with this digest (or a prefix of at least 6 hex digits), URI or number.

        Content that lies at several addresses is found at the one that was recorded last.

        Raises:
            UnknownArtifact: None, or more than one content, fits (caller).
        """
        if reference.isdecimal() and reference.isascii() and len(reference) < 10:
            numbered = self._find("get_artifacts_by_id", [int(reference)])
            if numbered:
                return nodes.read_artifact(numbered[0])
        if hex_digits := _DIGEST.fullmatch(reference.lower()):
            found = self._with_digest(hex_digits[2], limit=_NEIGHBOURS)
            contents = sorted({a.digest for a in found})
            if len(contents) > 1:
                some = ", ".join(contents[:3])
                raise UnknownArtifact(f"{reference!r} fits {len(contents)} artifacts", f"Give more digits: {some}.")
            if found:
                return found[0]
        stored = [nodes.read_artifact(a) for a in self._find("get_artifacts_by_uri", nodes.uri_column(reference))]
        at_address = [a for a in stored if a.uri == reference]
        if at_address:
            return max(at_address, key=lambda a: a.id or 0)
        newest = [nodes.read_artifact(a) for a in self._newest("get_artifacts", "", _NEIGHBOURS)]
        names = [name for a in newest for name in (a.uri, a.digest, a.digest.removeprefix("sha256:")[:12])]
        raise UnknownArtifact(f"no artifact {reference!r}", _nearest(reference, names))

    def producers(self, artifact: ArtifactRecord) -> list[ExecutionRecord]:
        """The executions that put out this content, oldest first; a cached one only where no other is known."""
        same = self._same_content(artifact)
        made = self._executions_at(same, f"OUTPUT AND {_NOT_CACHED}")
        return made or self._executions_at(same, "OUTPUT", limit=1)

    def consumers(self, artifact: ArtifactRecord, *, cached: bool = True) -> list[ExecutionRecord]:
        """The executions that took this content in, oldest first; without the cached ones where these are not asked."""
        return self._executions_at(self._same_content(artifact), "INPUT" if cached else f"INPUT AND {_NOT_CACHED}")

    def last_blessed(self, pipeline: str, *, other_than: str = "") -> ArtifactRecord | None:
        """The newest model with a Successful model blessing whose digest is not the one given.

        Newest is what the execution that ended last put out, cached or not: the same pipeline run again with an
        older model makes that model the newest.
        """
        blessed = nodes.mark("verdict", Verdict.SUCCESSFUL)
        other = nodes.mark("model_digest", other_than) if other_than else ""
        for execution in self._latest(pipeline, ModelBlessing.kind, with_mark=blessed, without_mark=other):
            judged = {a.metadata.get("model_digest") for a in execution.outputs if nodes.is_blessing(a)}
            for artifact in execution.inputs:
                if artifact.kind == Model.kind and artifact.digest in judged and artifact.digest != other_than:
                    return artifact.model_copy(update={"name": ""})
        return None

    def previous(self, pipeline: str, kind: str, *, unless: tuple[str, str]) -> ArtifactRecord | None:
        """The newest artifact of a kind that no gate refused, passing over those with the given metadata."""
        name, value = unless
        for execution in self._latest(pipeline, kind, without_mark=nodes.mark(name, value)):
            for artifact in reversed(execution.outputs):
                refused = artifact.metadata.get("verdict", Verdict.SUCCESSFUL) != Verdict.SUCCESSFUL
                if artifact.kind == kind and artifact.metadata.get(name) != value and not refused:
                    return artifact.model_copy(update={"name": ""})
        return None

    def still_running(self) -> tuple[dict[str, RunRecord], list[ExecutionRecord]]:
        """Every run and every execution that says `running`."""
        query = f"custom_properties.state.string_value = '{State.RUNNING}'"
        runs = [nodes.read_run(n) for n in self._newest("get_contexts", f"type = '{RUN_TYPE}' AND {query}", None)]
        return {run.run_id: run for run in runs}, self._executions(self._newest("get_executions", query, None))

    def _find_run(self, run_id: str) -> mlmd.Context | None:
        node: mlmd.Context | None = self._call("get_context_by_type_and_name", RUN_TYPE, nodes.label(run_id))
        return node

    def _newest(self, method: str, query: str, limit: int | None) -> list[Any]:
        from ml_metadata import ListOptions
        from ml_metadata.metadata_store import OrderByField

        order = ListOptions(limit=limit, order_by=OrderByField.ID, is_asc=False, filter_query=query or None)
        return list(self._find(method, list_options=order))

    def _latest(
        self, pipeline: str, kind: str, *, with_mark: str = "", without_mark: str = ""
    ) -> Iterator[ExecutionRecord]:
        """Ended executions of a pipeline that put out a kind, by when their end was recorded, last first.

        Numbers follow the start, so the time is looked at within a window of the last started, widened on demand:
        exact unless more executions than the window overtook one that was running. Marks only spare reading: the
        caller looks at what it is given.
        """
        marks = f"custom_properties.`{nodes.output_property(kind)}`.string_value"
        query = f"{marks} LIKE '{nodes.key(pipeline)}:%'"
        if with_mark:
            query += f" AND {marks} LIKE '%{with_mark}%'"
        if without_mark:
            query += f" AND NOT ({marks} LIKE '%{without_mark}%')"
        window, seen = _WINDOW, set[int]()
        while True:
            found = self._newest("get_executions", query, window)
            fresh = {n.id: n.last_update_time_since_epoch for n in found if n.id not in seen}
            seen |= fresh.keys()
            executions = self._executions([n for n in found if n.id in fresh])
            yield from sorted(executions, key=lambda e: (fresh[e.id or 0], e.id), reverse=True)
            if len(found) < window:
                return
            window *= 4

    def _executions(self, found: Sequence[mlmd.Execution]) -> list[ExecutionRecord]:
        """Whole records, by start."""
        if not found:
            return []
        events: dict[int, list[mlmd.Event]] = {node.id: [] for node in found}
        for event in self._find("get_events_by_execution_ids", list(events)):
            events[event.execution_id].append(event)
        numbers = {event.artifact_id for of_one in events.values() for event in of_one}
        stored = self._find("get_artifacts_by_id", sorted(numbers)) if numbers else []
        artifacts = {node.id: nodes.read_artifact(node) for node in stored}
        records = [nodes.read_execution(node, events[node.id], artifacts) for node in found]
        return sorted(records, key=lambda e: (e.started, e.id or 0))

    def _with_digest(self, hex_digits: str, limit: int | None) -> list[ArtifactRecord]:
        """Artifacts whose digest begins with these digits, newest first."""
        compare = f"= 'sha256:{hex_digits}'" if len(hex_digits) == 64 else f"LIKE 'sha256:{hex_digits}%'"
        query = f"custom_properties.`penstock.digest`.string_value {compare}"
        return [nodes.read_artifact(node) for node in self._newest("get_artifacts", query, limit)]

    def _same_content(self, artifact: ArtifactRecord) -> list[ArtifactRecord]:
        hex_digits = _DIGEST.fullmatch(artifact.digest)
        if hex_digits:
            found = self._with_digest(hex_digits[2], limit=None)
        else:  # content without a digest of ours is known by its address
            column = nodes.uri_column(artifact.uri)
            found = [nodes.read_artifact(node) for node in self._find("get_artifacts_by_uri", column)]
            found = [a for a in found if a.uri == artifact.uri]
        return [a for a in found if a.kind == artifact.kind and a.digest == artifact.digest]

    def _executions_at(
        self, artifacts: Sequence[ArtifactRecord], event: str, limit: int | None = None
    ) -> list[ExecutionRecord]:
        found: dict[int, mlmd.Execution] = {}
        for artifact in artifacts:
            query = f"events_0.artifact_id = {artifact.id} AND events_0.type = {event}"
            found |= {node.id: node for node in self._newest("get_executions", query, limit)}
        return self._executions(list(found.values()))


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [n for n in dict.fromkeys(names) if n], n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else "`penstock runs list` shows the runs."
