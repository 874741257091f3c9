"""Records to ML Metadata's nodes and events, and back. Pure: nothing here talks to a store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from penstock.artifacts import ModelBlessing, Verdict
from penstock.artifacts.digest import digest_bytes, digest_json
from penstock.lineage.mlmd.values import fits, read_fields, write_fields
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State

if TYPE_CHECKING:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

PIPELINE_KEY = "penstock.pipeline_key"
"""Property of runs: the pipeline's name in a form that a filter can hold."""

_OWN = "penstock."
_KIND, _DIGEST, _URI, _METADATA = "penstock.kind", "penstock.digest", "penstock.uri", "penstock.metadata"
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._/@:#()\[\]-]{0,199}")
_WORD = re.compile(r"[a-z0-9_]{1,60}")


def key(text: str) -> str:
    """A name as 32 hexadecimal digits: safe inside a filter, which quotes nothing on some backends."""
    return digest_bytes(text.encode(errors="surrogatepass")).removeprefix("sha256:")[:32]


def label(text: str) -> str:
    """A unique node name of at most 255 characters, the text itself where possible.

    MySQL compares names without case, accents and trailing spaces: whatever is not plain lower case gets a hash.

    Example:
        >>> label("flights"), label("Flights")
        ('flights', 'lights~f8f5aa2b')
    """
    if _PLAIN.fullmatch(text):
        return text
    return plain(text)[:180] + "~" + key(text)[:8]


def plain(text: str) -> str:
    """What of a text is in its label as it stands: labels of texts that begin alike begin alike.

    Example:
        >>> plain("flights-20260101T12")
        'flights-2026010112'
    """
    return re.sub(r"[^a-z0-9._/@:#()\[\]-]", "", text)


def output_property(kind: str) -> str:
    """The property that an ended execution has when it put out this kind: see `output_marks`."""
    return f"penstock.out.{kind if _WORD.fullmatch(kind) else key(kind)}"


def output_marks(record: ExecutionRecord) -> dict[str, str]:
    """What a lookup must see of an ended execution's outputs without reading them.

    Returns:
        By property, `<pipeline's key>:` and a mark for the verdict and for every digest in the metadata of the one
        output of that kind. Several outputs of one kind have no marks: they are told apart by reading them.
    """
    if record.state not in (State.COMPLETE, State.CACHED):
        return {}
    kinds = [output.kind for output in record.outputs]
    marks = {kind: f"{key(record.pipeline)}:" for kind in kinds}
    for output in record.outputs:
        if kinds.count(output.kind) == 1:
            marks[output.kind] += "".join(mark(n, v) for n, v in sorted(output.metadata.items()) if _marked(n))
    return {output_property(kind): value for kind, value in marks.items()}


def mark(name: str, value: object) -> str:
    """One fact of an output's metadata in a form that a filter can hold; empty where it cannot.

    Example:
        >>> mark("verdict", "Successful")
        'verdict=f3686bb328c6d408;'
    """
    return f"{name}={key(str(value))[:16]};" if _marked(name) else ""


def _marked(name: str) -> bool:
    return name == "verdict" or (name.endswith("_digest") and _WORD.fullmatch(name) is not None)


def execution_key(record: ExecutionRecord) -> str:
    """What makes an execution the same one when it is written again: run, task, place and attempt."""
    place = [record.place] if record.place else []
    return digest_json(["execution", record.run_id, record.task, record.attempt, *place]).removeprefix("sha256:")


def artifact_key(record: ArtifactRecord) -> str:
    """What makes an artifact the same one: kind, address and content."""
    text = "\0".join(["artifact", record.kind, record.uri, record.digest])
    return digest_bytes(text.encode(errors="surrogatepass")).removeprefix("sha256:")


def uri_column(uri: str) -> str:
    """The address as its column can hold it: itself, or a hash of one that is over-long or has a backslash."""
    return uri if fits("uri", uri) else f"penstock:uri:{key(uri)}"


