"""From one `MetricsSpec` of an `EvalConfig` to the metrics that it asks for, each held against the model's task.

`binarize` and `aggregate` make several metrics of one: each class against the rest, or their average. TFMA tells them
apart by keys; here their names do: `auc_class_0`, `auc_macro`, `auc_weighted_macro`, `auc_micro`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from components.evaluator.curves import CurveMetric
from components.evaluator.metrics import METRICS, Metric, SumMetric, labels_of, skill_metric, top_k_metric
from components.evaluator.statistics import WHOLE, View
from penstock.artifacts.task import Task
from penstock.sdk import BadInput

AverageKind = Literal["macro", "weighted_macro", "micro"]

SKILL = "Skill"
"""The one metric that is ours and not TFMA's."""
_TOP_K = "SparseTopKCategoricalAccuracy"
_KERAS_TOP_K = 5
_FOR_TASK = {"binary": "BinaryAccuracy", "regression": "MeanSquaredError", "multiclass": "SparseCategoricalAccuracy"}
"""What to take instead of a metric that does not suit the task."""


@dataclass(frozen=True)
class Average:
    """How the metrics of each class against the rest become one."""

    kind: AverageKind
    weights: tuple[tuple[int, float], ...]
    """Classes with their weights."""


@dataclass(frozen=True)
class PlannedMetric:
    """One metric to be computed."""

    name: str
    class_name: str
    threshold: float = 0.5
    """The score above which a prediction is positive, where the metric asks."""
    known: Metric | None = None
    """Its definition; None where only TFMA knows it."""
    view: View = WHOLE
    """How it looks at several classes."""
    average: Average | None = None
    """How classes are averaged, where they are; a macro average is of metrics that see one class each."""
    base: str = ""
    """TFMA's name of it, without the class or the kind of average."""

    @property
    def tfma_name(self) -> str:
        """What TFMA calls it, beside the key that says which class or average."""
        return self.base or self.name


def planned_metrics(spec: Any, task: Task | None, *, only_known: bool) -> Iterator[tuple[Any, list[PlannedMetric]]]:
    """Find out what a `MetricsSpec` asks for.

    Args:
        spec: A `tfma.MetricsSpec`.
        task: What the model answers; None where that is not known.
        only_known: Whether the metrics must be known to the vectorised engine.

    Yields:
        Each `tfma.MetricConfig`, with the metrics that it becomes.

    Raises:
        BadInput: A metric, one of its settings, or a way to look at classes is unknown or does not suit the task
            (caller).
    """
    views = list(_views(spec, task))
    for metric in spec.metrics:
        plain = _metric(metric, task, only_known)
        _check(plain, task, binarized=bool(views))
        yield metric, [_seen(plain, suffix, view, average) for suffix, view, average in views] or [plain]


def _views(spec: Any, task: Task | None) -> Iterator[tuple[str, View, Average | None]]:
    """The ways in which a spec looks at classes, by the ending of a metric's name; none: as they are."""
    for field in ("binarize", "aggregate"):
        if spec.HasField(field) and (task is None or task.kind != "multiclass"):
            raise BadInput(
                f"eval_config.metrics_specs.{field}: the model does not tell several classes apart",
                f"Take `{field}` out; it is for a model whose task is multiclass",
            )
    if task is None or task.kind != "multiclass":
        return
    known = range(task.outputs)
    if spec.HasField("binarize"):
        _only(spec.binarize, "class_ids", "metrics_specs.binarize")
        for c in spec.binarize.class_ids.values:
            _check_class(c, known, "binarize.class_ids")
            yield f"_class_{c}", View((c,)), None
    if spec.HasField("aggregate"):
        kind = spec.aggregate.WhichOneof("type")
        if spec.aggregate.HasField("top_k_list"):
            raise BadInput("eval_config.metrics_specs.aggregate.top_k_list: not supported", f"Take {_TOP_K}")
        if kind is None or not getattr(spec.aggregate, kind):
            raise BadInput("eval_config.metrics_specs.aggregate: no kind is set", "Set `macro_average: true`")
        weights = dict(sorted(spec.aggregate.class_weights.items())) or dict.fromkeys(known, 1.0)
        for c in weights:
            _check_class(c, known, "aggregate.class_weights")
        yield _averaged(kind.removesuffix("_average"), weights)


