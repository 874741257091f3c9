"""Choosing who computes the analysis, and what comes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from components.transform import analysis
from components.transform.tracing import Tracer
from penstock.sdk import PenstockError

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """A transformation that needs no more data."""

    transform: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    """From dense columns of equal length to transformed ones."""
    schema: schema_pb2.Schema
    """What comes out, with the ranges of categories."""
    needed: Mapping[str, set[str]]
    """For each output, the columns that it is computed from."""
    assets: Mapping[str, str]
    """The vocabularies' files by name."""
    save: Callable[[Path], None]
    """Writes the SavedModel into a folder that does not exist."""


def fit(tracer: Tracer, batches: analysis.Batches, engine: Literal["auto", "in_process", "beam"]) -> Fitted:
    """Learn what a function needs from the rows.

    Args:
        tracer: The `preprocessing_fn`.
        batches: The rows, given anew at each call.
        engine: Who computes; see `TransformParams.engine`.

    Raises:
        UnknownAnalyzer: `in_process` was asked for and is not enough (author of the pipeline).
        PenstockError: The function's analyzers are others each time it is traced (author of the pipeline).
    """
    if engine != "beam":
        try:
            return _in_process(tracer, batches)
        except analysis.UnknownAnalyzer as error:
            if engine == "in_process":
                raise
            _LOG.warning("%s; Apache Beam does the whole analysis", error)
    from components.transform import beam_analysis

    return beam_analysis.fit(tracer, batches)


def _in_process(tracer: Tracer, batches: analysis.Batches) -> Fitted:
    import tensorflow as tf

    results = analysis.analyse(tracer, tracer.trace_unknown(), batches)
    traced = tracer.trace(results)
    if traced.sinks:
        names = ", ".join(sorted(sink.tensor.name for sink in traced.sinks))
        raise PenstockError(f"preprocessing_fn: called again, it has other analyzers than before: {names}")
    return Fitted(
        transform=traced,
        schema=traced.schema(),
        needed=traced.needed(),
        assets=traced.assets(),
        save=lambda folder: tf.saved_model.save(traced.module, str(folder)),
    )
