"""A small but real SavedModel in the layout of the Model noun, for tests: made in a process of its own, once a run.

Three raw features, one of each type. score = sigmoid(0.5*temp + 0.001*distance + 1.0*[carrier == "AA"] - 1), where a
missing temp counts as 10, a missing distance as 1000, and a missing carrier as no carrier.

And one of three classes, `on time`, `late` and `größer`, whose score is softmax(0, that logit, 0.1*temp).
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

RAW = {"carrier": "string", "temp": "float", "distance": "int"}
ROWS: list[dict[str, Any]] = [
    {"carrier": "AA", "temp": 2.0, "distance": 500},
    {"carrier": "UA", "temp": -3.5, "distance": 2475},
    {"carrier": None, "temp": 1.25, "distance": 100},
    {"carrier": "AA", "temp": None, "distance": 0},
    {"carrier": "B6", "temp": 0.0, "distance": None},
    {"carrier": None, "temp": None, "distance": None},
]


CLASSES = ["on time", "late", "größer"]


def score_by_hand(row: dict[str, Any]) -> float:
    return 1 / (1 + math.exp(-_logit(row)))


def scores_by_hand(row: dict[str, Any]) -> list[float]:
    """What the model of three classes answers."""
    odds = [1.0, math.exp(_logit(row)), math.exp(0.1 * (10.0 if row["temp"] is None else row["temp"]))]
    return [each / sum(odds) for each in odds]


def _logit(row: dict[str, Any]) -> float:
    temp = 10.0 if row["temp"] is None else row["temp"]
    distance = 1000 if row["distance"] is None else row["distance"]
    return 0.5 * temp + 0.001 * distance + (1.0 if row["carrier"] == "AA" else 0.0) - 1.0


def write_model(
    folder: Path, *, scale: float = 1.0, spins: int = 0, classes: bool = False, fragile: bool = False
) -> None:
    """Write the model.

    A `scale` other than 1 makes it answer something else than its golden scores, and `spins` makes it slow: a loop of
    that many steps for each prediction. With `classes` it has three of them. A `fragile` one has no answer where
    temp is 99.
    """
    import tensorflow as tf

    class Small(tf.Module):
        def __init__(self):
            super().__init__()
            self.weight = tf.Variable(0.5)  # like a trained model, it cannot be without its variables

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.string, "carrier"),
                tf.TensorSpec([None], tf.float32, "temp"),
                tf.TensorSpec([None], tf.int64, "distance"),
            ]
        )
        def serve_tensors(self, carrier, temp, distance):
            temp = tf.where(tf.math.is_nan(temp), 10.0, temp)
            known = tf.not_equal(distance, tf.int64.min)
            distance = tf.cast(tf.where(known, distance, tf.constant(1000, tf.int64)), tf.float32)
            american = tf.cast(tf.equal(carrier, "AA"), tf.float32)
            logit = self.weight * temp + 0.001 * distance + american - 1.0
            if spins:
                step = tf.while_loop(lambda i: i < spins, lambda i: [i + tf.size(carrier)], [tf.constant(0)])[0]
                logit += 0.0 * tf.cast(step, tf.float32)
            if fragile:
                logit = tf.where(tf.equal(temp, 99.0), math.nan, logit)
            if classes:
                return {"score": scale * tf.nn.softmax(tf.stack([tf.zeros_like(logit), logit, 0.1 * temp], axis=1))}
            return {"score": tf.reshape(scale * tf.sigmoid(logit), [-1, 1])}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def serving_default(self, examples):
            features = tf.io.parse_example(
                examples,
                {
                    "carrier": tf.io.FixedLenFeature([], tf.string),
                    "temp": tf.io.FixedLenFeature([], tf.float32),
                    "distance": tf.io.FixedLenFeature([], tf.int64),
                },
            )
            return self.serve_tensors(features["carrier"], features["temp"], features["distance"])

    module = Small()
    signatures = {"serve_tensors": module.serve_tensors, "serving_default": module.serving_default}
    tf.saved_model.save(module, str(folder / "saved_model"), signatures=signatures)
    write_beside(folder, classes=classes)


def write_beside(folder: Path, *, classes: bool = False) -> None:
    """The files beside the SavedModel; of one number a row without `task.json`, as older models are."""
    spec = {"label": "late", "raw": RAW, "transformed": {"temp": {"kind": "dense"}}}
    folder.joinpath("features.json").write_text(json.dumps(spec))
    golden = {"rows": ROWS, "scores": [scores_by_hand(row) if classes else score_by_hand(row) for row in ROWS]}
    folder.joinpath("golden.json").write_text(json.dumps(golden))
    folder.joinpath("history.json").write_text("{}")
    if classes:
        folder.joinpath("task.json").write_text(json.dumps({"kind": "multiclass", "classes": CLASSES}))


if __name__ == "__main__":
    models = Path(sys.argv[1])
    write_model(models / "good")
    write_model(models / "worse", scale=0.05)
    write_model(models / "slow", spins=2_000_000)
    write_model(models / "tardy", spins=20_000)
    write_model(models / "nan", scale=math.nan)
    write_model(models / "classes", classes=True)
    write_model(models / "fragile", fragile=True)
