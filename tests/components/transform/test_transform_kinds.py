"""Each kind of feature on a few rows whose answers are worked out by hand."""

from __future__ import annotations

import datetime
import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from components.transform.main import SPEC, run
from penstock.artifacts import Examples, Schema
from penstock.artifacts.features import FeatureSpec
from penstock.sdk import BadInput
from penstock.sdk.testkit import run_component


@pytest.fixture
def transform(tmp_path):
    """Transform columns of a `train` split, and of an `eval` split where one is given; what comes out, as NumPy."""

    numbers = itertools.count()

    def call(features, train, evaluation=None, **params):
        folder = tmp_path / str(next(numbers))
        examples, schema = Examples(folder / "examples"), Schema(folder / "schema")
        for split, columns in {"train": train, "eval": evaluation or train}.items():
            table = pa.table(columns)
            examples.write(split, table.append_column("y", pa.array([0] * table.num_rows)))
        schema.path.mkdir(parents=True)
        schema.write(schema_pb2.Schema(feature=[schema_pb2.Feature(name=name) for name in [*train, "y"]]))
        inputs = {"examples": examples, "schema": schema}
        params = {"label": "y", "features": features, **params}
        done = run_component(SPEC, run, folder / "out", params=params, inputs=inputs)
        table = done.outputs["transformed_examples"].read("eval")
        spec = FeatureSpec.model_validate(done.outputs["transform_graph"].read_json("features.json"))
        assert set(spec.transformed) == set(table.column_names) - {"y"}
        rows = {name: np.array(table.column(name).to_pylist()) for name in spec.transformed}
        widths = {name: feature.width for name, feature in spec.transformed.items()}
        for name, values in rows.items():
            assert values.shape == ((len(table),) if widths[name] == 1 else (len(table), widths[name]))
        return rows, spec.transformed, done.outputs["transform_graph"]

    return call


