"""Fit the feature transformation on the training split and apply it to every split."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.transform import logic
from components.transform.preprocessing import from_features, from_source
from components.transform.spec import SPEC, TransformParams
from penstock.artifacts import Examples, Schema, TransformedExamples, TransformGraph
from penstock.artifacts.features import FEATURES_FILE, dense_columns
from penstock.artifacts.repeatable import make_tensorflow_repeatable
from penstock.sdk import BadInput, Context, main


def run(context: Context[TransformParams]) -> None:
    """Analyse, save the graph, transform all splits."""
    from components.transform.applying import Applier
    from components.transform.fitting import fit
    from components.transform.saving import save
    from components.transform.tracing import Tracer

    make_tensorflow_repeatable()
    params = context.params
    examples = context.input("examples", Examples)
    splits = [split for split in examples.splits() if split not in params.leave_out]
    if params.analyze_split not in splits:
        raise BadInput(f"analyze_split: there is no split {params.analyze_split!r}; there are {', '.join(splits)}")
    reviewed = {feature.name for feature in context.input("schema", Schema).read().feature}
    types = logic.input_types(params, examples.columns(params.analyze_split), reviewed)
    function = from_features(params.features) if params.features else from_source(params.preprocessing_fn)

    def batches() -> Iterator[dict[str, Any]]:
        for batch in examples.batches(params.analyze_split, params.batch_rows, sorted(types)):
            yield dense_columns(batch, types)

    graph = context.output("transform_graph", TransformGraph)
    with tempfile.TemporaryDirectory(dir=context.scratch) as temporary:
        tracer = Tracer(function, types, Path(temporary))
        fitted = fit(tracer, batches, params.engine)
        spec = logic.feature_spec(params.label, types, fitted.needed, fitted.schema)
        save(fitted, tracer.signature, graph)
        graph.write_json(FEATURES_FILE, spec)

    transformed = context.output("transformed_examples", TransformedExamples)
    applier = Applier(fitted.transform, types, spec, params.batch_rows)
    total, done = sum(examples.rows(split) for split in splits), 0
    for split in splits:
        for rows in applier.apply(examples, split, transformed):
            done += rows
            context.progress(done, total)
    context.processed(total)


if __name__ == "__main__":
    main(SPEC, run)
