"""TFT's analysis without Beam: trace, feed batches, compute, trace again with the results in place.

TFT turns a `preprocessing_fn` into a TensorFlow graph with placeholders for what must be learnt from the data, and a
graph of analyzer nodes that say how. An analyzer may need the result of another; so it goes in phases: all that is
ready is computed in one pass over the data and put in place, and what has become ready thereby follows in the next.

Source:
    tensorflow_transform 1.16, analyzer_nodes.py (the nodes), beam/analysis_graph_builder.py (the order of phases).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.transform import operations
from components.transform.tracing import Results, Traced, Tracer
from penstock.sdk import PenstockError

Batches = Callable[[], Iterable[Mapping[str, Any]]]
"""Gives the rows to analyse, anew at each call: dictionaries of dense arrays of equal length."""


class UnknownAnalyzer(PenstockError):
    """The function uses analyzers that only Beam can compute."""


def analyse(tracer: Tracer, first: Traced, batches: Batches) -> Results:
    """Learn everything that the function needs from the data.

    Args:
        tracer: The `preprocessing_fn`.
        first: It, traced with nothing known.
        batches: The rows; read once a phase.

    Raises:
        UnknownAnalyzer: The function needs an analyzer that is not known here; nothing was read (caller: use Beam).
    """
    import tensorflow as tf
    from tensorflow_transform import nodes

    unknown = sorted({_kind(o) for o in _operations(first.sinks) if not operations.supported(o.operation_def)})
    if unknown:
        raise UnknownAnalyzer(f"analyzers that cannot be computed in process: {', '.join(unknown)}")
    computation = _Computation(tracer.temporary / "vocabularies")
    traverser = nodes.Traverser(computation)
    results: dict[str, Any] = {}
    while pending := [sink for sink in first.sinks if sink.tensor.name not in results]:
        ready = _ready(first, pending, results)
        if not ready:
            raise PenstockError("preprocessing_fn: its analyzers wait for each other")
        sources = _sources(ready, computation.finished)
        if sources:
            names = sorted({name for source in sources for name in source.tensors})
            # Nothing known yet: the first graph does, cut down to what is wanted.
            fetch = tracer.trace(results, names) if results else first.cut(names)
            computation.finished.update(_accumulate(sources, fetch, batches()))
        for sink in ready:
            results[sink.tensor.name] = tf.constant(traverser.visit_value_node(sink.future), sink.tensor.dtype)
    return results


@dataclass(frozen=True)
class _Source:
    """An accumulator's node and the tensors that feed it."""

    definition: Any
    tensors: tuple[str, ...]


class _Computation:
    """Computes nodes: the visitor that `nodes.Traverser` calls in order of dependence, once for each node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.finished: dict[str, Any] = {}
        """What the accumulators gave, by label."""

    def visit(self, operation_def: Any, input_values: tuple[Any, ...]) -> tuple[Any, ...]:
        if operation_def.label in self.finished:
            return (self.finished[operation_def.label],)
        return operations.FOLLOWERS[type(operation_def).__name__](operation_def, input_values, self._folder)

    def validate_value(self, value: Any) -> None:
        """Any value will do."""


def _accumulate(
    sources: list[_Source], fetch: Callable[[Mapping[str, Any]], Mapping[str, Any]], batches: Iterable[Any]
) -> dict[str, Any]:
    """Feed all rows to all accumulators, in one pass; what each gives, by label."""
    accumulators = [operations.ACCUMULATORS[type(s.definition).__name__](s.definition) for s in sources]
    for batch in batches:
        values = {name: tensor.numpy() for name, tensor in fetch(batch).items()}
        for source, accumulator in zip(sources, accumulators, strict=True):
            accumulator.add(tuple(values[name] for name in source.tensors))
    return {s.definition.label: accumulator.finish() for s, accumulator in zip(sources, accumulators, strict=True)}


def _ready(first: Traced, pending: list[Any], results: Results) -> list[Any]:
    """The sinks whose analyzers need nothing that is not known."""
    from tensorflow_transform import graph_tools, tf_utils

    known = [(tf_utils.hashable_tensor_or_op(sink.tensor), sink.tensor.name in results) for sink in first.sinks]
    analyzer = graph_tools.InitializableGraphAnalyzer(first.graph, first.inputs, known)
    return [
        sink
        for sink in pending
        if all(analyzer.ready_to_run(tensor) for operation in _operations([sink]) for tensor in _tensors(operation))
    ]


def _operations(sinks: Iterable[Any]) -> list[Any]:
    """The operation nodes behind some sinks, each once."""
    found: dict[int, Any] = {}
    stack = [sink.future.parent_operation for sink in sinks]
    while stack:
        operation = stack.pop()
        if id(operation) not in found:
            found[id(operation)] = operation
            stack.extend(value.parent_operation for value in operation.inputs)
    return list(found.values())


def _kind(operation: Any) -> str:
    return type(operation.operation_def).__name__


def _tensors(operation: Any) -> tuple[Any, ...]:
    return tuple(operation.operation_def.tensors) if _kind(operation) == "TensorSource" else ()


def _sources(sinks: Iterable[Any], finished: Mapping[str, Any]) -> list[_Source]:
    """The accumulators behind some sinks that have not been fed, in an order that does not change."""
    found = {}
    for operation in _operations(sinks):
        definition = operation.operation_def
        if _kind(operation) in operations.ACCUMULATORS and definition.label not in finished:
            tensors = [tensor.name for value in operation.inputs for tensor in _tensors(value.parent_operation)]
            found[definition.label] = _Source(definition, tuple(tensors))
    return [found[label] for label in sorted(found)]
