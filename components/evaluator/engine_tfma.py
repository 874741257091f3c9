"""TFMA on Beam: the same configuration, rows and models, computed by TFMA itself.

Rows are written as tf.Examples in several files, so that a distributed runner can share them out; models are asked
through `serving_default`. On one machine the runner is Beam's in-process one, with one worker: more are slower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.evaluator import protos
from components.evaluator.inputs import read_features
from components.evaluator.measurement import Measurement, Role
from components.evaluator.metric_specs import SKILL, PlannedMetric
from components.evaluator.plan import Plan
from components.evaluator.slices import SliceKey
from components.evaluator.tfma_package import whole_tfma
from penstock.artifacts.features import FeatureType, arrow_feature_type
from penstock.sdk import PenstockError

if TYPE_CHECKING:
    import pyarrow as pa

    from components.evaluator.engines import Job

_ROWS_PER_FILE = 100_000
"""Rows of one tf.Example file [rows]."""

_Found = tuple[float, float]
"""An estimate and its standard error; NaN where TFMA gives none."""


def with_tfma_estimates(job: Job, own: Measurement) -> Measurement:
    """Let TFMA compute the estimates.

    Args:
        job: What to measure.
        own: The same, measured by the vectorised engine: it gives the standard errors of the metrics it knows, and
            the estimates of those that TFMA does not (`cost`, `skill`).

    Returns:
        The measurement with TFMA's estimates.

    Raises:
        PenstockError: TFMA computed no metric of a planned name (caller: name it in its `config`).
    """
    asked = [m for m in job.plan.metrics if m.class_name not in ("", SKILL)]
    if not asked:
        return own
    found = _read(_analyse(job, _folder(job.scratch, job.split)))
    values = {role: array.copy() for role, array in own.values.items()}
    errors = {role: array.copy() for role, array in own.errors.items()}
    asked = [metric for metric in asked if not metric.class_name.endswith("Plot")]
    for metric in asked:
        if not any(_key(metric) == key for _, key, _ in found):
            given = ", ".join(sorted({name for _, (name, *_), _ in found}))
            remedy = f"""Say its name: config: '{{"name": "..."}}'; found: {given}"""
            raise PenstockError(f"TFMA computed no metric named {metric.tfma_name!r} ({metric.class_name})", remedy)
    for role, estimates in values.items():
        for i, key in enumerate(own.slices):
            for metric in asked:
                j = own.metrics.index(metric.name)
                value, error = found.get((key, _key(metric), role), (math.nan, math.nan))
                if metric.known is None:
                    estimates[i, j], errors[role][i, j] = value, error
                elif math.isfinite(estimates[i, j]):  # TFMA calls an area 0 where a class is missing
                    estimates[i, j] = value
    return replace(own, values=values, errors=errors)


_Key = tuple[str, int | None, bool]
"""TFMA's name of a metric, its class, and whether it is a macro average.

An average weighted by rows is marked as any macro average in TFMA, and some pooled metrics are not marked at all.
"""


def _key(metric: PlannedMetric) -> _Key:
    if metric.average is not None:
        return metric.tfma_name, None, metric.average.kind != "micro"
    return metric.tfma_name, metric.view.classes[0] if metric.view.classes else None, False


def read_plots(scratch: Path, split: str) -> list[bytes]:
    """The plots that TFMA made of a split, as serialized `PlotsForSlice`, sorted; none without its engine."""
    files = sorted((_folder(scratch, split) / "result").glob("plots*"))
    if not files:
        return []
    import tensorflow as tf

    records = sorted(record.numpy() for record in tf.data.TFRecordDataset([str(file) for file in files]))
    plots = protos.load("metrics_for_slice_pb2").PlotsForSlice
    return [record for record in records if plots.FromString(record).plot_keys_and_values]


def _folder(scratch: Path, split: str) -> Path:
    return scratch / "tfma" / split


def write_examples(table: pa.Table, types: Mapping[str, FeatureType], folder: Path) -> str:
    """Write rows as tf.Examples; a missing value is an absent feature.

    Args:
        table: The rows.
        types: How the model reads its features; other columns go by their Arrow type.
        folder: Where the files go.

    Returns:
        The pattern that names the files.
    """
    import pyarrow as pa
    import tensorflow as tf
    from tfx_bsl.coders import example_coder

    folder.mkdir(parents=True, exist_ok=True)
    arrays = [
        _as_lists(c, types.get(n) or arrow_feature_type(c.type))
        for n, c in zip(table.column_names, table.columns, strict=True)
    ]
    batch = pa.RecordBatch.from_arrays(arrays, names=table.column_names)
    encode = example_coder.RecordBatchToExamplesEncoder().encode
    for part, start in enumerate(range(0, table.num_rows, _ROWS_PER_FILE)):
        with tf.io.TFRecordWriter(str(folder / f"rows-{part:05d}.tfrecord")) as writer:
            for example in encode(batch.slice(start, _ROWS_PER_FILE)):
                writer.write(example)
    return str(folder / "rows-*.tfrecord")


def _as_lists(column: pa.ChunkedArray, type_: FeatureType) -> pa.Array:
    """A column as lists of one value, the form that tf.Examples are made from."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    target = {"string": pa.binary(), "float": pa.float32(), "int": pa.int64()}[type_]
    if type_ == "string":
        column = pc.cast(column, pa.string())
    flat = pc.cast(column, target, safe=type_ == "int")
    flat = pa.concat_arrays(flat.chunks) if flat.num_chunks else pa.array([], target)
    present = flat.is_valid().to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(present)]).astype(np.int32)
    offsets = pa.array(ends, mask=np.append(~present, False))
    return pa.ListArray.from_arrays(offsets, flat.drop_null())


