"""Artifacts as KFP passes them and as the lineage keeps them; whether their content is still what it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.artifacts import digest_tree
from penstock.lineage.records import ArtifactRecord
from penstock.sdk.executor import RuntimeArtifact


def record_of(name: str, artifact: RuntimeArtifact) -> ArtifactRecord:
    """An artifact as KFP passes it, as the lineage keeps it."""
    # What is structured is for the pages of KFP alone, and in the artifact's files.
    metadata = {key: value for key, value in artifact.metadata.items() if isinstance(value, str | int | float)}
    kind, digest = str(metadata.pop("kind", "artifact")), str(metadata.pop("digest", ""))
    return ArtifactRecord(kind=kind, uri=artifact.uri, digest=digest, name=name, metadata=metadata)


def records_of(artifacts: Mapping[str, Iterable[RuntimeArtifact]]) -> tuple[ArtifactRecord, ...]:
    """Inputs or outputs by name, as the lineage keeps them."""
    return tuple(record_of(name, artifact) for name, given in artifacts.items() for artifact in given)


def runtime_artifact(name: str, record: ArtifactRecord) -> RuntimeArtifact:
    """An artifact of the lineage, as KFP passes it."""
    metadata = {**record.metadata, "kind": record.kind, "digest": record.digest}
    return RuntimeArtifact(name=name, uri=record.uri, metadata=metadata)


def digests_of(artifacts: Iterable[RuntimeArtifact]) -> tuple[str, ...]:
    """The content digests of artifacts, computed where they do not carry one (imported files)."""
    return tuple(str(a.metadata.get("digest") or _digest_at(a)) for a in artifacts)


def _digest_at(artifact: RuntimeArtifact) -> str:
    path = artifact.local_path()
    return digest_tree(path) if path.exists() else artifact.uri


def intact(artifact: ArtifactRecord) -> bool:
    """Whether an artifact is where it was, with the content that it had."""
    return not damage(artifact)


def damage(artifact: ArtifactRecord) -> str:
    """What is wrong with an artifact's content, in half a sentence; empty where it is what it was."""
    path = RuntimeArtifact(uri=artifact.uri).local_path()
    try:
        return "" if digest_tree(path) == artifact.digest else f"its output {artifact.name!r} was changed"
    except OSError:
        return f"its output {artifact.name!r} is gone"
