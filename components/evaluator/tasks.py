"""What models answer, whether two of them can be compared, and whether labels and scores fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from components.evaluator.spec import ImportanceMetric, PermutationImportance
from penstock.artifacts import Model
from penstock.artifacts.task import TASK_FILE, Task
from penstock.sdk import BadInput, PenstockError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]


_NAMES: dict[tuple[str, str], str] = {
    ("binary", "auc"): "auc",
    ("binary", "accuracy"): "binary_accuracy",
    ("multiclass", "accuracy"): "sparse_categorical_accuracy",
    ("binary", "loss"): "binary_crossentropy",
    ("multiclass", "loss"): "sparse_categorical_crossentropy",
    ("regression", "loss"): "mean_squared_error",
    **{(kind, "skill"): "skill" for kind in ("binary", "multiclass", "regression")},
}
"""What importance is measured by, as it is called in the results; what is not here does not suit the task."""


def read_task(model: Model) -> Task | None:
    """Read what a model answers; None for one that does not say, which has one score a row.

    Raises:
        BadInput: The file is damaged (caller).
    """
    if not (model.path / TASK_FILE).exists():
        return None
    try:
        return model.read_task()
    except ValidationError:
        raise BadInput(f"model {model.uri}: {TASK_FILE} is damaged", "Train the model again") from None


def why_not_comparable(candidate: Task | None, baseline: Task | None) -> str:
    """Say why two models' metrics mean different things; empty where they can be compared.

    A binary model may name its classes or not; classes that have names must have the same, in the same order.

    Example:
        >>> why_not_comparable(Task(kind="binary"), Task(kind="regression"))
        "its task is regression, the candidate's binary"
    """
    one, other = (_kind(task) for task in (candidate, baseline))
    if candidate is None or baseline is None:
        return "" if "multiclass" not in (one, other) else f"its task is {other}, the candidate's {one}"
    if candidate.kind != baseline.kind:
        return f"its task is {other}, the candidate's {one}"
    named = candidate.kind == "multiclass" or (candidate.classes and baseline.classes)
    if named and candidate.classes != baseline.classes:
        return f"its classes are {_listed(baseline.classes)}, the candidate's {_listed(candidate.classes)}"
    return ""


def check_labels(label: Array, task: Task | None, column: str, split: str) -> None:
    """Hold labels against the task.

    Raises:
        BadInput: A label is not 0 or 1 for a binary task, or no number of a class for a multi-class one (caller).
    """
    import numpy as np

    if task is None or task.kind == "regression":
        return
    last = max(task.outputs, 2) - 1
    strange = label[~np.isin(label, np.arange(last + 1))]
    if len(strange):
        raise BadInput(
            f"label {column!r} of split {split!r} has {strange[0]:g}, and the model answers 0 to {last} ({task.kind})",
            "Make the label as it was in training, or train again",
        )


def check_scores(score: Array, task: Task | None, name: str) -> None:
    """Hold the shape of scores against the task.

    Raises:
        PenstockError: The model gives another number of scores a row (caller: its task file does not belong to it).
    """
    given = 1 if score.ndim == 1 else score.shape[1]
    wanted = 1 if task is None else task.outputs
    if given != wanted:
        what = f"says that its task is {_kind(task)}" if task else f"has no {TASK_FILE}"
        raise PenstockError(f"the {name} model gives {given} scores a row, and {what}", "Train the model again")


def importance_metric(task: Task, settings: PermutationImportance) -> ImportanceMetric | None:
    """The metric that importance is measured by; None where the one asked for does not suit the task."""
    by_task: ImportanceMetric = "auc" if task.kind == "binary" else "skill"
    chosen = by_task if settings.metric == "by_task" else settings.metric
    return chosen if (task.kind, chosen) in _NAMES else None


def metric_name(task: Task, metric: ImportanceMetric) -> str:
    """What a metric is called in the results."""
    return _NAMES[task.kind, metric]


def _kind(task: Task | None) -> str:
    return task.kind if task else "unknown"


def _listed(classes: tuple[str, ...], most: int = 5) -> str:
    text = ", ".join(classes[:most]) or "unnamed"
    return f"{text}, ... ({len(classes)})" if len(classes) > most else text
