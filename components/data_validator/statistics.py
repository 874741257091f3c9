"""TFDV in this process: statistics from Arrow, schema, validation.

Statistics are computed from Arrow lists, never by way of a data frame, where a missing integer would make floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.artifacts.features import arrow_feature_type
from penstock.sdk import BadInput

if TYPE_CHECKING:
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

_HISTOGRAM_BUCKETS = 1000
"""TFDV's own default for distinct values kept in a histogram of ranks."""


def compute_statistics(
    table: pa.Table, schema: schema_pb2.Schema | None
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Compute the statistics of one split.

    Args:
        table: Its rows.
        schema: The schema that they will be held against; its largest domain says how many values are counted.

    Returns:
        TFDV's statistics, one dataset; equal tables give equal bytes.
    """
    import numpy as np
    from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
    from tensorflow_data_validation.statistics.stats_options import StatsOptions

    largest = max((len(domain.value) for domain in _string_domains(schema)), default=0) if schema else 0
    options = StatsOptions(num_rank_histogram_buckets=max(_HISTOGRAM_BUCKETS, 2 * largest))
    with np.errstate(invalid="ignore", over="ignore"):  # a column with an infinite value has no mean
        return generate_statistics_in_memory(to_lists(table), options)


def to_lists(table: pa.Table) -> pa.RecordBatch:
    """Write a table as TFDV reads it: each value a list of one, each missing value a null list."""
    import pyarrow as pa

    columns = [_to_list(table.column(name)) for name in table.column_names]
    return pa.RecordBatch.from_arrays(columns, names=table.column_names)


def _to_list(column: pa.ChunkedArray) -> pa.Array:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = {"string": pa.string(), "float": pa.float64(), "int": pa.int64()}[arrow_feature_type(column.type)]
    column = pc.cast(column, plain)
    array = pa.concat_arrays(column.chunks) if column.chunks else pa.array([], plain)
    present = array.is_valid()
    offsets = np.zeros(len(array) + 1, dtype=np.int32)
    np.cumsum(present.to_numpy(zero_copy_only=False), out=offsets[1:])
    validity = present.buffers()[1] if array.null_count else None
    return pa.Array.from_buffers(
        pa.list_(plain), len(array), [validity, pa.py_buffer(offsets)], children=[array.drop_null()]
    )


def parse_schema(text: str, environment: str = "") -> schema_pb2.Schema:
    """Read the text of a schema.

    Raises:
        BadInput: It is no schema (the message has line and column), or it does not know the environment, in which
            case TFDV would check nothing (author of the schema).
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        schema = text_format.Parse(text, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise BadInput(f"reviewed_schema: line {error}", "It is a TensorFlow Metadata schema in text format") from None
    if not schema.feature:
        raise BadInput("reviewed_schema: it has no feature", "Leave it empty to have one inferred")
    if environment and environment not in schema.default_environment:
        known = ", ".join(schema.default_environment) or "none"
        raise BadInput(f"environment: the schema has no default_environment {environment!r}; it has {known}")
    return schema


def infer_schema(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> schema_pb2.Schema:
    """Infer a schema to start from: types, domains of short vocabularies, presence."""
    from tensorflow_data_validation.api.validation_api import infer_schema as infer

    return infer(statistics, infer_feature_shape=False)


def validate(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, schema: schema_pb2.Schema, environment: str, **others: Any
) -> anomalies_pb2.Anomalies:
    """Hold statistics against a schema.

    Args:
        statistics: The statistics.
        schema: The schema.
        environment: One of its environments, or empty.
        **others: `previous_statistics` for drift, `serving_statistics` for skew.
    """
    from tensorflow_data_validation.api.validation_api import validate_statistics

    return validate_statistics(statistics, schema, environment=environment or None, **others)


def string_domain(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> list[str] | None:
    """The values that a string feature may have; None for any."""
    if feature.HasField("string_domain"):
        return list(feature.string_domain.value)
    if feature.HasField("domain"):
        return next((list(domain.value) for domain in schema.string_domain if domain.name == feature.domain), None)
    return None


def _string_domains(schema: schema_pb2.Schema) -> list[schema_pb2.StringDomain]:
    own = [feature.string_domain for feature in schema.feature if feature.HasField("string_domain")]
    return [*schema.string_domain, *own]
