"""The interface of `ingest`."""

from penstock.artifacts import Examples, RawData
from penstock.sdk import ComponentSpec, Out, Params


class IngestParams(Params):
    """What to read, how to type it, how to split it."""


SPEC = ComponentSpec(
    name="ingest",
    stage="ingest",
    image="runtime",
    summary="Copy source files by digest, fix types, join, remove duplicates, and split without leaking.",
    params=IngestParams,
    outputs={"raw": Out(RawData), "examples": Out(Examples)},
    observes=True,
    warm=("pyarrow.parquet", "pyarrow.csv", "pyarrow.compute", "pandas"),
)
