"""The reading half of the store.

Filters hold only fixed words, numbers and hexadecimal digits: ML Metadata pastes them into SQL. They are ordered by
number, the one order that PostgreSQL accepts with a filter.
"""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from penstock.artifacts import Model, ModelBlessing, Verdict
from penstock.lineage.errors import UnknownArtifact, UnknownRun
from penstock.lineage.listing import EVERY_RUN, RunFilter, first_that_fit
from penstock.lineage.mlmd import nodes
from penstock.lineage.mlmd.connection import Connection
from penstock.lineage.mlmd.types import PIPELINE_TYPE, RUN_TYPE
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State

if TYPE_CHECKING:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

_DIGEST = re.compile(r"(sha256:)?([0-9a-f]{6,64})")
_KEY = re.compile(r"sha256:[0-9a-f]{64}")
_NEIGHBOURS = 500
"""Among how many of the newest names the nearest is sought for a message."""
_NOT_CACHED = f"custom_properties.state.string_value != '{State.CACHED}'"
_BEGINNING = re.compile(r"[A-Za-z0-9._/-]{2,180}")
"""What a run's id may begin with, in characters that mean nothing to SQL."""
_SHOWN = 3
_LEAST_PAGE, _PAGE = 50, 1000
"""How many nodes are read at once."""
_OVERLAP_MILLISECONDS = 60_000
LATEST = "latest"
"""The reference to the run that began last."""
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

    def runs(
        self, pipeline: str = "", *, where: RunFilter = EVERY_RUN, limit: int = 50, offset: int = 0
    ) -> list[RunRecord]:
        """Runs, newest first, without their executions."""
        wanted = where.model_copy(update={"pipeline": pipeline}) if pipeline else where
        query = f"type = '{RUN_TYPE}'"
        if wanted.pipeline:
            query += f" AND custom_properties.`{nodes.PIPELINE_KEY}`.string_value = '{nodes.key(wanted.pipeline)}'"
        if wanted.states:
            states = ", ".join(f"'{state.value}'" for state in wanted.states)
            query += f" AND custom_properties.state.string_value IN ({states})"
        some = max(_LEAST_PAGE, min(limit + offset, _PAGE))
        found = (nodes.read_run(node) for node in self._from_newest("get_contexts", query, some))
        return first_that_fit(found, wanted, limit=limit, offset=offset) if limit > 0 else []

    def runs_changed(self, since: int = 0) -> tuple[list[RunRecord], int]:
        """The runs that began or ended since an earlier call, and a mark for the next call.

        The mark is a time [ms since 1970] a little before now: clocks of several machines differ, and of two writers
        the one that began first may be seen last.
        """
        mark = int(time.time() * 1000) - _OVERLAP_MILLISECONDS
        query = f"type = '{RUN_TYPE}'"
        if since:
            query += f" AND last_update_time_since_epoch >= {int(since)}"
        return [nodes.read_run(node) for node in self._from_newest("get_contexts", query, _PAGE)], max(mark, since)

    def pipelines(self) -> list[str]:
        """The names of all pipelines that have run, sorted."""
        return sorted(nodes.read_pipeline(node) for node in self._find("get_contexts_by_type", PIPELINE_TYPE))

    def run(self, reference: str) -> RunRecord:
        """One run with its executions, by its id, the beginning of its id, or as the `latest`.

        Raises:
            UnknownRun: No such run, or several; the message names the nearest (caller).
        """
        node = self._find_run(reference) or self._refer(reference)
        if node is None:
            known = [r.run_id for r in self.runs(limit=_NEIGHBOURS)]
            raise UnknownRun(f"no run {reference!r}", _nearest(reference, [LATEST, *known]))
        executions = self._executions(self._find("get_executions_by_context", node.id))
        return nodes.read_run(node, tuple(executions))

    def _refer(self, reference: str) -> mlmd.Context | None:
        """The run that a reference other than its whole id means."""
        if reference == LATEST:
            newest: list[mlmd.Context] = self._newest("get_contexts", f"type = '{RUN_TYPE}'", 1)
            return newest[0] if newest else None
        if not _BEGINNING.fullmatch(reference):
            return None
        query = f"type = '{RUN_TYPE}' AND name LIKE '{nodes.plain(reference)}%'"
        nodes_found = self._from_newest("get_contexts", query, _LEAST_PAGE)
        fitting = ((nodes.read_run(node).run_id, node) for node in nodes_found)
        some = list(islice((pair for pair in fitting if pair[0].startswith(reference)), _SHOWN + 1))
        if len(some) > 1:
            shown = ", ".join(run_id for run_id, _ in some[:_SHOWN]) + (", ..." if len(some) > _SHOWN else "")
            raise UnknownRun(f"several runs begin with {reference!r}: {shown}", "Give more of the id")
        return some[0][1] if some else None

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

    def consumers(
        self, artifact: ArtifactRecord, *, cached: bool = True, limit: int | None = None
    ) -> list[ExecutionRecord]:
        """The executions that took this content in, oldest first; without the cached ones where these are not asked."""
        event = "INPUT" if cached else f"INPUT AND {_NOT_CACHED}"
        found = self._executions_at(self._same_content(artifact), event, limit)
        return found if limit is None else found[len(found) - min(limit, len(found)) :]

    def finished(self, cache_key: str, *, limit: int) -> list[ExecutionRecord]:
        """Executions with this key that have outputs, those that started last first."""
        if not _KEY.fullmatch(cache_key):
            return []
        query = f"custom_properties.cache_key.string_value = '{cache_key}'"
        states = f"custom_properties.state.string_value IN ('{State.COMPLETE}', '{State.CACHED}')"
        return self._executions(self._newest("get_executions", f"{query} AND {states}", limit))[::-1]

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

    def _from_newest(self, method: str, query: str, size: int) -> Iterator[Any]:
        """All that fit, newest first, read a page at a time and no further than they are asked for."""
        before = ""
        while True:
            page = self._newest(method, query + before, size)
            yield from page
            if len(page) < size:
                return
            before, size = f" AND id < {page[-1].id}", _PAGE

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
