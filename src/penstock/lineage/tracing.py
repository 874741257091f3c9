"""Where content comes from and what depends on it: walks over the lineage, never twice over the same content."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from penstock.lineage.port import LineageStore
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, Record, State

SOURCES = "sources"
"""Metadata key of artifacts that were made from files outside the lineage: a JSON text that names them."""
DEEPEST = 40
"""Executions between the content asked for and the farthest shown."""


class Step(Record):
    """One execution on the way, and the artifacts on its far side."""

    id: int | None
    run_id: str
    task: str
    component: str
    component_version: str
    code_digest: str
    image_digest: str
    state: State
    started: datetime
    parameters: dict[str, Any]
    raw_files: tuple[str, ...]
    """The files outside the lineage that it read, as its outputs say."""
    artifacts: tuple[Node, ...]
    """What it was made from (backward) or what it made (forward)."""


class Node(Record):
    """One artifact of a trace."""

    artifact: ArtifactRecord
    steps: tuple[Step, ...] = ()
    """Backward: the execution that made it. Forward: those that took it in."""
    shown_elsewhere: bool = False
    """Whether the same content stands nearer to the top of the tree, with its steps."""
    cut: bool = False
    """Whether the trace stops here only because it is `DEEPEST` deep."""


class Trace(Record):
    """A tree of artifacts, as far as the lineage knows."""

    forward: bool
    root: Node

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every content once, the root first."""
        return tuple(node for node in _walk(self.root) if not node.shown_elsewhere)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every execution once."""
        steps = {(s.run_id, s.task, s.id): s for node in _walk(self.root) for s in node.steps}
        return tuple(steps.values())

    @property
    def raw_files(self) -> tuple[str, ...]:
        """Every raw file that has a part in it, sorted."""
        return tuple(sorted({name for step in self.steps for name in step.raw_files}))

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Every run that has a part in it, sorted."""
        return tuple(sorted({step.run_id for step in self.steps}))


def trace(store: LineageStore, reference: str, *, forward: bool = False) -> Trace:
    """Follow content back to the raw files and the code that made it, or forward to all that depends on it.

    Forward, content counts and not its address: a copy has the same future. Backward, content that a task handed on
    unchanged is followed through that task to where it came from. What was made several times at other addresses is
    followed through the execution that made it first; executions whose outputs came from the cache add nothing.
    Breadth first, so that content used in many places stands where it is nearest.

    Args:
        store: The lineage.
        reference: A digest or its beginning, a URI, or a number: see `LineageStore.artifact`.
        forward: The blast radius instead of the origin.

    Raises:
        UnknownArtifact: Nothing, or more than one content, fits the reference (caller).
    """
    root = _Draft(store.artifact(reference))
    identity = _content if forward else _place
    seen, waiting = {identity(root.artifact)}, deque([(root, 0)])
    while waiting:
        draft, depth = waiting.popleft()
        executions = _next(store, draft.artifact, forward)
        if depth == DEEPEST:
            draft.cut = bool(executions)
            continue
        for execution in executions:
            side = execution.outputs if forward else execution.inputs
            far = [_Draft(a) for a in side if not forward or _content(a) != _content(draft.artifact)]
            draft.steps.append((execution, far))
            for following in far:
                following.shown_elsewhere = identity(following.artifact) in seen
                if not following.shown_elsewhere:
                    seen.add(identity(following.artifact))
                    waiting.append((following, depth + 1))
    return Trace(forward=forward, root=_freeze(root))


def raw_files(artifact: ArtifactRecord) -> tuple[str, ...]:
    """The raw files that an artifact says it was made from.

    Example:
        >>> listed = '[{"name": "flights", "uri": "flights.csv", "sha256": "0"}, "weather.csv"]'
        >>> raw_files(ArtifactRecord(kind="raw_data", uri="/r", digest="", metadata={"sources": listed}))
        ('flights.csv (sha256:0)', 'weather.csv')
    """
    text = artifact.metadata.get(SOURCES)
    if not isinstance(text, str) or not text:
        return ()
    try:
        listed = json.loads(text)
    except ValueError:
        return tuple(part.strip() for part in text.splitlines() if part.strip())
    return tuple(_names(listed))


@dataclass
class _Draft:
    artifact: ArtifactRecord
    steps: list[tuple[ExecutionRecord, list[_Draft]]] = field(default_factory=list)
    shown_elsewhere: bool = False
    cut: bool = False


def _next(store: LineageStore, artifact: ArtifactRecord, forward: bool) -> list[ExecutionRecord]:
    makers = store.producers(artifact) if not forward or raw_files(artifact) else []
    if forward:  # a copy of raw files is put out beside what was made of them, and nobody takes it in
        return [*makers, *store.consumers(artifact, cached=False)]
    at_this_address = [m for m in makers if any(output.uri == artifact.uri for output in m.outputs)]
    return (at_this_address or makers)[:1]


def _content(artifact: ArtifactRecord) -> tuple[str, str]:
    return artifact.kind, artifact.digest or artifact.uri


def _place(artifact: ArtifactRecord) -> tuple[str, str]:
    return artifact.digest, artifact.uri


def _freeze(draft: _Draft) -> Node:
    return Node(
        artifact=draft.artifact,
        steps=tuple(_step(execution, far) for execution, far in draft.steps),
        shown_elsewhere=draft.shown_elsewhere,
        cut=draft.cut,
    )


def _step(execution: ExecutionRecord, far: Iterable[_Draft]) -> Step:
    known = {name: getattr(execution, name) for name in ExecutionRecord.model_fields if name in Step.model_fields}
    read = tuple(dict.fromkeys(name for output in execution.outputs for name in raw_files(output)))
    return Step(**known, raw_files=read, artifacts=tuple(_freeze(draft) for draft in far))


def _walk(root: Node) -> Iterator[Node]:
    waiting = deque([root])
    while waiting:
        node = waiting.popleft()
        yield node
        waiting.extend(following for step in node.steps for following in step.artifacts)


def _names(listed: Any) -> Iterator[str]:
    """File names out of whatever JSON an ingesting component wrote: texts, mappings, or lists of them."""
    if isinstance(listed, str):
        yield listed
    elif isinstance(listed, list):
        for entry in listed:
            yield from _names(entry)
    elif isinstance(listed, dict):
        name = next((listed[key] for key in _FILE_KEYS if isinstance(listed.get(key), str)), None)
        if name is None:
            for key, entry in listed.items():
                yield from ([f"{key} ({entry})"] if isinstance(entry, str) else _names(entry))
        else:
            yield f"{name} (sha256:{listed['sha256']})" if "sha256" in listed else name


_FILE_KEYS = ("uri", "url", "path", "file", "name")
