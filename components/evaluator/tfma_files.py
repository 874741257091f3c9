"""TFMA's result files, so that `tfma.load_eval_result`, `tfma.load_validation_result` and its viewers read ours.

Source:
    tensorflow_model_analysis 0.47.1: writers/eval_config_writer.py, writers/metrics_plots_and_validations_writer.py,
    proto/metrics_for_slice.proto, proto/validation_result.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.evaluator import protos
from components.evaluator.measurement import Interval, Measurement, Role
from components.evaluator.metric_specs import PlannedMetric
from components.evaluator.plan import Plan, Threshold
from components.evaluator.slices import SliceKey, slice_name
from penstock.artifacts import Decision, Verdict

if TYPE_CHECKING:
    from penstock.artifacts import ModelEvaluation

METRICS_FILE = "metrics-00000-of-00001.tfrecord"
PLOTS_FILE = "plots-00000-of-00001.tfrecord"
VALIDATIONS_FILE = "validations.tfrecord"
CONFIG_FILE = "eval_config.json"


def write_tfma_files(
    evaluation: ModelEvaluation,
    measured: Measurement,
    decision: Decision,
    *,
    plan: Plan,
    config: Any,
    confidence: float,
    digests: Mapping[Role, str],
    plots: Sequence[bytes] = (),
) -> None:
    """Write configuration, metrics and validation of the judged split.

    Args:
        evaluation: The artifact to write into.
        measured: Metrics of the judged split.
        decision: Our decision; TFMA's `validation_ok` says whether it is Successful.
        plan: What was computed.
        config: The `tfma.EvalConfig` as the user gave it.
        confidence: Confidence of the intervals.
        digests: The models, by digest: paths would make equal evaluations differ.
        plots: Serialized `PlotsForSlice`, from an engine that makes them.
    """
    from google.protobuf import json_format

    named = _with_models(config, plan, compared=Role.BASELINE in digests)
    run = protos.load("config_pb2").EvalRun(eval_config=named, version=protos.version(), file_format="parquet")
    for role, digest in digests.items():
        run.model_locations[_model_name(role, measured)] = digest
    evaluation.write_text(CONFIG_FILE, json_format.MessageToJson(run, sort_keys=True) + "\n")
    slices = [_metrics_for_slice(measured, plan, i, confidence) for i in range(len(measured.slices))]
    _write_records(evaluation.file(METRICS_FILE), map(_serialized, slices))
    _write_records(evaluation.file(VALIDATIONS_FILE), [_serialized(_validation(measured, plan, decision))])
    # Without plots as well: in a folder without its own file of plots TFMA would take `plots.json` for one.
    _write_records(evaluation.file(PLOTS_FILE), plots)


def _with_models(config: Any, plan: Plan, *, compared: bool) -> Any:
    """The configuration with its models named, as TFMA itself completes it."""
    named = type(config)()
    named.CopyFrom(config)
    spec = named.model_specs[0] if named.model_specs else named.model_specs.add()
    candidate = type(spec)()
    candidate.CopyFrom(spec)
    candidate.label_key = candidate.label_key or plan.label
    candidate.name = str(Role.CANDIDATE) if compared else ""
    del named.model_specs[:]
    named.model_specs.append(candidate)
    if compared:
        baseline = named.model_specs.add()
        baseline.CopyFrom(candidate)
        baseline.name, baseline.is_baseline = str(Role.BASELINE), True
    for metrics in named.metrics_specs:
        del metrics.model_names[:]
        metrics.model_names.extend(spec.name for spec in named.model_specs)
    return named


def _model_name(role: Role, measured: Measurement) -> str:
    """TFMA's name of a model: none when there is but one."""
    return str(role) if Role.BASELINE in measured.values else ""


def _metric_key(metric: PlannedMetric, role: Role, measured: Measurement) -> Any:
    key = protos.load("metrics_for_slice_pb2").MetricKey(name=metric.tfma_name, is_diff=role is Role.DIFFERENCE)
    if metric.average is not None:
        setattr(key.aggregation_type, f"{metric.average.kind}_average", True)
    elif metric.view.classes:
        key.sub_key.class_id.value = metric.view.classes[0]
    key.model_name = _model_name(Role.CANDIDATE if role is Role.DIFFERENCE else role, measured)
    key.example_weighted.value = False
    return key


