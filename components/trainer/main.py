"""Train a Keras model and export it with the TFT graph inside."""

from __future__ import annotations

from components.trainer import logic
from components.trainer.spec import SPEC, TrainerParams
from penstock.artifacts import Examples, Model, TransformedExamples, TransformGraph
from penstock.artifacts.features import FEATURES_FILE, FeatureSpec
from penstock.sdk import Context, main
from penstock.training import rows
from penstock.training.logic import rows_seen


def run(context: Context[TrainerParams]) -> None:
    """Read, check, train, export."""
    from components.trainer.export import Export
    from components.trainer.golden import golden
    from penstock.training import device, network, training
    from penstock.training.checkpoint import Checkpoint
    from penstock.training.loop import Loop

    params = context.params
    graph = context.input("transform_graph", TransformGraph)
    transformed = context.input("transformed_examples", TransformedExamples)
    spec = FeatureSpec.model_validate_json(graph.read_text(FEATURES_FILE))
    used = device.prepare()
    train = rows.read(transformed, params.train_split, spec, params.task)
    evaluation = rows.read(transformed, params.eval_split, spec, params.task)
    data = training.divide(train, evaluation, params)

    loop = Loop(network.build(spec, params, data.train, data.weights), params)
    training.check_overfit(loop, data.train, params.task)

    def told(done: int, total: int) -> None:
        context.progress(done, total, "steps")

    progress = training.train(loop, data, params, Checkpoint(context.scratch), told)

    model = context.output("model", Model)
    export = Export(loop.model, params.task, spec, graph.path / "transform_fn")
    examples = context.input("examples", Examples)
    model.write_json("golden.json", golden(examples, params.eval_split, spec.raw, export.scores))
    export.save(model.saved_model)
    model.write_json(FEATURES_FILE, spec)
    model.write_json("history.json", progress.history)
    model.metadata.update(logic.facts(progress.history, progress.losses, params), rows=len(train), device=used)
    context.processed(rows_seen(progress.steps, len(data.train), params.batch_size))


if __name__ == "__main__":
    main(SPEC, run)