def execution_node(record: ExecutionRecord, type_id: int) -> mlmd.Execution:
    """One execution, without its inputs and outputs."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    attempt = (f"@{record.place}" if record.place else "") + (f"#{record.attempt}" if record.attempt > 1 else "")
    node = mlmd.Execution(
        id=record.id,
        type_id=type_id,
        name=label(f"{record.run_id}/{record.task}{attempt}"),
        external_id=execution_key(record),
        last_known_state=mlmd.Execution.State.Value(_MLMD_STATES[record.state]),
    )
    fields = _dump(record, exclude={"id", "inputs", "outputs"})
    write_fields(node.custom_properties, fields | output_marks(record), f"task {record.task} of run {record.run_id}")
    return node


def read_execution(
    node: mlmd.Execution, events: Iterable[mlmd.Event], artifacts: Mapping[int, ArtifactRecord]
) -> ExecutionRecord:
    """One execution with its inputs and outputs in their order."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    sides: dict[int, list[tuple[int, ArtifactRecord]]] = {mlmd.Event.INPUT: [], mlmd.Event.OUTPUT: []}
    for event in events:
        for name, position in read_path(event):
            sides[event.type].append((position, artifacts[event.artifact_id].model_copy(update={"name": name})))
    fields = {n: v for n, v in read_fields(node.custom_properties).items() if n in ExecutionRecord.model_fields}
    inputs, outputs = (
        tuple(artifact for _, artifact in sorted(sides[side], key=lambda pair: pair[0]))
        for side in (mlmd.Event.INPUT, mlmd.Event.OUTPUT)
    )
    return ExecutionRecord.model_validate({**fields, "id": node.id, "inputs": inputs, "outputs": outputs})


def artifact_node(record: ArtifactRecord, type_id: int, stored_id: int | None) -> mlmd.Artifact:
    """One artifact; metadata keys are properties under their own names."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    node = mlmd.Artifact(
        id=stored_id,
        type_id=type_id,
        uri=uri_column(record.uri),
        external_id=artifact_key(record),
        state=mlmd.Artifact.LIVE,
    )
    fields: dict[str, Any] = {_KIND: record.kind, _DIGEST: record.digest}
    if node.uri != record.uri:
        fields[_URI] = record.uri
    clash = any(name.startswith(_OWN) for name in record.metadata)
    fields |= {_METADATA: record.metadata} if clash else record.metadata
    write_fields(node.custom_properties, fields, f"{record.kind} {record.uri}")
    return node


def read_artifact(node: mlmd.Artifact) -> ArtifactRecord:
    """One artifact; its name is the business of an event."""
    fields = read_fields(node.custom_properties)
    kind, digest, uri = fields.pop(_KIND), fields.pop(_DIGEST), fields.pop(_URI, node.uri)
    metadata = fields.pop(_METADATA, fields)
    return ArtifactRecord(kind=kind, uri=uri, digest=digest, metadata=metadata, id=node.id)


def run_node(record: RunRecord, type_id: int, stored_id: int | None) -> mlmd.Context:
    """One run, without its executions."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    node = mlmd.Context(id=stored_id, type_id=type_id, name=label(record.run_id))
    fields = {**_dump(record, exclude={"executions"}), PIPELINE_KEY: key(record.pipeline)}
    write_fields(node.custom_properties, fields, f"run {record.run_id}")
    return node


def read_run(node: mlmd.Context, executions: tuple[ExecutionRecord, ...] = ()) -> RunRecord:
    """One run."""
    fields = {n: v for n, v in read_fields(node.custom_properties).items() if n in RunRecord.model_fields}
    return RunRecord.model_validate({**fields, "executions": executions})


def pipeline_node(pipeline: str, type_id: int) -> mlmd.Context:
    """One pipeline."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    node = mlmd.Context(type_id=type_id, name=label(pipeline))
    write_fields(node.custom_properties, {"pipeline": pipeline}, f"pipeline {pipeline}")
    return node


def read_pipeline(node: mlmd.Context) -> str:
    """A pipeline's name."""
    return str(read_fields(node.custom_properties)["pipeline"])


def event_path(names: Iterable[tuple[str, int]]) -> mlmd.Event.Path:
    """Under which names and at which positions an artifact goes in or comes out."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    path = mlmd.Event.Path()
    for name, position in names:
        path.steps.add(key=name)
        path.steps.add(index=position)
    return path


def read_path(event: mlmd.Event) -> list[tuple[str, int]]:
    """What `event_path` wrote."""
    steps = list(event.path.steps)
    return [(steps[i].key, steps[i + 1].index) for i in range(0, len(steps) - 1, 2)]


def is_blessing(artifact: ArtifactRecord) -> bool:
    """Whether an artifact says that a model may serve."""
    return artifact.kind == ModelBlessing.kind and artifact.metadata.get("verdict") == Verdict.SUCCESSFUL


def _dump(record: ExecutionRecord | RunRecord, exclude: set[str]) -> dict[str, Any]:
    """A record's fields as JSON values; optional ones that are empty are left out."""
    dumped = record.model_dump(mode="json", exclude=exclude)
    required = {name for name, field in type(record).model_fields.items() if field.is_required()}
    return {n: v for n, v in dumped.items() if n in required or (v is not None and v not in ("", {}, []))}


_MLMD_STATES = {
    State.RUNNING: "RUNNING",
    State.COMPLETE: "COMPLETE",
    State.CACHED: "CACHED",
    State.FAILED: "FAILED",
    State.SKIPPED: "CANCELED",
    State.INTERRUPTED: "CANCELED",
}
