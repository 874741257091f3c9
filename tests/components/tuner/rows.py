"""Transformed rows with a rule in them, as files, and the tuner on them in a process of its own.

python rows.py FOLDER SCRATCH PARAMS
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from penstock.artifacts import TransformedExamples, TransformGraph
from penstock.artifacts.features import FEATURES_FILE, FeatureSpec, TransformedFeature


def write_rows(folder: Path, *, seed: int = 1, rows: int = 1200) -> dict[str, TransformedExamples | TransformGraph]:
    """A number and a category that tell the label, and one number that says nothing; splits train, eval and test."""
    random = np.random.default_rng(seed)
    transformed, graph = TransformedExamples(folder / "transformed"), TransformGraph(folder / "graph")
    for split, count in (("train", rows), ("eval", rows // 4), ("test", rows // 4)):
        x, noise, colour = random.normal(size=count), random.normal(size=count), random.integers(0, 3, count)
        label = (1.5 * x + np.array([-1.0, 0.0, 1.0])[colour] + random.logistic(size=count) > 0).astype(np.int64)
        columns = {"x": x.astype(np.float32), "noise": noise.astype(np.float32), "colour": colour, "y": label}
        transformed.write(split, pa.table(columns))
    dense = TransformedFeature(kind="dense")
    spec = FeatureSpec(
        label="y",
        raw={"x": "float", "noise": "float", "colour": "string"},
        transformed={"x": dense, "noise": dense, "colour": TransformedFeature(kind="index", size=4)},
    )
    graph.write_json(FEATURES_FILE, spec)
    return {"transformed_examples": transformed, "transform_graph": graph}


if __name__ == "__main__":
    from components.tuner.main import run
    from components.tuner.spec import SPEC
    from penstock.sdk.testkit import run_component

    where, scratch, params = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    given = {
        "transformed_examples": TransformedExamples(where / "transformed"),
        "transform_graph": TransformGraph(where / "graph"),
    }
    run_component(SPEC, run, scratch.parent / "out", params=params, inputs=given, scratch=scratch)