def test_robust_counts_interquartile_ranges_from_the_median(transform) -> None:
    train = {"x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, None], "spike": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0]}
    declared = {
        "x": {"kind": "robust", "indicator": True},
        "bounded": {"kind": "robust", "column": "x", "smooth_clip": 3.0},
        "spike": {"kind": "robust"},
    }
    rows, _, _ = transform(declared, train, {"x": [4.0, 8.0, 4004.0, None], "spike": [0.0, 8.0, None, 16.0]})
    # Quartiles 2, 4, 6: the range is 4.
    assert rows["x"] == pytest.approx([0.0, 1.0, 1000.0, 0.0])
    assert rows["x_missing"].tolist() == [0, 0, 0, 1]
    assert rows["bounded"] == pytest.approx([0.0, 1 / math.sqrt(1 + 1 / 9), 3.0, 0.0], abs=1e-4)
    # Quartiles 0, 0, 0: the standard deviation, sqrt(8 - 1) = 2.6458, takes the range's place.
    assert rows["spike"] == pytest.approx([0.0, 8 / math.sqrt(7), 0.0, 16 / math.sqrt(7)], abs=1e-5)


def test_piecewise_is_a_ramp_in_each_bin_between_quantiles(transform) -> None:
    train = {"x": [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 20.0]}
    rows, spec, _ = transform(
        {"x": {"kind": "piecewise", "width": 4}}, train, {"x": [0.0, 1.0, 5.0, 20.0, 15.0, -7.0, 99.0, None]}
    )
    # Minimum 0, quartiles 2, 4, 8, maximum 20.
    assert rows["x"].tolist() == [
        [0.0, 0.0, 0.0, 0.0],
        [0.5, 0.0, 0.0, 0.0],
        [1.0, 1.0, 0.25, 0.0],
        [1.0, 1.0, 1.0, 1.0],
        [1.0, 1.0, 1.0, pytest.approx(7 / 12)],
        [0.0, 0.0, 0.0, 0.0],
        [1.0, 1.0, 1.0, 1.0],
        [0.0, 0.0, 0.0, 0.0],
    ]
    assert rows["x_missing"].tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    assert (spec["x"].kind, spec["x"].width, spec["x_missing"].width) == ("dense", 4, 1)


def test_a_bin_that_begins_and_ends_at_one_value_is_a_step(transform) -> None:
    train = {"x": [0.0] * 6 + [1.0, 2.0, 4.0], "same": [3.0] * 9}
    declared = {
        "x": {"kind": "piecewise", "width": 4, "indicator": False},
        "same": {"kind": "piecewise", "width": 2, "indicator": False},
    }
    rows, _, _ = transform(declared, train, {"x": [0.0, 0.5, 4.0, -1.0], "same": [3.0, 2.0, 4.0, None]})
    # Boundaries 0, 0, 0, 1, 4: two steps at 0, then ramps.
    assert rows["x"].tolist() == [
        [0.5, 0.5, 0.0, 0.0],
        [1.0, 1.0, 0.5, 0.0],
        [1.0, 1.0, 1.0, 1.0],
        [0.0, 0.0, 0.0, 0.0],
    ]
    assert rows["same"].tolist() == [[0.5, 0.5], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("how", "filling"),
    [({"impute": "mean"}, 4.0), ({"impute": "median"}, 2.0), ({"impute": "constant", "constant": -1}, -1.0)],
)
def test_imputation_fills_gaps_before_all_else(transform, how, filling) -> None:
    train = {"x": [1.0, 2.0, 9.0, None]}
    declared = {
        "raw": {"kind": "as_is", "column": "x", **how},
        "x": {"kind": "min_max", "indicator": True, **how},
        "z": {"kind": "z_score", "column": "x", **how},
        "bins": {"kind": "piecewise", "column": "x", "width": 2, **how},
        "wave": {"kind": "cyclic", "column": "x", "period": 8, **how},
    }
    rows, _, _ = transform(declared, train)
    values = np.array([1.0, 2.0, 9.0, filling])
    shares = (values - values.min()) / (values.max() - values.min())
    assert rows["raw"] == pytest.approx(values)
    assert rows["x"] == pytest.approx(shares)
    middle = np.sort(values)[2]  # of four values the upper one of the middle two
    ramps = [(values - values.min()) / (middle - values.min()), (values - middle) / (values.max() - middle)]
    assert rows["bins"] == pytest.approx(np.clip(ramps, 0, 1).T)
    assert rows["x_missing"].tolist() == [0, 0, 0, 1]
    assert rows["z"] == pytest.approx((values - values.mean()) / values.std(), abs=1e-6)
    assert rows["wave_sin"] == pytest.approx(np.sin(values * math.tau / 8), abs=1e-6)


def test_a_column_of_nothing_is_imputed_with_zero(transform) -> None:
    empty = {"x": pa.array([None, None], pa.float64())}
    declared = {how: {"kind": "as_is", "column": "x", "impute": how} for how in ("mean", "median")}
    rows, _, _ = transform(declared, empty, {"x": [3.0, None]})
    assert rows["mean"].tolist() == rows["median"].tolist() == [3.0, 0.0]


def test_words_of_a_text_are_numbered_by_how_often_they_occur(transform) -> None:
    train = {"note": ["Red RED red, green!", "green-blue blue", "red blue rare", None, "...", "weiß"]}
    evaluation = {"note": ["Blue", "RED;green\nblue, never", "red red red red red", None, "", "?!"]}
    rows, spec, graph = transform({"note": {"kind": "text", "max_tokens": 3}}, train, evaluation)
    # red 4, blue 3, green 2; once only: rare, weiß.
    assert graph.open().vocabulary_by_name("note") == [b"red", b"blue", b"green"]
    assert rows["note"].tolist() == [[2, 0, 0], [1, 3, 2], [1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert (spec["note"].kind, spec["note"].size, spec["note"].width) == ("tokens", 5, 3)  # padding, 3 words, unseen


def test_unseen_words_have_their_own_numbers_behind_the_seen(transform) -> None:
    declared = {"note": {"kind": "text", "max_tokens": 2, "frequency_threshold": 0, "top_k": 1, "oov_buckets": 3}}
    rows, spec, _ = transform(declared, {"note": ["a b c", "a d"]}, {"note": ["a b", "z"]})
    assert spec["note"].size == 1 + 1 + 3
    assert rows["note"][0][0] == 1 and rows["note"][0][1] in (2, 3, 4) and rows["note"][1][0] in (2, 3, 4)


def test_words_of_any_script_are_words(transform) -> None:
    texts = ["ÀÉÎ Straße 北京 дядя हिन्दी route66", "àéî STRASSE 北京、ДЯДЯ«हिन्दी» Route66"]
    _, _, graph = transform({"note": {"kind": "text"}}, {"note": texts})
    assert {w.decode() for w in graph.open().vocabulary_by_name("note")} == {"àéî", "北京", "дядя", "हिन्दी", "route66"}


def test_equally_frequent_values_are_cut_in_one_order(transform) -> None:
    rows, _, graph = transform(
        {"c": {"kind": "vocabulary", "top_k": 2}, "t": {"kind": "text", "column": "c", "top_k": 2, "max_tokens": 2}},
        {"c": ["b", "a", "d", "c", "d", "a", "b", "c"]},
    )
    assert graph.open().vocabulary_by_name("c") == graph.open().vocabulary_by_name("t") == [b"d", b"c"]
    assert rows["c"].tolist() == [2, 2, 0, 1, 0, 2, 2, 1]


WHEN = [
    "1970-01-01",
    "2000-02-29T06:00:00Z",
    "2100-03-01 18:30:45.123456",
    "1969-12-31T23:59",
    "0001-01-01T12",
    "9999-12-31 23:59:59+05:30",
    "2013-06-15T00:00:00",
]


def wave(share: float) -> list[float]:
    return [math.sin(share * math.tau), math.cos(share * math.tau)]


def parts_of(text: str) -> dict[str, float]:
    """Shares of the day, week, month and year that have passed, by Python's calendar."""
    clock = [float(part) for part in text[11:].split("+", 1)[0].rstrip("Z").split(":")] if len(text) > 10 else []
    hour, minute, second = [*clock, 0.0, 0.0, 0.0][:3]
    day = datetime.date.fromisoformat(text[:10])
    leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
    length = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][day.month - 1]
    return {
        "hour": (hour + minute / 60 + math.floor(second) / 3600) / 24,
        "weekday": day.weekday() / 7,
        "day_of_month": (day.day - 1) / length,
        "day_of_year": (day.timetuple().tm_yday - 1) / (366 if leap else 365),
    }


def test_parts_of_a_time_come_round(transform) -> None:
    parts = ["hour", "weekday", "day_of_month", "day_of_year"]
    rows, spec, _ = transform({"when": {"kind": "time", "parts": parts}}, {"when": WHEN})
    for row, text in enumerate(WHEN):
        for part, share in parts_of(text).items():
            found = [rows[f"when_{part}_{axis}"][row] for axis in ("sin", "cos")]
            assert found == pytest.approx(wave(share), abs=1e-5), (text, part)
    assert len(spec) == 9 and rows["when_missing"].tolist() == [0] * len(WHEN)


def test_every_day_of_a_century_is_the_calendars(transform) -> None:
    days = [datetime.date(1999, 1, 1) + datetime.timedelta(days=n) for n in range(0, 38_000, 7)]
    days += [datetime.date(y, m, d) for y in (1999, 2000, 2004, 2100) for m, d in ((2, 28), (3, 1), (12, 31), (1, 1))]
    rows, _, _ = transform({"d": {"kind": "time", "trend": True}}, {"d": pa.array(days, pa.date32())})
    counts = np.array([day.toordinal() for day in days], float)
    assert rows["d_trend"] == pytest.approx((counts - counts.mean()) / counts.std(), abs=1e-6)
    expected = np.array([wave(day.weekday() / 7) for day in days])
    assert rows["d_weekday_sin"] == pytest.approx(expected[:, 0], abs=1e-6)
    assert rows["d_weekday_cos"] == pytest.approx(expected[:, 1], abs=1e-6)


def test_an_offset_is_no_part_of_a_time_that_is_cut_short(transform) -> None:
    plain = ["2013-01-31T05:30", "2013-01-31T05", "2013-01-31 05:30:07", "2013-01-31"]
    zoned = ["2013-01-31T05:30Z", "2013-01-31T05+0200", "2013-01-31 05:30:07 -11:45", "2013-01-31"]
    zoned += ["2013-01-31T05:30+01:00", "2013-01-31T05Z", "2013-01-31T05:30:07.25Z", "2013-01-31T00:00-01:00"]
    rows, _, _ = transform({"t": {"kind": "time", "trend": True}}, {"t": plain}, {"t": [*plain, *zoned]})
    for column in ("t_hour_sin", "t_hour_cos", "t_trend", "t_day_of_year_sin"):
        assert rows[column][4:] == pytest.approx([*rows[column][:4]] * 2, abs=1e-6)
    assert rows["t_missing"].tolist() == [0.0] * 12


def test_timestamps_are_read_as_the_tables_hold_them(transform) -> None:
    at = datetime.datetime(2013, 7, 1, 6, 0)
    train = {
        "seconds": pa.array([at, None], pa.timestamp("s")),
        "micro": pa.array([at, None], pa.timestamp("us")),
        "zone": pa.array([at, None], pa.timestamp("us", tz="UTC")),
        "nano": pa.array([at, None], pa.timestamp("ns")),
    }
    rows, _, _ = transform({name: {"kind": "time", "parts": ["hour"]} for name in train}, train)
    for name in train:
        assert rows[f"{name}_hour_sin"] == pytest.approx([1.0, 0.0]), name
        assert rows[f"{name}_missing"].tolist() == [0, 1], name


def test_what_is_no_time_is_zeros_and_said(transform) -> None:
    wrong = [
        None, "", "yesterday", "2013", "2013-1-1", "2013-13-01", "2013-02-29", "2013-04-31", "2013-01-00", "01/02/2013",
        "2013-01-01T24:00", "2013-01-01T10:60", "2013-01-01x", " 2013-01-01", "2013-01-01T", "20130101", "-013-01-01",
        "２０１３-01-01",  # noqa: RUF001 - digits, but of no ISO 8601
    ]  # fmt: skip
    rows, _, _ = transform(
        {"when": {"kind": "time", "trend": True}}, {"when": [*WHEN]}, {"when": [*wrong, "2012-02-29"]}
    )
    assert rows["when_missing"].tolist() == [1] * len(wrong) + [0]
    assert all((rows[name][:-1] == 0).all() for name in rows if name != "when_missing")


def test_a_cross_may_count_numbers_by_bucket(transform) -> None:
    train = {"age": [10.0, 17.9, 18.0, 70.0, None, 12.0], "sex": ["f", "f", "f", "f", "f", "m"]}
    declared = {
        "both": {"kind": "cross", "columns": ["age", "sex"], "buckets": 100_000, "boundaries": {"age": [18, 65]}}
    }
    rows, spec, _ = transform(declared, train)
    a, b, c, d, e, f = rows["both"].tolist()
    assert a == b and len({a, c, d, e, f}) == 5 and spec["both"].size == 100_000


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"a": {"kind": "robust", "impute": "constant"}}, "'constant' goes with 'impute: constant'"),
        ({"a": {"kind": "robust", "constant": 1}}, "'constant' goes with 'impute: constant'"),
        ({"a": {"kind": "min_max", "impute": "mean", "missing": 1}}, "with 'impute' none is"),
        ({"a": {"kind": "piecewise", "width": 1}}, "width"),
        ({"a": {"kind": "text"}}, r"features.a: kind 'text' needs text; the column holds numbers"),
        ({"a": {"kind": "time"}}, r"features.a: kind 'time' needs text; the column holds numbers"),
        ({"b": {"kind": "piecewise"}}, r"features.b: kind 'piecewise' needs a number; the column holds text"),
        ({"b": {"kind": "time", "parts": []}}, "give 'parts', or 'trend: true'"),
        ({"b": {"kind": "time", "parts": ["hour", "hour"]}}, "'parts' names a part twice"),
        ({"b": {"kind": "time", "parts": ["minute"]}}, "parts"),
        ({"x": {"kind": "cross", "columns": ["a", "b"], "buckets": 9, "boundaries": {"c": [1]}}}, "'c' is not among"),
        ({"x": {"kind": "cross", "columns": ["a", "b"], "buckets": 9, "boundaries": {"a": [2, 1]}}}, "must rise"),
        ({"x": {"kind": "cross", "columns": ["a", "b"], "buckets": 9, "boundaries": {"a": []}}}, "'a' has none"),
        (
            {"x": {"kind": "cross", "columns": ["a", "b"], "buckets": 9, "boundaries": {"b": [1]}}},
            "column 'b' holds text, which has no buckets",
        ),
        (
            {"a": {"kind": "z_score", "indicator": True}, "a_missing": {"kind": "missing", "column": "a"}},
            "features 'a' and 'a_missing' both put out 'a_missing'; rename one",
        ),
        ({"y": {"kind": "as_is", "column": "a"}}, "the label 'y' cannot be a feature"),
    ],
)
def test_declarations_that_cannot_be(transform, features, message) -> None:
    with pytest.raises(BadInput, match=message):
        transform(features, {"a": [1.0, 2.0], "b": ["u", "v"]})


