"""What is to be computed and judged: TFMA's `EvalConfig`, read once into plain frozen values.

Everything that can be wrong with a configuration is found here, before a model is loaded.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from components.evaluator import protos
from components.evaluator.metrics import METRICS, CurveMetric, Metric, SumMetric, cost_metric
from components.evaluator.spec import EvaluatorParams
from penstock.sdk import BadInput

_HIGHER, _LOWER = 2, 1
"""TFMA's MetricDirection."""


@dataclass(frozen=True)
class Slicing:
    """A way to cut the rows: by each value of the keys, among the rows that have the values."""

    keys: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it looks at, sorted."""
        return tuple(sorted({*self.keys, *(column for column, _ in self.values)}))

    @property
    def overall(self) -> bool:
        """Whether it is the slice of all rows."""
        return not self.columns

    def __str__(self) -> str:
        fixed = dict(self.values)
        return ",".join(f"{c}={fixed[c]}" if c in fixed else c for c in self.columns) or "overall"


OVERALL = Slicing()


@dataclass(frozen=True)
class PlannedMetric:
    """One metric to be computed."""

    name: str
    class_name: str
    threshold: float = 0.5
    """The score above which a prediction is positive, where the metric asks."""
    known: Metric | None = None
    """Its definition; None where only TFMA knows it."""


@dataclass(frozen=True)
class Threshold:
    """One bound on one metric, on the slices that a slicing names; on every slice where it names none."""

    metric: str
    slicing: Slicing | None
    kind: Literal["value", "change"]
    lower: float | None = None
    """Least value, or least change against the baseline."""
    upper: float | None = None
    """Greatest value, or greatest change against the baseline."""
    relative: bool = False
    """Whether a change is a share of the baseline's value."""

    def applies_to(self, key: tuple[tuple[str, Any], ...]) -> bool:
        """Whether it holds for a slice."""
        if self.slicing is None:
            return True
        if tuple(column for column, _ in key) != self.slicing.columns:
            return False
        found = dict(key)
        return all(str(found[column]) == value for column, value in self.slicing.values)


