"""Artifacts in their store: fetched where Kubeflow's launcher does not, checked, and handed on from earlier runs.

Kubeflow's launcher downloads the inputs that are wired, before the container's command starts, and uploads the outputs
after it. What was looked up is neither, and so it is fetched here, to the place where the launcher would have put it.

An output that is taken from an earlier run is copied to the address that this run was given, inside the store. Its
earlier address cannot be handed on: the launcher takes an address from executor_output.json, looks for the run's own
prefix in it, and fails the task where that is missing. At the address that was given, it finds no file on the
container's disk, uploads nothing, and records the address. What Kubeflow's pages draw from metadata and not from files
is fetched all the same: the metadata are read from it.

Source:
    kubeflow/pipelines, backend/src/v2/component/launcher_v2.go, downloadArtifacts, uploadOutputArtifacts and
    mergeRuntimeArtifacts; backend/src/v2/objectstore/config.go, KeyFromURI; backend/src/v2/metadata/client.go,
    GetPipeline, for the run's prefix (the same in release-2.14 and release-2.17).
"""

from __future__ import annotations

import glob
from pathlib import Path

from penstock.artifacts import Artifact, digest_tree
from penstock.lineage.records import ArtifactRecord
from penstock.provenance.artifacts import runtime_artifact
from penstock.sdk.entry import PARTIAL
from penstock.sdk.executor import ExecutorInput, RuntimeArtifact
from penstock.sdk.spec import Out
from penstock.storage import Damaged, NothingThere, at, is_remote
from penstock.storage.place import remove


def fetch_intact(record: ArtifactRecord) -> bool:
    """Have a looked-up artifact where a component reads it; False where its content is not what it was.

    Raises:
        StoreError: The store does not let us see (operator).
    """
    path = RuntimeArtifact(uri=record.uri).local_path()
    try:
        if is_remote(record.uri) and not path.exists():
            at(record.uri).fetch(path)
        return digest_tree(path) == record.digest
    except (NothingThere, Damaged, FileNotFoundError):
        return False


def remove_unfinished(executor_input: ExecutorInput) -> None:
    """Remove what earlier attempts at this work left half done on a volume that outlives their pods."""
    for given in executor_input.outputs.artifacts.values():
        for artifact in given.artifacts:
            path = artifact.local_path()
            for left in path.parent.glob(f".{glob.escape(path.name)}{PARTIAL}*"):
                remove(left)


def is_stored(record: ArtifactRecord) -> bool:
    """Whether an artifact is in its store with the content that it had; all of it is read, and nothing is kept.

    Raises:
        StoreError: The store does not let us see (operator).
    """
    try:
        return at(record.uri).digest() == record.digest
    except (NothingThere, Damaged):
        return False


def hand_on(record: ArtifactRecord, port: Out, executor_input: ExecutorInput) -> Artifact:
    """Put an earlier output at the address that this run was given for it.

    Returns:
        The output as this run has it.

    Raises:
        StoreError: It cannot be copied (operator).
    """
    given = executor_input.outputs.artifacts[record.name].artifacts[0]
    main_file = port.noun.main_file
    uri = f"{given.uri.rstrip('/')}/{main_file}" if main_file else given.uri
    if uri != record.uri:
        if not is_remote(uri):
            remove(Path(uri))
        at(uri).copy_from(at(record.uri))
    path = RuntimeArtifact(uri=uri).local_path()
    if port.noun.drawn_from_files and is_remote(uri):
        remove(path)  # of an attempt that was killed
        at(uri).fetch(path)
    metadata = {**given.metadata, **runtime_artifact(record.name, record).metadata}
    return port.noun(path, uri, metadata)