def test_the_authors_own_vectors_and_tokens(transform) -> None:
    code = """
import tensorflow as tf
import tensorflow_transform as tft

def preprocessing_fn(inputs):
    words = tf.stack([inputs["b"], inputs["b"]], axis=1)
    return {
        "pair": tf.stack([inputs["a"], 2 * inputs["a"], -inputs["a"]], axis=1),
        "twice": tft.compute_and_apply_vocabulary(words, num_oov_buckets=1),
    }
"""
    rows, spec, _ = transform({}, {"a": [1.0, 2.0], "b": ["u", "v"]}, preprocessing_fn=code)
    assert rows["pair"].tolist() == [[1.0, 2.0, -1.0], [2.0, 4.0, -2.0]]
    assert rows["twice"].tolist() == [[1, 1], [0, 0]]
    assert spec["twice"].model_dump() == {"kind": "tokens", "size": 3, "width": 2}


def test_what_comes_out_is_the_same_in_batches_of_any_size(transform) -> None:
    train = {"x": [float(n % 50) for n in range(400)], "t": [f"w{n % 7} w{n % 3} é" for n in range(400)]}
    declared = {"x": {"kind": "piecewise", "width": 8, "impute": "median"}, "t": {"kind": "text"}}
    whole, _, _ = transform(declared, train)
    parts, _, _ = transform(declared, train, batch_rows=23)
    assert all((whole[name] == parts[name]).all() for name in whole)
