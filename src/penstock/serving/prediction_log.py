"""The prediction log: what each model answered to each request, as Parquet files that appear whole.

The gateway writes it, the gates of a release and monitoring read it. `Prediction` is the only declaration of its
columns: the Arrow schema, the writer and the reader follow from it. One record is one *answer of one model server*: a
request that is mirrored gives two, one that had to be tried again gives one for each try, all with its id. Only a
record with `delivered` is what a user saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

if TYPE_CHECKING:
    import pyarrow as pa

Role = Literal["stable", "canary", "shadow"]
"""Whose answer it is. The answers of a shadow never reach users."""
Scores = tuple[tuple[float, ...], ...]
"""Shape (rows, outputs): the probability of the positive class, of each class, or the estimate."""
NO_ROUTE = -1
"""The route's revision in records of KServe's logger, which knows no roles, steps, bundles, times or failures."""
NO_ANSWER = 0
"""The status code of a try that had no answer: refused, broken off, or not in time."""
SUFFIX = ".parquet"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer of one model server to one prediction request."""

    request_id: str
    """The request's id: the client's own, or the one that the gateway gave it. Labels are joined on it."""
    time: datetime
    """When the gateway had read the request, UTC."""
    model_name: str
    """The name in the URL."""
    protocol: str
    """`v1`, `v2` or `grpc`."""
    role: Role
    """Who answered."""
    assigned: Role
    """Whom the route chose for the user's answer: `stable` or `canary`. It differs from `role` where another server
    had to step in, and for a shadow."""
    backend: str
    """The model server's name at the gateway: `a` or `b`."""
    digest: str
    """The digest of the bundle that answered; empty where nothing did."""
    step: str
    """The step of the release that the route was at, as whoever set the route called it."""
    route_revision: int
    """How many times the route had been set since the gateway started, or `NO_ROUTE`."""
    attempt: int
    """1 for the first try of a request, 2 for the second."""
    delivered: bool
    """Whether this is what the user got."""
    status_code: int
    """HTTP status; `NO_ANSWER` where there was none. That of gRPC is translated."""
    latency_ms: float
    """From sending the request to the model server until its answer was there whole [ms]."""
    rows: int
    """Rows that were asked for [rows]; 0 where the request could not be read."""
    scores: Scores
    """What the model, its rules included, said; empty where it did not answer 200, or the body was too long to log."""
    features: str
    """The raw features: a JSON list with one object a row, the same for both protocols. Empty where the body could not
    be read or was too long to log."""
    rules: tuple[str, ...]
    """The rules that changed the answer of at least one row, in the order of the rules."""
    fallback: str
    """What answered instead of the model, `rule` or `bundle`; empty where the model did."""
    fallback_reason: str
    """Why: `model_failed`, `bad_input`; empty where the model answered."""
    request_bytes: int
    """Length of the request's body [bytes]."""
    response_bytes: int
    """Length of the answer's body [bytes]."""
    error: str
    """What was wrong, in one line; empty for an answer with status 200."""

    def feature_rows(self) -> list[dict[str, Any]]:
        """The raw features, one object a row; empty where they were not logged."""
        return json.loads(self.features) if self.features else []


COLUMNS = tuple(field.name for field in fields(Prediction))
"""The columns, in their order."""


@cache
def arrow_schema() -> pa.Schema:
    """The log's Arrow schema."""
    import pyarrow as pa

    kinds = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        datetime: pa.timestamp("us", tz="UTC"),
        tuple[str, ...]: pa.list_(pa.string()),
        Scores: pa.list_(pa.list_(pa.float64())),
        Role: pa.string(),
    }
    hints = get_type_hints(Prediction)
    return pa.schema([pa.field(name, kinds[hints[name]], nullable=False) for name in COLUMNS])


def to_arrow(predictions: Sequence[Prediction]) -> pa.RecordBatch:
    """Predictions as columns."""
    import pyarrow as pa

    schema = arrow_schema()
    columns = list(zip(*map(_values, predictions), strict=True)) or [()] * len(schema)
    arrays = [pa.array(list(values), type=field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _values(prediction: Prediction) -> tuple[Any, ...]:
    return tuple(getattr(prediction, name) for name in COLUMNS)


def log_files(folder: Path, *, after: str = "") -> list[Path]:
    """The finished files of a log, oldest first.

    A file never changes once it is there, and newer files have greater names: a reader that keeps the name of the last
    one that it read sees every file once.

    Args:
        folder: The log's folder; may be missing.
        after: Only files whose names are greater.

    Example:
        >>> log_files(Path("/nowhere"))
        []
    """
    found = folder.glob(f"*{SUFFIX}") if folder.is_dir() else ()
    return sorted(path for path in found if path.name > after and not path.name.startswith("."))


def read_table(files: Iterable[Path], columns: Sequence[str] = COLUMNS) -> pa.Table:
    """Read some columns of log files into one table.

    A file that the writer has removed meanwhile, to keep to its share of the disk, is left out.

    Raises:
        ValueError: A file is not of this log's form (operator).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = pa.schema([arrow_schema().field(name) for name in columns])
    tables = []
    for path in files:
        try:
            tables.append(pq.read_table(path, columns=list(columns)).select(list(columns)).cast(wanted))
        except FileNotFoundError:
            continue
        except (KeyError, pa.ArrowException) as error:
            raise ValueError(f"{path} is no file of a prediction log: {error}") from None
    return pa.concat_tables(tables) if tables else wanted.empty_table()


def read_predictions(files: Iterable[Path]) -> Iterator[Prediction]:
    """Read log files record by record, one file in memory at a time.

    Raises:
        ValueError: A file is not of this log's form (operator).
    """
    for path in files:
        for record in read_table([path]).to_pylist():
            record["scores"] = tuple(map(tuple, record["scores"]))
            record["rules"] = tuple(record["rules"])
            yield Prediction(**record)
