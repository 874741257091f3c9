"""What the evaluation artifact holds for people and machines: `metrics.parquet`, `evaluation.json`, flat metadata."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.evaluator.fairness import Gap, gaps
from components.evaluator.measurement import Measurement, Role
from components.evaluator.plan import Plan
from components.evaluator.spec import EvaluatorParams
from penstock.artifacts import Decision, ModelEvaluation
from penstock.artifacts.base import Scalar
from penstock.artifacts.task import Task

if TYPE_CHECKING:
    import pyarrow as pa


def metrics_table(measured: Sequence[Measurement], confidence: float) -> pa.Table:
    """One row per split, slice, metric and model: value, interval, rows. What is undefined is null."""
    import pyarrow as pa

    rows = [
        {
            "model": str(role),
            "split": m.split,
            "slice": name,
            "metric": metric,
            "value": _number(found.value),
            "lower": _number(found.lower),
            "upper": _number(found.upper),
            "rows": int(m.slice_rows[i]),
        }
        for m in measured
        for i, name in enumerate(m.names())
        for metric in m.metrics
        for role in m.values
        for found in [m.interval(role, i, metric, confidence)]
    ]
    text, number = pa.string(), pa.float64()
    fields = [("model", text), ("split", text), ("slice", text), ("metric", text)]
    fields += [("value", number), ("lower", number), ("upper", number), ("rows", pa.int64())]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def summary(
    measured: Sequence[Measurement], plan: Plan, decision: Decision, params: EvaluatorParams, task: Task | None
) -> dict[str, Any]:
    """The evaluation as one JSON document, as `penstock run --json` shows it."""
    confidence = params.confidence
    return {
        "engine": params.engine,
        "task": task.kind if task else None,
        "classes": list(task.classes) if task else [],
        "confidence": confidence,
        "judged_split": measured[-1].split,
        "verdict": decision.verdict,
        "metrics": list(plan.names),
        "fairness": [_fairness(gap) for gap in gaps(measured[-1], params)],
        "splits": {
            m.split: {
                "rows": m.rows,
                "rows_available": m.rows_available,
                "sampled": m.rows < m.rows_available,
                "bootstrap_replicates": m.replicates,
                "slices": [
                    {"slice": name, "rows": int(m.slice_rows[i]), "metrics": _of_slice(m, i, confidence)}
                    for i, name in enumerate(m.names())
                ],
            }
            for m in measured
        },
    }


def headline(measured: Sequence[Measurement]) -> dict[str, Scalar]:
    """The candidate's overall metrics per split, as flat metadata: `eval_auc`, `train_auc`."""
    flat: dict[str, Scalar] = {}
    for m in measured:
        for j, metric in enumerate(m.metrics):
            value = _number(float(m.values[Role.CANDIDATE][0, j]))
            if value is not None:
                flat[f"{m.split}_{metric}"] = value
    return flat


def write_report(evaluation: ModelEvaluation, table: pa.Table, document: dict[str, Any], decision: Decision) -> None:
    """Write the files that are ours; TFMA's lie beside them."""
    import pyarrow.parquet as pq

    pq.write_table(table, evaluation.file("metrics.parquet"), compression="zstd")
    evaluation.write_json("evaluation.json", document)
    evaluation.write_json("decision.json", decision)


def _of_slice(m: Measurement, index: int, confidence: float) -> dict[str, dict[str, list[float | None]]]:
    """By metric and model: value, lower, upper."""
    found: dict[str, dict[str, list[float | None]]] = {}
    for metric in m.metrics:
        for role in m.values:
            i = m.interval(role, index, metric, confidence)
            found.setdefault(metric, {})[role] = [_number(i.value), _number(i.lower), _number(i.upper)]
    return found


def _fairness(gap: Gap) -> dict[str, Any]:
    """One gap; `gap` is value, lower and upper, null where too few slices can be compared."""
    found = gap.found
    return {
        "feature": gap.feature,
        "metric": gap.metric,
        "slices": gap.slices,
        "max_gap": gap.max_gap,
        "highest": {"slice": gap.highest[0], "value": _number(gap.highest[1])} if found else None,
        "lowest": {"slice": gap.lowest[0], "value": _number(gap.lowest[1])} if found else None,
        "gap": [_number(found.value), _number(max(found.lower, 0.0)), _number(found.upper)] if found else None,
    }


def _number(value: float) -> float | None:
    """What is undefined is null."""
    return value if math.isfinite(value) else None