def _slice_key(key: SliceKey) -> Any:
    message = protos.load("metrics_for_slice_pb2").SliceKey()
    for column, value in key:
        single = message.single_slice_keys.add(column=column)
        if isinstance(value, str):
            single.bytes_value = value.encode()
        elif isinstance(value, int):
            single.int64_value = value
        else:
            single.float_value = value
    return message


def _metrics_for_slice(measured: Measurement, plan: Plan, index: int, confidence: float) -> Any:
    message = protos.load("metrics_for_slice_pb2").MetricsForSlice(slice_key=_slice_key(measured.slices[index]))
    for metric in plan.metrics:
        for role in measured.values:
            found = measured.interval(role, index, metric.name, confidence)
            entry = message.metric_keys_and_values.add(key=_metric_key(metric, role, measured))
            entry.value.double_value.value = found.value
            if math.isfinite(found.lower):
                error = float(measured.errors[role][index, measured.metrics.index(metric.name)])
                _fill_interval(entry.confidence_interval, found, error, measured.degrees(index))
    return message


def _fill_interval(message: Any, found: Interval, error: float, degrees: int) -> None:
    message.lower_bound.double_value.value = found.lower
    message.upper_bound.double_value.value = found.upper
    message.standard_error.double_value.value = error
    message.degrees_of_freedom.value = degrees


def _validation(measured: Measurement, plan: Plan, decision: Decision) -> Any:
    """TFMA's verdict is ours: what we found Failed is a failure, what we found Successful is not."""
    message = protos.load("validation_result_pb2").ValidationResult()
    message.validation_ok = decision.verdict is Verdict.SUCCESSFUL
    message.rubber_stamp = Role.BASELINE not in measured.values
    failed = {(r.subject, r.rule) for r in decision.reasons if r.verdict is Verdict.FAILED}
    for index, key in enumerate(measured.slices):
        broken = [
            threshold
            for threshold in plan.thresholds
            if threshold.applies_to(key)
            and (slice_name(key), f"{threshold.metric}.{threshold.kind}_threshold") in failed
        ]
        if broken:
            of_slice = message.metric_validations_per_slice.add(slice_key=_slice_key(key))
            for threshold in broken:
                _fill_failure(of_slice.failures.add(), threshold, plan, measured, index)
    for slicing in dict.fromkeys(t.slicing for t in plan.thresholds if t.slicing is not None):
        details = message.validation_details.slicing_details.add()
        details.slicing_spec.feature_keys.extend(slicing.keys)
        details.slicing_spec.feature_values.update(dict(slicing.values))
        some = next(t for t in plan.thresholds if t.slicing == slicing)
        details.num_matching_slices = sum(some.applies_to(key) for key in measured.slices)
    return message


def _fill_failure(failure: Any, threshold: Threshold, plan: Plan, measured: Measurement, index: int) -> None:
    role = Role.DIFFERENCE if threshold.kind == "change" else Role.CANDIDATE
    failure.metric_key.CopyFrom(_metric_key(plan.metric(threshold.metric), role, measured))
    value = float(measured.values[role][index, measured.metrics.index(threshold.metric)])
    failure.metric_value.double_value.value = value
    bounds = failure.metric_threshold
    if threshold.kind == "value":
        bounds.value_threshold.SetInParent()
        if threshold.lower is not None:
            bounds.value_threshold.lower_bound.value = threshold.lower
        if threshold.upper is not None:
            bounds.value_threshold.upper_bound.value = threshold.upper
        return
    change = bounds.change_threshold
    bound = threshold.lower if threshold.lower is not None else threshold.upper
    (change.relative if threshold.relative else change.absolute).value = bound or 0.0
    change.direction = 2 if threshold.lower is not None else 1


def _serialized(message: Any) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))


def _write_records(path: Path, records: Iterable[bytes]) -> None:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
