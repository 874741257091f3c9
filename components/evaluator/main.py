"""Score, measure, judge, and write it all down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.evaluator.drawing import draw_judged
from components.evaluator.engine_tfma import read_plots
from components.evaluator.engines import ENGINES, Job
from components.evaluator.inputs import read_features, read_label, read_split
from components.evaluator.logic import decide
from components.evaluator.measurement import Measurement, Role
from components.evaluator.plan import Plan, full_plan, read_eval_config
from components.evaluator.plots import for_kubeflow
from components.evaluator.report import headline, metrics_table, summary, write_report
from components.evaluator.scoring import Scorer, open_model
from components.evaluator.spec import SPEC, EvaluatorParams
from components.evaluator.tasks import check_labels, check_scores, read_task, why_not_comparable
from components.evaluator.tfma_files import write_tfma_files
from penstock.artifacts import Classification, Examples, Metrics, Model, ModelBlessing, ModelEvaluation
from penstock.artifacts.features import FeatureType, dense_columns
from penstock.artifacts.plots import PLOTS_FILE
from penstock.artifacts.repeatable import make_tensorflow_repeatable
from penstock.artifacts.task import Task
from penstock.sdk import Context, main

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Array = npt.NDArray[np.float64]


def run(context: Context[EvaluatorParams]) -> None:
    """Evaluate a candidate, and the baseline on the same rows where there is one."""
    params = context.params
    config = read_eval_config(params.eval_config)
    models = {Role.CANDIDATE: context.input("model", Model)}
    task, apart = read_task(models[Role.CANDIDATE]), ""
    if params.use_baseline and (baseline := context.optional("baseline", Model)):
        apart = why_not_comparable(task, read_task(baseline))
        models |= {} if apart else {Role.BASELINE: baseline}
    plan = full_plan(config, params, label=read_features(models[Role.CANDIDATE]).label, task=task)
    make_tensorflow_repeatable()
    scorers = {role: open_model(model) for role, model in models.items()}
    measured: list[Measurement] = []
    for job in _jobs(context, plan, config, models, task=task, scorers=scorers):
        measured.append(ENGINES[params.engine](job))
        context.progress(sum(done.rows for done in measured))
    context.processed(sum(done.rows for done in measured))
    decision = decide(measured[-1], plan, params, apart)

    evaluation, blessing = context.output("evaluation", ModelEvaluation), context.output("blessing", ModelBlessing)
    digests = {role: model.digest for role, model in models.items()}
    plots = read_plots(context.scratch, params.splits[-1]) if params.engine == "tfma" else []
    write_tfma_files(
        evaluation,
        measured[-1],
        decision,
        plan=plan,
        config=config,
        confidence=params.confidence,
        digests=digests,
        plots=plots,
    )
    document = summary(measured, plan, decision, params, task)
    write_report(evaluation, metrics_table(measured, params.confidence), document, decision)
    drawn = draw_judged(job, scorers[Role.CANDIDATE], params)  # the last job is the judged
    evaluation.write_json(PLOTS_FILE, drawn)
    context.output("metrics", Metrics).write(headline(measured))
    context.output("classification", Classification).write(for_kubeflow(drawn))
    identity = {f"{name}_digest": digests.get(role, "") for name, role in _NAMED}
    evaluation.metadata.update(**headline(measured), **identity)
    context.decide(decision, blessing, **identity)


_NAMED = (("model", Role.CANDIDATE), ("baseline", Role.BASELINE))


def _jobs(
    context: Context[EvaluatorParams],
    plan: Plan,
    config: object,
    models: dict[Role, Model],
    *,
    task: Task | None,
    scorers: dict[Role, Scorer],
) -> Iterator[Job]:
    """Read and score every split, the judged one last and alone to be resampled."""
    params, examples = context.params, context.input("examples", Examples)
    features = {role: read_features(model).raw for role, model in models.items()}
    needs = {f"{role} model": set(raw) for role, raw in features.items()}
    needs |= {"evaluation": {plan.label, *(column for slicing in plan.slicings for column in slicing.columns)}}
    for split in params.splits:
        judged = split == params.splits[-1]
        table, available = read_split(examples, split, needs, None if judged else params.report_rows)
        label = read_label(table, plan.label, split)
        check_labels(label, task, plan.label, split)
        scores = _scores(table, features, scorers)
        for role, score in scores.items():
            check_scores(score, task, role)
        yield Job(
            split=split,
            rows_available=available,
            table=table,
            label=label,
            models=models,
            scores=scores,
            plan=plan,
            config=config,
            replicates=params.bootstrap_replicates if judged else 0,
            seed=params.seed,
            scratch=context.scratch,
            task=task,
        )


def _scores(
    table: pa.Table, features: dict[Role, dict[str, FeatureType]], scorers: dict[Role, Scorer]
) -> dict[Role, Array]:
    """Score the rows with each model; models that take in the same are given the same columns."""
    columns = dense_columns(table, features[Role.CANDIDATE])
    return {
        role: scorer(columns if features[role] == features[Role.CANDIDATE] else dense_columns(table, features[role]))
        for role, scorer in scorers.items()
    }


if __name__ == "__main__":
    main(SPEC, run)