def _averaged(kind: AverageKind, weights: dict[int, float]) -> tuple[str, View, Average]:
    if min(weights.values()) < 0 or not sum(weights.values()):
        raise BadInput("eval_config.metrics_specs.aggregate.class_weights: a weight is negative, or all are 0")
    if kind == "micro" and set(weights.values()) != {1.0}:
        raise BadInput("eval_config.metrics_specs.aggregate: micro_average takes class_weights of 1 only")
    return f"_{kind}", View(tuple(weights)), Average(kind, tuple(weights.items()))


def _check_class(number: int, known: range, where: str) -> None:
    if number not in known:
        raise BadInput(
            f"eval_config.metrics_specs.{where}: no class {number}", f"The model has the classes 0 to {known[-1]}"
        )


def _only(message: Any, allowed: str, where: str) -> None:
    for field, _ in message.ListFields():
        if field.name != allowed:
            raise BadInput(f"eval_config.{where}.{field.name}: not supported", f"Use `{allowed}`")


def _seen(plain: PlannedMetric, suffix: str, view: View, average: Average | None) -> PlannedMetric:
    return PlannedMetric(
        plain.name + suffix, plain.class_name, plain.threshold, plain.known, view, average, base=plain.name
    )


def _check(metric: PlannedMetric, task: Task | None, *, binarized: bool) -> None:
    """Hold a metric against the task: a number that means nothing must not look like one that does."""
    if metric.known is None or task is None:
        return
    where, labels = f"eval_config: metric {metric.class_name!r}", labels_of(metric.known)
    if binarized and labels in ("class", "any"):
        raise BadInput(
            f"{where} looks at all classes at once, and its metrics_specs entry at one against the rest",
            "Put it into an entry without `binarize` and `aggregate`",
        )
    if task.kind == "multiclass" and not binarized and labels in ("binary", "number"):
        raise BadInput(
            f"{where} is for one score a row, and the model has {task.outputs} classes",
            f"Add `aggregate: {{macro_average: true}}` to its metrics_specs entry, or take {_FOR_TASK[task.kind]}",
        )
    if labels == "class" and task.kind != "multiclass":
        raise BadInput(f"{where} is for several classes, and the model's task is {task.kind}", _instead(task))
    if labels == "binary" and task.kind == "regression":
        raise BadInput(f"{where} is for labels 0 and 1, and the model's task is regression", _instead(task))


def _instead(task: Task) -> str:
    return f"Take {_FOR_TASK[task.kind]}, or another metric for it"


def _metric(metric: Any, task: Task | None, only_known: bool) -> PlannedMetric:
    where = f"eval_config: metric {metric.class_name!r}"
    try:
        options = json.loads(metric.config) if metric.config else {}
    except json.JSONDecodeError as error:
        raise BadInput(f"{where}: `config` is not JSON ({error.msg})") from None
    if not isinstance(options, dict):
        raise BadInput(f"{where}: `config` is not a JSON object")
    known = None if metric.module else _definition(metric.class_name, options, task, where)
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


def _definition(class_name: str, options: dict[str, Any], task: Task | None, where: str) -> Metric | None:
    if class_name == _TOP_K:
        k = options.pop("k", _KERAS_TOP_K)
        if not isinstance(k, int) or k < 1:
            raise BadInput(f"{where}: `k` is {k!r}, not a whole number above 0")
        return top_k_metric(k)
    if class_name == SKILL:
        if task is None:
            raise BadInput(f"{where}: the model does not say what its task is", "Train it again, or leave Skill out")
        return skill_metric(task)
    return METRICS.get(class_name)


def _refuse_metric(where: str, class_name: str, known: Metric | None, options: dict[str, Any]) -> None:
    remedy = "Set `engine: tfma`, which knows all of TFMA's and Keras's metrics"
    if known is None:
        near = difflib.get_close_matches(class_name, [*METRICS, SKILL, _TOP_K], n=1, cutoff=0.5)
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