@dataclass(frozen=True)
class Plan:
    """What is computed, on which slices, and what must hold."""

    label: str
    """The label's column; empty where the configuration names none."""
    slicings: tuple[Slicing, ...]
    metrics: tuple[PlannedMetric, ...]
    thresholds: tuple[Threshold, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the metrics, in order."""
        return tuple(metric.name for metric in self.metrics)


def read_eval_config(values: Mapping[str, Any]) -> Any:
    """Read an `EvalConfig` from the JSON form of protocol buffers.

    Raises:
        BadInput: A field is unknown or of the wrong type (caller).
    """
    from google.protobuf import json_format

    try:
        return json_format.ParseDict(dict(values), protos.load("config_pb2").EvalConfig())
    except json_format.ParseError as error:
        reason = " ".join(str(error).split()).removeprefix("Failed to parse ")
        raise BadInput(f"eval_config: {reason}", "See TFMA's EvalConfig for the fields and their types") from None


def full_plan(config: Any, params: EvaluatorParams, *, label: str) -> Plan:
    """The plan of an `EvalConfig` with what our own parameters add: costs as a metric, fairness checked.

    Args:
        config: A `tfma.EvalConfig`.
        params: Costs, fairness, and the engine that must know the metrics.
        label: The label's column where the configuration names none: the one that the model was trained on.

    Raises:
        BadInput: As `make_plan`; or `fairness` names a metric or a slice that is not computed (caller).
    """
    plan = make_plan(config, only_known=params.engine == "vectorised")
    plan = replace(plan, label=plan.label or label)
    for i, gap in enumerate(params.fairness):
        if gap.metric not in plan.names:
            raise BadInput(f"fairness.{i}.metric: {gap.metric!r} is not computed", f"Known: {', '.join(plan.names)}")
        if Slicing((gap.feature,)) not in plan.slicings:
            remedy = f"Add `- feature_keys: [{gap.feature}]` to eval_config.slicing_specs"
            raise BadInput(f"fairness.{i}.feature: {gap.feature!r} is not a slice of its own", remedy)
    if (costs := params.costs) is None:
        return plan
    if "cost" in plan.names:
        raise BadInput("eval_config.metrics_specs: a metric is named 'cost', which `costs` adds", "Name it otherwise")
    cost = PlannedMetric("cost", "", known=cost_metric(costs.false_positive, costs.false_negative))
    bound = [] if costs.max_increase is None else [Threshold("cost", OVERALL, "change", upper=costs.max_increase)]
    return replace(plan, metrics=(*plan.metrics, cost), thresholds=(*plan.thresholds, *bound))


def make_plan(config: Any, *, only_known: bool) -> Plan:
    """Find out what an `EvalConfig` asks for.

    Args:
        config: A `tfma.EvalConfig`.
        only_known: Whether the metrics must be known to the vectorised engine.

    Raises:
        BadInput: It asks for something that neither engine or only the other one can do, or it judges nothing
            (caller).
    """
    label = _only_model(config)
    slicings = tuple(dict.fromkeys(_slicing(spec, "slicing_specs") for spec in config.slicing_specs)) or (OVERALL,)
    if config.cross_slicing_specs:
        raise BadInput("eval_config.cross_slicing_specs: not supported", "Use `fairness` to compare slices")
    metrics: list[PlannedMetric] = []
    thresholds: list[Threshold] = []
    for spec in config.metrics_specs:
        _refuse(spec, ("binarize", "aggregate", "query_key", "output_names", "cross_slice_thresholds"), "metrics_specs")
        own = [_metric(metric, only_known) for metric in spec.metrics]
        metrics += own
        for planned, metric in zip(own, spec.metrics, strict=True):
            _refuse(metric, ("cross_slice_thresholds",), planned.class_name)
            thresholds += _thresholds(planned.name, metric.threshold, metric.per_slice_thresholds)
        for name, threshold in spec.thresholds.items():
            thresholds += _thresholds(name, threshold, ())
        for name, several in spec.per_slice_thresholds.items():
            thresholds += _thresholds(name, None, several.thresholds)
    plan = Plan(label, slicings, tuple(metrics), tuple(dict.fromkeys(thresholds)))
    _check(plan)
    return plan


def _check(plan: Plan) -> None:
    if not plan.metrics:
        raise BadInput("eval_config.metrics_specs: names no metric")
    for name in plan.names:
        if plan.names.count(name) > 1:
            raise BadInput(f"eval_config.metrics_specs: two metrics are named {name!r}", "Name one in its `config`")
    if OVERALL not in plan.slicings:
        raise BadInput("eval_config.slicing_specs: the overall slice is missing", "Add an empty one: `- {}`")
    computed = {slicing.columns for slicing in plan.slicings}
    for threshold in plan.thresholds:
        if threshold.metric not in plan.names:
            near = difflib.get_close_matches(threshold.metric, plan.names, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(plan.names)}"
            raise BadInput(f"eval_config: a threshold is on {threshold.metric!r}, which is not computed", hint)
        if threshold.slicing is not None and threshold.slicing.columns not in computed:
            raise BadInput(
                f"eval_config: the threshold on {threshold.metric} for {threshold.slicing} fits no slicing_specs",
                "Add its columns to slicing_specs",
            )
    if not any(threshold.applies_to(()) for threshold in plan.thresholds):
        raise BadInput(
            "eval_config: no threshold on the overall slice, so nothing could ever be blessed",
            "Add `value_threshold` or `change_threshold` to a metric, for the empty slicing spec",
        )


def _only_model(config: Any) -> str:
    """The label of the one model; the baseline is found by the pipeline, not named by the configuration."""
    specs = [spec for spec in config.model_specs if not spec.is_baseline]
    if len(specs) > 1:
        raise BadInput("eval_config.model_specs: one candidate is judged at a time, and here are several")
    for spec in specs:
        _refuse(spec, ("example_weight_key", "example_weight_keys", "label_keys", "prediction_keys"), "model_specs")
    return str(specs[0].label_key) if specs else ""


def _refuse(message: Any, fields: tuple[str, ...], where: str) -> None:
    present = {field.name for field, _ in message.ListFields()}
    for field in fields:
        if field in present:
            raise BadInput(f"eval_config.{where}.{field}: not supported")


def _slicing(spec: Any, where: str) -> Slicing:
    if spec.slice_keys_sql:
        raise BadInput(f"eval_config.{where}.slice_keys_sql: not supported", "Use feature_keys and feature_values")
    return Slicing(tuple(sorted(spec.feature_keys)), tuple(sorted(spec.feature_values.items())))


def _metric(metric: Any, only_known: bool) -> PlannedMetric:
    where = f"eval_config: metric {metric.class_name!r}"
    try:
        options = json.loads(metric.config) if metric.config else {}
    except json.JSONDecodeError as error:
        raise BadInput(f"{where}: `config` is not JSON ({error.msg})") from None
    if not isinstance(options, dict):
        raise BadInput(f"{where}: `config` is not a JSON object")
    known = None if metric.module else METRICS.get(metric.class_name)
    name = str(options.pop("name", known.name if known else _snake(metric.class_name)))
    threshold = options.pop("thresholds", None)
    threshold = threshold[0] if isinstance(threshold, list) and len(threshold) == 1 else threshold
    simple = threshold is None or (isinstance(known, SumMetric) and known.default_threshold is not None)
    if isinstance(known, CurveMetric) and options.get("num_thresholds") == 10_000:
        del options["num_thresholds"]
    if known is None or options or not simple or isinstance(threshold, list):
        if only_known:
            _refuse_metric(where, metric.class_name, known, options)
        return PlannedMetric(name, metric.class_name)
    return PlannedMetric(name, metric.class_name, float(0.5 if threshold is None else threshold), known)


def _refuse_metric(where: str, class_name: str, known: Metric | None, options: dict[str, Any]) -> None:
    remedy = "Set `engine: tfma`, which knows all of TFMA's and Keras's metrics"
    if known is None:
        near = difflib.get_close_matches(class_name, METRICS, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadInput(f"{where}: the vectorised engine does not know it{hint}", remedy)
    what = ", ".join(sorted(options)) or "thresholds"
    raise BadInput(f"{where}: the vectorised engine does not know its setting {what}", remedy)


def _snake(class_name: str) -> str:
    """TFMA's and Keras's default name of a class: `MeanLabel` is `mean_label`."""
    pieces = [
        f"_{c.lower()}" if c.isupper() and i and not class_name[i - 1].isupper() else c.lower()
        for i, c in enumerate(class_name)
    ]
    return "".join(pieces)


def _thresholds(metric: str, everywhere: Any, per_slice: Any) -> Iterator[Threshold]:
    if everywhere is not None:
        yield from _bounds(metric, None, everywhere)
    for some in per_slice:
        for spec in some.slicing_specs:
            yield from _bounds(metric, _slicing(spec, "per_slice_thresholds"), some.threshold)


def _bounds(metric: str, slicing: Slicing | None, threshold: Any) -> Iterator[Threshold]:
    if threshold.HasField("value_threshold"):
        value = threshold.value_threshold
        lower = value.lower_bound.value if value.HasField("lower_bound") else None
        upper = value.upper_bound.value if value.HasField("upper_bound") else None
        yield Threshold(metric, slicing, "value", lower, upper)
    if threshold.HasField("change_threshold"):
        change = threshold.change_threshold
        if change.direction not in (_HIGHER, _LOWER):
            raise BadInput(
                f"eval_config: the change_threshold on {metric} has no direction",
                "Set it to HIGHER_IS_BETTER or LOWER_IS_BETTER",
            )
        for field in ("absolute", "relative"):
            if change.HasField(field):
                bound = getattr(change, field).value
                lower, upper = (bound, None) if change.direction == _HIGHER else (None, bound)
                yield Threshold(metric, slicing, "change", lower, upper, relative=field == "relative")
