"""What is to be computed and judged: TFMA's `EvalConfig`, read once into plain frozen values.

Everything that can be wrong with a configuration is found here, before a model is loaded.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from components.evaluator import protos
from components.evaluator.metric_specs import PlannedMetric, planned_metrics
from components.evaluator.metrics import cost_metric
from components.evaluator.spec import EvaluatorParams
from components.evaluator.tasks import importance_metric
from penstock.artifacts.task import Task
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

    def metric(self, name: str) -> PlannedMetric:
        """The metric of a name."""
        return next(metric for metric in self.metrics if metric.name == name)


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


def full_plan(config: Any, params: EvaluatorParams, *, label: str, task: Task | None) -> Plan:
    """The plan of an `EvalConfig` with what our own parameters add: costs as a metric, fairness checked.

    Args:
        config: A `tfma.EvalConfig`.
        params: Costs, fairness, and the engine that must know the metrics.
        label: The label's column where the configuration names none: the one that the model was trained on.
        task: What the model answers; None where it does not say.

    Raises:
        BadInput: As `make_plan`; or `fairness` names a metric or a slice that is not computed; or there are `costs`
            and the task is not binary (caller).
    """
    plan = make_plan(config, only_known=params.engine == "vectorised", task=task)
    plan = replace(plan, label=plan.label or label)
    for i, gap in enumerate(params.fairness):
        if gap.metric not in plan.names:
            raise BadInput(f"fairness.{i}.metric: {gap.metric!r} is not computed", f"Known: {', '.join(plan.names)}")
        if Slicing((gap.feature,)) not in plan.slicings:
            remedy = f"Add `- feature_keys: [{gap.feature}]` to eval_config.slicing_specs"
            raise BadInput(f"fairness.{i}.feature: {gap.feature!r} is not a slice of its own", remedy)
    if params.importance.repeats and task is not None and importance_metric(task, params.importance) is None:
        raise BadInput(
            f"importance.metric: {params.importance.metric!r} is not for a model whose task is {task.kind}",
            "Leave it out, and one that suits the task is taken",
        )
    if (costs := params.costs) is None:
        return plan
    if task is not None and task.kind != "binary":
        raise BadInput(f"costs: they are for a binary model, and this one's task is {task.kind}", "Take `costs` out")
    if "cost" in plan.names:
        raise BadInput("eval_config.metrics_specs: a metric is named 'cost', which `costs` adds", "Name it otherwise")
    cost = PlannedMetric("cost", "", known=cost_metric(costs.false_positive, costs.false_negative))
    bound = [] if costs.max_increase is None else [Threshold("cost", OVERALL, "change", upper=costs.max_increase)]
    return replace(plan, metrics=(*plan.metrics, cost), thresholds=(*plan.thresholds, *bound))


def make_plan(config: Any, *, only_known: bool, task: Task | None = None) -> Plan:
    """Find out what an `EvalConfig` asks for.

    Args:
        config: A `tfma.EvalConfig`.
        only_known: Whether the metrics must be known to the vectorised engine.
        task: What the model answers; None where it does not say.

    Raises:
        BadInput: It asks for something that neither engine or only the other one can do, or that does not suit the
            task, or it judges nothing (caller).
    """
    label = _only_model(config)
    slicings = tuple(dict.fromkeys(_slicing(spec, "slicing_specs") for spec in config.slicing_specs)) or (OVERALL,)
    if config.cross_slicing_specs:
        raise BadInput("eval_config.cross_slicing_specs: not supported", "Use `fairness` to compare slices")
    metrics: list[PlannedMetric] = []
    thresholds: list[Threshold] = []
    for spec in config.metrics_specs:
        _refuse(spec, ("query_key", "output_names", "cross_slice_thresholds"), "metrics_specs")
        own: list[PlannedMetric] = []
        for metric, planned in planned_metrics(spec, task, only_known=only_known):
            _refuse(metric, ("cross_slice_thresholds",), metric.class_name)
            own += planned
            for one in planned:
                thresholds += _thresholds(one.name, metric.threshold, metric.per_slice_thresholds)
        for name, threshold in spec.thresholds.items():
            for full in _full_names(name, own):
                thresholds += _thresholds(full, threshold, ())
        for name, several in spec.per_slice_thresholds.items():
            for full in _full_names(name, own):
                thresholds += _thresholds(full, None, several.thresholds)
        metrics += own
    plan = Plan(label, slicings, tuple(metrics), tuple(dict.fromkeys(thresholds)))
    _check(plan)
    return plan


def _full_names(name: str, metrics: Sequence[PlannedMetric]) -> list[str]:
    """The metrics that a threshold by name is on: TFMA's name stands for every class and average of the entry."""
    return [metric.name for metric in metrics if metric.base == name] or [name]


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
