"""Train a Keras model and export it with the TFT graph inside."""

from __future__ import annotations

from components.trainer import logic
from components.trainer.spec import SPEC, TrainerParams
from penstock.artifacts import Examples, Model, TransformedExamples, TransformGraph, Tuning
from penstock.artifacts.features import FEATURES_FILE, FeatureSpec
from penstock.artifacts.task import TASK_FILE
from penstock.sdk import Context, main


def run(context: Context[TrainerParams]) -> None:
    """Read, check, train, export."""
    from components.trainer.export import Export
    from components.trainer.golden import golden
    from penstock.training import rows
    from penstock.training.fitting import fit

    tuning = context.optional("tuning", Tuning)
    params = logic.tuned(context.params, tuning.read()) if tuning else context.params
    graph = context.input("transform_graph", TransformGraph)
    transformed = context.input("transformed_examples", TransformedExamples)
    spec = FeatureSpec.model_validate_json(graph.read_text(FEATURES_FILE))
    logic.must_be_servable(spec.raw)
    train = rows.read(transformed, params.train_split, spec, params)
    evaluation = rows.read(transformed, params.eval_split, spec, params)

    def told(done: int, total: int) -> None:
        context.progress(done, total, "steps")

    fitted = fit(params, spec, train, evaluation, checkpoint=context.scratch, progress=told)

    model = context.output("model", Model)
    export = Export(fitted, spec, graph.path / "transform_fn")
    examples = context.input("examples", Examples)
    model.write_json("golden.json", golden(examples, params.eval_split, spec.raw, export.scores))
    export.save(model.saved_model)
    model.write_json(FEATURES_FILE, spec)
    model.write_json(TASK_FILE, params.answers())
    model.write_json("history.json", fitted.history)
    model.metadata.update(logic.facts(fitted.history, fitted.kept, params.seed), rows=len(train), device=fitted.device)
    if tuning:
        model.metadata.update(tuning_digest=tuning.digest, tuned=logic.shown(tuning.read().best_parameters))
    context.processed(fitted.seen)


if __name__ == "__main__":
    main(SPEC, run)