def _analyse(job: Job, folder: Path) -> str:
    """Run TFMA; returns the folder with its result files."""
    import apache_beam as beam
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from tfx_bsl.public import tfxio

    tfma = whole_tfma()
    config = tfma.EvalConfig()
    config.CopyFrom(job.config)
    spec = config.model_specs[0] if config.model_specs else config.model_specs.add()
    spec.name, spec.label_key = "", job.plan.label
    spec.signature_name = spec.signature_name or "serving_default"
    config.options.include_default_metrics.value = False
    config.options.disabled_outputs.values.append("eval_config.json")
    _complete(config, job.plan)
    compared = Role.BASELINE in job.models
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=compared, rubber_stamp=not compared)
    shared = [
        tfma.default_eval_shared_model(
            str(model.saved_model), eval_config=config, model_name=str(role) if compared else ""
        )
        for role, model in job.models.items()
    ]
    pattern = write_examples(job.table, read_features(job.models[Role.CANDIDATE]).raw, folder)
    reader = tfxio.TFExampleRecord(pattern, raw_record_column_name=tfma.ARROW_INPUT_COLUMN)
    output = folder / "result"
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | "Read" >> reader.BeamSource()
            | "Analyse"
            >> tfma.ExtractEvaluateAndWriteResults(
                eval_config=config,
                eval_shared_model=shared if compared else shared[0],
                output_path=str(output),
                random_seed_for_testing=job.seed,
            )
        )
    return str(output)


def _complete(config: Any, plan: Plan) -> None:
    """Take out what TFMA does not know, and name the classes of every average, which it asks for."""
    for spec in config.metrics_specs:
        for metric in [metric for metric in spec.metrics if metric.class_name == SKILL]:
            spec.metrics.remove(metric)
        if spec.HasField("aggregate") and not spec.aggregate.class_weights:
            averages = [metric.average for metric in plan.metrics if metric.average is not None]
            classes = range(1 + max(c for average in averages for c, _ in average.weights))
            spec.aggregate.class_weights.update(dict.fromkeys(classes, 1.0))
    for spec in [spec for spec in config.metrics_specs if not spec.metrics]:
        config.metrics_specs.remove(spec)


def _read(output: str) -> dict[tuple[SliceKey, _Key, Role], _Found]:
    """TFMA's scalar metrics by slice, key and model."""
    found: dict[tuple[SliceKey, _Key, Role], _Found] = {}
    for message in whole_tfma().load_metrics(output):
        key = tuple(sorted((single.column, _slice_value(single)) for single in message.slice_key.single_slice_keys))
        for entry in message.metric_keys_and_values:
            if entry.value.WhichOneof("type") != "double_value":
                continue
            role = Role.BASELINE if entry.key.model_name == Role.BASELINE else Role.CANDIDATE
            role = Role.DIFFERENCE if entry.key.is_diff else role
            error = math.nan
            if entry.HasField("confidence_interval"):
                error = entry.confidence_interval.standard_error.double_value.value
            for owner in _owners(role, entry.key):
                found[key, _key_of(entry.key), owner] = (entry.value.double_value.value, error)
    return found


def _key_of(key: Any) -> _Key:
    of_class = key.sub_key.class_id.value if key.sub_key.HasField("class_id") else None
    return key.name, of_class, bool(key.aggregation_type.macro_average or key.aggregation_type.weighted_macro_average)


def _owners(role: Role, key: Any) -> list[Role]:
    """Whose a metric is: what belongs to no model (`example_count`) is everybody's, and does not differ."""
    if key.model_name or role is Role.DIFFERENCE:
        return [role]
    return [Role.CANDIDATE, Role.BASELINE]


def _slice_value(single: Any) -> str | int | float:
    kind = single.WhichOneof("kind")
    value: bytes | int | float = getattr(single, kind)
    return value.decode() if isinstance(value, bytes) else value
