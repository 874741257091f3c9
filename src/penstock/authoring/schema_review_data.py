"""Where a review gets its two sides from: the reviewed schema in the pipeline's folder, and what a run has seen.

What a run has seen are its statistics, of the rows that were accepted, and the rows that were set aside, which are in
no statistics; where the gate closed, its statistics are of all rows. Both are found through the lineage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.artifacts import Examples, Schema, Statistics
from penstock.authoring.config import shown
from penstock.authoring.schema_review_observed import Observed, merge, observe, observe_rows
from penstock.authoring.schema_review_text import parse
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.executor import RuntimeArtifact

if TYPE_CHECKING:
    from penstock.lineage.port import LineageStore
    from penstock.lineage.records import ArtifactRecord, ExecutionRecord

QUARANTINE = "quarantine"
"""The split of the rows that were set aside."""
_RECENT = 50
"""So many of the newest runs are looked through for statistics."""


@dataclass(frozen=True)
class Seen:
    """What a run has seen."""

    run_id: str
    observed: Mapping[str, Observed]


@dataclass(frozen=True)
class Reviewed:
    """The schema of a pipeline's folder."""

    path: Path
    text: str
    schema: Any
    """The same, as TFMD's `Schema`."""


def read_reviewed(folder: Path) -> Reviewed:
    """Read the `schema.pbtxt` of a pipeline's folder.

    Raises:
        BadInput: There is none, or it is none (the pipeline's author).
    """
    return read_schema_file(folder / Schema.file_name)


def read_schema_file(path: Path) -> Reviewed:
    """Read a schema from a file.

    Raises:
        BadInput: There is none, or it is none (its author).
    """
    try:
        text = path.read_bytes().decode("utf-8")  # line ends as they are
    except FileNotFoundError:
        raise BadInput(
            f"{shown(path)} is missing", "Begin with the one that a run inferred: it is the output 'schema' of the task"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{shown(path)} cannot be read: {error}") from None
    return Reviewed(path, text, parse(text, str(shown(path))))


def seen_by(store: LineageStore, pipeline: str, reference: str = "") -> Seen:
    """What a run of a pipeline has seen.

    Args:
        store: The lineage.
        pipeline: The pipeline's name.
        reference: The run; empty for the newest that has statistics.

    Raises:
        BadInput: There is no such run, it is another pipeline's, or it has no statistics (caller).
        PenstockError: Its files are gone (operator).
    """
    if reference:
        run = store.run(reference)
        if run.pipeline != pipeline:
            raise BadInput(f"run {run.run_id} is one of the pipeline {run.pipeline!r}, not of {pipeline!r}")
        runs = [run.run_id]
    else:
        runs = [run.run_id for run in store.runs(pipeline, limit=_RECENT)]
    for run_id in runs:
        for execution in reversed(store.run(run_id).executions):
            if _output(execution, Statistics.kind):
                return Seen(run_id, _observed(execution))
    which = f"run {runs[0]} has" if reference else f"none of the last {len(runs)} runs of {pipeline!r} has"
    raise BadInput(f"{which} no statistics", "Run the pipeline as far as the task that validates the data")


def schema_of_run(store: LineageStore, reference: str) -> Any:
    """The schema that a run held its data against, as TFMD's `Schema`.

    Raises:
        BadInput: There is no such run, or it has no schema (caller).
        PenstockError: Its files are gone (operator).
    """
    run = store.run(reference)
    for execution in reversed(run.executions):
        if record := _output(execution, Schema.kind):
            return Schema(_path(record)).read()
    raise BadInput(f"run {run.run_id} has no schema", "It did not come as far as the task that validates the data")


def _observed(execution: ExecutionRecord) -> dict[str, Observed]:
    record = _output(execution, Statistics.kind)
    if record is None:  # asked for before
        return {}
    statistics = Statistics(_path(record))
    seen = observe([statistics.read(split) for split in statistics.splits() if split != QUARANTINE])
    accepted = _output(execution, Examples.kind)
    if accepted is None:
        return seen
    examples = Examples(_path(accepted))
    others = [split for split in examples.splits() if split != QUARANTINE]
    if len(others) == len(examples.splits()) or not any(examples.rows(split) for split in others):
        return seen  # nothing was set aside, or the gate is closed, and the statistics are of all rows
    return merge(seen, observe_rows(examples.read(QUARANTINE), list(seen)))


def _output(execution: ExecutionRecord, kind: str) -> ArtifactRecord | None:
    return next((record for record in execution.outputs if record.kind == kind), None)


def _path(record: ArtifactRecord) -> Path:
    path = RuntimeArtifact(uri=record.uri).local_path()
    if not path.is_dir():
        raise PenstockError(f"{record.kind} at {record.uri} is gone", "Run the pipeline again, or name another run")
    return path
