"""Inputs that nothing is wired to: found in the lineage before the work is known, an ordinary input from then on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from penstock.lineage.port import LineageStore
from penstock.lineage.records import ArtifactRecord
from penstock.provenance.artifacts import digests_of, intact, runtime_artifact
from penstock.sdk import ComponentSpec, Lookup, PenstockError
from penstock.sdk.executor import RuntimeArtifact

Artifacts = Mapping[str, Sequence[RuntimeArtifact]]


def look_up(
    store: LineageStore,
    pipeline: str,
    spec: ComponentSpec,
    given: Artifacts,
    *,
    task: str,
    is_intact: Callable[[ArtifactRecord], bool] = intact,
) -> dict[str, tuple[RuntimeArtifact, ...]]:
    """Find what a component's declaration says is to be looked up and what no task puts out.

    Args:
        store: The lineage.
        pipeline: The pipeline's name: lookups stay inside it.
        spec: The component's declaration.
        given: The inputs that the task has.
        task: The task's name, for messages.
        is_intact: Whether an artifact is still what it was.

    Returns:
        What was found, by input.

    Raises:
        PenstockError: What was found was changed or removed, and the task cannot do without (operator).
    """
    found: dict[str, tuple[RuntimeArtifact, ...]] = {}
    for name, port in spec.inputs.items():
        if not port.lookup or name in given:
            continue
        record = _ask(store, pipeline, port.lookup, port.noun.kind, given)
        if record is None:
            continue
        if is_intact(record):
            found[name] = (runtime_artifact(name, record),)
        elif not port.lookup.dispensable:
            hint = "Put it back from a copy, or begin anew with another --home"
            raise PenstockError(f"{name} of task {task} at {record.uri} was changed or removed", hint)
    return found


def baseline_of(looked_up: Artifacts) -> str:
    """The digest of the model among what was looked up: what a new one is compared with; empty where there is none."""
    firsts = [artifacts[0].metadata for artifacts in looked_up.values() if artifacts]
    return next((str(found.get("digest", "")) for found in firsts if found.get("kind") == "model"), "")


def _ask(store: LineageStore, pipeline: str, lookup: Lookup, kind: str, given: Artifacts) -> ArtifactRecord | None:
    other = digests_of(given.get(lookup.other_than, ()))
    digest = other[0] if other else ""
    if lookup.policy == "last_blessed":
        return store.last_blessed(pipeline, other_than=digest)
    return store.previous(pipeline, kind, unless=(f"{lookup.other_than}_digest", digest))
