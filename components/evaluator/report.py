"""What the evaluation artifact holds for people and machines: `metrics.parquet`, `evaluation.json`, flat metadata."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from components.evaluator.measurement import Measurement, Role
from components.evaluator.plan import Plan
from penstock.artifacts import Decision, ModelEvaluation
from penstock.artifacts.base import Scalar

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
    measured: Sequence[Measurement], plan: Plan, decision: Decision, confidence: float, engine: str
) -> dict[str, Any]:
    """The evaluation as one JSON document, as `penstock run --json` shows it."""
    return {
        "engine": engine,
        "confidence": confidence,
        "judged_split": measured[-1].split,
        "verdict": decision.verdict,
        "metrics": list(plan.names),
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


def _number(value: float) -> float | None:
    """What is undefined is null."""
    return value if math.isfinite(value) else None
