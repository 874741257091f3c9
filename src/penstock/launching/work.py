"""What a container is to do: parameters, inputs with what was looked up, and the key that a laptop gives it as well."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.artifacts.digest import digest_json
from penstock.launching.settings import Settings
from penstock.launching.stored import fetch_intact
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ArtifactRecord
from penstock.provenance.artifacts import digests_of, records_of
from penstock.provenance.code import code_digest
from penstock.provenance.environment import environment_digest
from penstock.provenance.keys import cache_key, component_command
from penstock.provenance.lookups import baseline_of, look_up
from penstock.provenance.observing import observe
from penstock.sdk import ComponentSpec
from penstock.sdk.entry import declared_parameters
from penstock.sdk.executor import ArtifactList, ExecutorInput, RuntimeArtifact

_GATE = "gate"
Run = Callable[[Any], None]


@dataclass(frozen=True)
class Work:
    """One execution that is to be, as far as it is known before it begins."""

    executor_input: ExecutorInput
    """With what was looked up among the inputs."""
    parameters: Mapping[str, Any]
    """With the defaults of the declaration."""
    inputs: tuple[ArtifactRecord, ...]
    key: str
    code_digest: str
    environment_digest: str
    baseline_digest: str


def prepare(
    spec: ComponentSpec, run: Run, executor_input: ExecutorInput, store: LineageStore, settings: Settings
) -> Work:
    """Find out what is to be done.

    Raises:
        BadInput: A parameter is wrong (caller).
        PenstockError: What is looked up was damaged, or the source cannot be observed (operator).
    """
    params = spec.params.parse(declared_parameters(executor_input), where=f"task {settings.task}")
    given = {n: tuple(a.artifacts) for n, a in executor_input.inputs.artifacts.items() if a.artifacts}
    given = {name: artifacts for name, artifacts in given.items() if name in spec.inputs}
    looked_up = look_up(store, settings.pipeline, spec, given, task=settings.task, is_intact=fetch_intact)
    inputs = {**given, **looked_up}
    parameters = params.model_dump(mode="json")
    code = code_digest(Path(inspect.getfile(run)).parent, spec.uses)
    environment = environment_digest(Path(sys.prefix))
    key = cache_key(
        command=component_command(module_of(run)),
        env={},
        parameters=parameters,
        inputs={name: digests_of(artifacts) for name, artifacts in inputs.items()},
        outputs={name: port.noun.schema_title for name, port in spec.outputs.items()},
        output_parameters=[_GATE] if spec.gate else [],
        code_digest=code,
        environment_digest=environment,
        observed=observe(spec, lambda: sys.modules[run.__module__], params),
    )
    return Work(
        executor_input=_with(executor_input, looked_up),
        parameters=parameters,
        inputs=records_of(inputs),
        key=key,
        code_digest=code,
        environment_digest=environment,
        baseline_digest=baseline_of(looked_up),
    )


def module_of(run: Run) -> str:
    """The module that the container runs, by its whole name."""
    module = sys.modules[run.__module__]
    spec = getattr(module, "__spec__", None)
    return str(spec.name if spec else module.__name__)


def place_of(spec: ComponentSpec, executor_input: ExecutorInput) -> str:
    """What tells apart the works of one task in one run: iterations of a loop, but not attempts at the same work.

    Source:
        kubeflow/pipelines, backend/src/v2/driver/container.go and driver.go, provisionOutputs: the addresses of the
        outputs hold a random part that is drawn when the driver runs: once for each iteration, not for each attempt.
        Those of declared outputs only: qualifyExecutorLogsURI of launcher_v2.go numbers that of the logs by attempt.
    """
    given = {n: o.artifacts for n, o in executor_input.outputs.artifacts.items() if n in spec.outputs}
    uris = sorted(artifact.uri for artifacts in given.values() for artifact in artifacts)
    return digest_json(uris).removeprefix("sha256:")[:12]


def _with(executor_input: ExecutorInput, found: Mapping[str, tuple[RuntimeArtifact, ...]]) -> ExecutorInput:
    more = {name: ArtifactList(artifacts=list(artifacts)) for name, artifacts in found.items()}
    inputs = executor_input.inputs.model_copy(update={"artifacts": {**executor_input.inputs.artifacts, **more}})
    return executor_input.model_copy(update={"inputs": inputs})
