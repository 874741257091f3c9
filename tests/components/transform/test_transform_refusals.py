"""What the transform refuses, in one line that says what to do; and what it does when an analyzer is not known."""

import pyarrow as pa
import pytest

from components.transform.logic import input_types
from components.transform.main import SPEC, run
from components.transform.spec import TransformParams
from penstock.artifacts import TransformedExamples
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.testkit import run_component
from tests.components.transform import flights


@pytest.fixture
def transform(some_flights, flights_schema, tmp_path):
    def call(schema=flights_schema, **params):
        inputs = {"examples": some_flights, "schema": schema}
        return run_component(SPEC, run, tmp_path / "out", params={"label": "late", **params}, inputs=inputs).outputs

    return call


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"carier": {"kind": "vocabulary"}}, "column 'carier' is not in the examples; did you mean 'carrier'"),
        ({"x": {"kind": "z_score", "column": "late"}}, "made from the label 'late'"),
        ({"carrier": {"kind": "z_score"}}, r"features.carrier: kind 'z_score' needs a number"),
        ({"late": {"kind": "as_is"}}, "the label 'late' cannot be a feature"),
        ({"hour": {"kind": "buckets"}}, "give either 'count' or 'boundaries'"),
        ({"hour": {"kind": "buckets", "boundaries": [5, 3]}}, "boundaries must rise"),
        ({"hour": {"kind": "zscore"}}, "features.hour"),
        ({}, "give either 'features' or 'preprocessing_fn'"),
    ],
)
def test_declarations_that_cannot_be(transform, features, message):
    with pytest.raises(BadInput, match=message):
        transform(features=features)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def preprocessing_fn(inputs)\n  pass", r"SyntaxError.*line 1"),
        ("x = 1", "defines no function"),
        ("def preprocessing_fn(inputs):\n    return {}", "not empty"),
        ("def preprocessing_fn(inputs):\n    return {'a': inputs['nope']}", r"line 2: KeyError: 'nope'"),
        ("def preprocessing_fn(inputs):\n    return {'a': inputs['carrier']}", "'a' is text after the transformation"),
        (
            "def preprocessing_fn(inputs):\n    return {'a': inputs['hour'] + inputs['late']}",
            "'a' is computed from the label 'late'",
        ),
        (
            "def preprocessing_fn(inputs):\n    return {'a': inputs['hour'][:, None]}",
            "'a' is neither one value a row nor a vector of fixed width",
        ),
        (
            "import tensorflow_transform as tft\ndef preprocessing_fn(inputs):\n"
            "    return {'a': tft.compute_and_apply_vocabulary(inputs['carrier'], top_k=2)}",
            "'a' has negative categories; give its vocabulary num_oov_buckets >= 1",
        ),
    ],
)
def test_authors_code_that_cannot_be(transform, body, message):
    with pytest.raises(BadInput, match=message):
        transform(preprocessing_fn=body)


def test_columns_that_nobody_reviewed_are_no_features(transform, tmp_path):
    schema = flights.schema(tmp_path / "short", ["carrier", "origin"])
    with pytest.raises(BadInput, match="column 'dest' is not in the schema"):
        transform(schema, features={"dest": {"kind": "vocabulary"}})


def test_splits(transform, tmp_path):
    with pytest.raises(BadInput, match="no split 'training'; there are eval, train"):
        transform(features={"hour": {"kind": "z_score"}}, analyze_split="training")
    only = transform(features={"hour": {"kind": "z_score"}}, leave_out=["eval"])
    assert TransformedExamples(only["transformed_examples"].path).splits() == ["train"]


def test_small_batches_give_the_same_vocabularies_and_means(transform):
    features = {name: flights.FEATURES[name] for name in ("carrier", "tailnum", "distance", "temp", "miles")}
    whole = transform(features=features)
    words = (whole["transform_graph"].path / "transform_fn/assets/tailnum").read_bytes()
    rows = whole["transformed_examples"].read("eval").to_pandas()
    parts = transform(features=features, batch_rows=97)
    assert (parts["transform_graph"].path / "transform_fn/assets/tailnum").read_bytes() == words
    others = parts["transformed_examples"].read("eval").to_pandas()
    assert (rows["tailnum"] == others["tailnum"]).all()
    assert abs(rows["distance"] - others["distance"]).max() < 1e-5


def test_equal_inputs_give_equal_bytes_even_in_one_process(transform):
    first = {name: artifact.digest for name, artifact in transform(features=flights.FEATURES).items()}
    assert {name: artifact.digest for name, artifact in transform(features=flights.FEATURES).items()} == first


MUTUAL_INFORMATION = """
import tensorflow_transform as tft

def preprocessing_fn(inputs):
    words = tft.vocabulary(inputs["carrier"], labels=inputs["late"], vocab_filename="told", top_k=5)
    return {"carrier": tft.apply_vocabulary(inputs["carrier"], words, num_oov_buckets=1)}
"""


def test_an_unknown_analyzer_is_refused_or_left_to_beam(transform, caplog):
    with pytest.raises(PenstockError, match="cannot be computed in process: VocabularyAccumulate, VocabularyMerge"):
        transform(preprocessing_fn=MUTUAL_INFORMATION, engine="in_process")
    made = transform(preprocessing_fn=MUTUAL_INFORMATION)
    assert "Apache Beam does the whole analysis" in caplog.text
    assert len(made["transform_graph"].open().vocabulary_by_name("told")) == 5
    assert set(made["transformed_examples"].read("eval").column("carrier").to_pylist()) <= set(range(6))


def test_every_parameter_says_what_it_is():
    properties = TransformParams.model_json_schema()["properties"]
    assert all(value.get("description") for value in properties.values())


def test_a_column_that_no_signature_takes_is_refused_with_its_remedy():
    params = TransformParams.model_validate(
        {"label": "deny", "features": {"own": {"kind": "z_score", "column": "self"}}}
    )
    columns = pa.schema({"self": pa.float32(), "deny": pa.int64()})
    with pytest.raises(BadInput, match=r"no input called 'self'.*\(columns: \{self_: self\}\)"):
        input_types(params, columns, ["self", "deny"])
