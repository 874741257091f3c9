"""What lies around an artifact: where it came from and what was made of it, as a graph of bounded size.

`tracing` tells everything; this shows what fits on a page, from which one goes on by asking about a neighbour.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from penstock.lineage.port import LineageStore
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, Record


class Neighbourhood(Record):
    """A graph without circles: artifacts, and the executions between them."""

    centre: int
    """The number of the artifact that was asked for."""
    artifacts: tuple[ArtifactRecord, ...]
    """The one asked for first; each has a number."""
    executions: tuple[ExecutionRecord, ...]
    made: tuple[tuple[int, int], ...]
    """Numbers of an execution and of an artifact that it put out."""
    took: tuple[tuple[int, int], ...]
    """Numbers of an artifact and of an execution that took it in."""
    cut: bool
    """Whether there is more than is shown."""


def neighbourhood(
    store: LineageStore, reference: str, *, back: int = 4, forward: int = 2, most: int = 24
) -> Neighbourhood:
    """Walk from an artifact to what it was made from and to what was made of it.

    What was made several times is followed to the execution that made it at this address, or else to the one that made
    it first; executions whose outputs came from the cache are passed over going forward.

    Args:
        store: The lineage.
        reference: A digest or its beginning, a URI, or a number: see `LineageStore.artifact`.
        back: Executions between it and the farthest origin shown, >= 0.
        forward: Executions between it and the farthest consequence shown, >= 0.
        most: At most so many executions either way, the nearest.

    Raises:
        UnknownArtifact: Nothing, or more than one content, fits the reference (caller).
    """
    centre = store.artifact(reference)
    graph = _Graph()
    graph.artifacts[_number(centre)] = centre
    _walk(store, graph, centre, back, most, forward=False)
    _walk(store, graph, centre, forward, most, forward=True)
    return Neighbourhood(
        centre=_number(centre),
        artifacts=tuple(graph.artifacts.values()),
        executions=tuple(graph.executions.values()),
        made=tuple(graph.made),
        took=tuple(graph.took),
        cut=graph.cut,
    )


@dataclass
class _Graph:
    artifacts: dict[int, ArtifactRecord] = field(default_factory=dict)
    executions: dict[int, ExecutionRecord] = field(default_factory=dict)
    made: dict[tuple[int, int], None] = field(default_factory=dict)
    took: dict[tuple[int, int], None] = field(default_factory=dict)
    cut: bool = False

    def leads(self, start: tuple[str, int], goal: tuple[str, int]) -> bool:
        """Whether there is a way from one node to another already: the same content may be handed on unchanged."""
        after: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for execution, artifact in self.made:
            after.setdefault(("e", execution), []).append(("a", artifact))
        for artifact, execution in self.took:
            after.setdefault(("a", artifact), []).append(("e", execution))
        seen, waiting = {start}, [start]
        while waiting:
            for node in after.get(waiting.pop(), ()):
                if node not in seen:
                    seen.add(node)
                    waiting.append(node)
        return goal in seen


def _walk(
    store: LineageStore, graph: _Graph, centre: ArtifactRecord, deepest: int, most: int, *, forward: bool
) -> None:
    waiting, left = deque([(centre, 0)]), most
    while waiting:
        artifact, depth = waiting.popleft()
        for execution in _next(store, artifact, left + 1, forward):
            if depth == deepest or not left:
                graph.cut = True
                break
            if execution.id not in graph.executions:
                left -= 1
            for far in _join(graph, artifact, execution, forward):
                waiting.append((far, depth + 1))


def _next(store: LineageStore, artifact: ArtifactRecord, limit: int, forward: bool) -> list[ExecutionRecord]:
    if forward:
        return store.consumers(artifact, cached=False, limit=limit)
    makers = store.producers(artifact)
    here = [maker for maker in makers if any(output.uri == artifact.uri for output in maker.outputs)]
    return (here or makers)[:1]


def _join(graph: _Graph, artifact: ArtifactRecord, execution: ExecutionRecord, forward: bool) -> list[ArtifactRecord]:
    """Add an execution beside an artifact, with what is on its far side; returns the artifacts that are new."""
    number = execution.id or 0
    graph.executions.setdefault(number, execution)
    near, far = ("a", _number(artifact)), ("e", number)
    if not (graph.leads(far, near) if forward else graph.leads(near, far)):
        _edge(graph, artifact, number, took=forward)
    new = []
    for other in execution.outputs if forward else execution.inputs:
        side = ("a", _number(other))
        if graph.leads(side, far) if forward else graph.leads(far, side):
            continue
        if _number(other) not in graph.artifacts:
            graph.artifacts[_number(other)] = other
            new.append(other)
        _edge(graph, other, number, took=not forward)
    return new


def _edge(graph: _Graph, artifact: ArtifactRecord, execution: int, *, took: bool) -> None:
    if took:
        graph.took[_number(artifact), execution] = None
    else:
        graph.made[execution, _number(artifact)] = None


def _number(artifact: ArtifactRecord) -> int:
    assert artifact.id is not None  # noqa: S101 - for the type checker: what the store gave has a number
    return artifact.id
