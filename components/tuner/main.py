"""Reads the training rows and the last study, searches, writes the study."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from components.tuner import logic
from components.tuner.journal import Journal
from components.tuner.search import Report, search
from components.tuner.spec import SPEC, TunerParams
from penstock.artifacts import TransformedExamples, TransformGraph, Tuning
from penstock.artifacts.features import FEATURES_FILE, FeatureSpec
from penstock.sdk import Context, main


def run(context: Context[TunerParams]) -> None:
    """Search on the training split; no other split is opened."""
    from penstock.training import rows

    params = context.params
    transformed = context.input("transformed_examples", TransformedExamples)
    graph = context.input("transform_graph", TransformGraph)
    features = FeatureSpec.model_validate_json(graph.read_text(FEATURES_FILE))
    train = rows.read(transformed, params.base.train_split, features, params.base)
    previous = context.optional("previous", Tuning)

    learnt = 0

    def objective(parameters: Mapping[str, Any], report: Report) -> tuple[float, Sequence[float]]:
        nonlocal learnt
        value, losses, seen = one_trial(params, features, train, parameters, report)
        learnt += seen
        return value, losses

    study = search(
        params,
        objective,
        Journal(context.scratch),
        earlier=previous.read() if previous else None,
        told=lambda done, total: context.progress(done, total, "trials"),
        now=time.monotonic,
    )
    tuning = context.output("tuning", Tuning)
    tuning.write(study)
    states = [trial.state for trial in study.trials if not trial.earlier]
    tuning.metadata.update(
        transformed_examples_digest=transformed.digest,
        trials=len(states),
        pruned=states.count("pruned"),
        failed=states.count("failed"),
        earlier=len(study.trials) - len(states),
        objective=study.objective,
        best=study.trials[study.best].value,
        stopped_by=study.stopped_by,
    )
    context.processed(learnt)


def one_trial(
    params: TunerParams, features: FeatureSpec, train: Any, parameters: Mapping[str, Any], report: Report
) -> tuple[float, Sequence[float], int]:
    """Train on most of the rows and measure on the others, once or once a fold.

    With one division the steps that are reported are epochs, with folds they are folds, each with the mean so far.

    Returns:
        The objective, the mean of the folds; the loss after each epoch, too, as far as all of them came; and the rows
        learnt from, each epoch counting them again [rows].
    """
    from penstock.training.fitting import fit

    settings = params.settings(parameters)
    divisions = logic.held_out(
        len(train), params.holdout, fraction=params.holdout_fraction, folds=params.folds, seed=params.seed
    )
    in_folds = params.holdout == "folds"
    by_fold: list[list[float]] = []
    losses: list[float] = []
    values: list[float] = []
    seen = 0
    for number, (learnt, measured) in enumerate(divisions, start=1):
        fitted = fit(
            settings,
            features,
            train.take(learnt),
            train.take(measured),
            on_epoch=(lambda epoch, loss: False) if in_folds else report,
        )
        by_fold.append(fitted.losses)
        losses.append(fitted.loss)
        values.append(fitted.history[fitted.kept]["eval"][params.objective])
        seen += fitted.seen
        if in_folds and report(number, sum(losses) / len(losses)):
            break
    epochs = [sum(several) / len(several) for several in zip(*by_fold, strict=False)]
    return sum(values) / len(values), epochs, seen


if __name__ == "__main__":
    main(SPEC, run)
