"""From the judged split to `plots.json`: what is drawn, and the importance of the candidate's features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.evaluator.engines import Job
from components.evaluator.importance import permutation_importance
from components.evaluator.inputs import read_features
from components.evaluator.measurement import Role
from components.evaluator.plots import draw, implied_task
from components.evaluator.spec import EvaluatorParams, ImportanceMetric
from components.evaluator.statistics import Rows
from components.evaluator.tasks import importance_metric, metric_name
from penstock.artifacts.features import dense_columns
from penstock.artifacts.task import Task

if TYPE_CHECKING:
    from components.evaluator.scoring import Scorer
    from penstock.artifacts.plots import EvaluationPlots, Importance


_MOST_SCORED, _FEWEST_ROWS = 1_000_000, 200
"""Rows that shuffled copies may have in all [rows]: so many features that they would have more get fewer rows each."""


def draw_judged(job: Job, scorer: Scorer, params: EvaluatorParams) -> EvaluationPlots:
    """Draw the judged split.

    Args:
        job: The split, with the scores of the models.
        scorer: The candidate.
        params: Confidence, seed, and how importance is measured.
    """
    task = job.task or implied_task(job.label)
    metric = importance_metric(task, params.importance) if params.importance.repeats else None
    importance = _importance(job, scorer, params, task, metric) if metric else ()
    return draw(
        job.label,
        job.scores,
        task,
        split=job.split,
        confidence=params.confidence,
        importance=importance,
        importance_metric=metric_name(task, metric) if metric and importance else "",
    )


def _importance(
    job: Job, scorer: Scorer, params: EvaluatorParams, task: Task, metric: ImportanceMetric
) -> tuple[Importance, ...]:
    """Of evenly spaced rows that have a score, so that few of them are made dense again."""
    import numpy as np

    score = job.scores[Role.CANDIDATE]
    fit = np.flatnonzero(np.isfinite(score.reshape(len(score), -1)).all(axis=1))
    if len(fit) < 2:
        return ()
    raw, repeats = read_features(job.models[Role.CANDIDATE]).raw, params.importance.repeats
    most = min(params.importance.max_rows, max(_FEWEST_ROWS, _MOST_SCORED // (repeats * len(raw))))
    chosen = fit[np.linspace(0, len(fit) - 1, min(most, len(fit))).astype(np.int64)]
    return permutation_importance(
        scorer,
        dense_columns(job.table.take(chosen), raw),
        Rows(job.label[chosen], score[chosen]),
        task,
        metric=metric,
        repeats=repeats,
        confidence=params.confidence,
        seed=params.seed,
    )
