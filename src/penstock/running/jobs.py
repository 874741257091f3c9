"""One piece of work made ready: its component, its inputs, its key, and the files that KFP's launcher would make."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.artifacts import digest_tree
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ArtifactRecord
from penstock.provenance.artifacts import digests_of, records_of, runtime_artifact
from penstock.provenance.keys import cache_key
from penstock.provenance.lookups import baseline_of, look_up
from penstock.running.cache import CacheEntry
from penstock.running.components import DeclaredComponent, find_component
from penstock.running.environments import Environment, Interpreter
from penstock.running.home import WorkFolder
from penstock.running.placeholders import container_argv
from penstock.running.values import ParameterType, WrongType, coerce
from penstock.running.work import Outputs, Work
from penstock.running.workers import Order
from penstock.sdk import PenstockError
from penstock.sdk.entry import write_atomically
from penstock.sdk.executor import ExecutorInput, RuntimeArtifact


@dataclass(frozen=True)
class Job:
    """Work with everything that the runner found out about it."""

    work: Work
    component: DeclaredComponent | None
    """None for a container that is no component of ours."""
    environment: Environment
    parameters: Mapping[str, Any]
    """With the defaults of the declaration."""
    inputs: Mapping[str, tuple[RuntimeArtifact, ...]]
    """With what was looked up."""
    key: str
    code_digest: str
    baseline_digest: str = ""

    @property
    def label(self) -> str:
        """What people call it."""
        return label(self.work.id, self.work.task)

    @property
    def component_name(self) -> str:
        """The declared name of the component; for other containers the name in the compiled pipeline."""
        return self.component.spec.name if self.component else self.work.component

    @property
    def warm(self) -> tuple[str, ...]:
        """Modules that should be imported before it starts."""
        return self.component.spec.warm if self.component else ()

    def input_records(self) -> tuple[ArtifactRecord, ...]:
        """Its inputs, as the lineage keeps them."""
        return records_of(self.inputs)


def label(work_id: str, task: str) -> str:
    """A task's name with the indices of the loops that it is in.

    Example:
        >>> label("for-loop-1[2]/condition-1/train", "train")
        'train[2]'
    """
    return task + "".join(re.findall(r"\[\d+\]", work_id))


class Preparer:
    """Turns work into jobs.

    Args:
        pipeline: The pipeline's name: lookups stay inside it.
        roots: Where components are.
        environment: Finds what stands for an image.
        store: The lineage, asked only for work that looks something up.
    """

    def __init__(
        self, pipeline: str, roots: Sequence[Path], environment: Callable[[str], Environment], store: LineageStore
    ) -> None:
        self._pipeline = pipeline
        self._roots = roots
        self._environment = environment
        self._store = store

    def prepare(self, work: Work) -> Job:
        """Find out what the work is.

        Raises:
            BadInput: A parameter, an image or an observation is wrong; nothing was started (caller).
            PenstockError: What it looks up was damaged (operator).
        """
        component = find_component((*work.container.command, *work.container.args), self._roots)
        environment = self._environment(work.container.image)
        parameters, observed = work.parameters, None
        if component:
            params = component.spec.params.parse(work.parameters, where=f"task {work.task}")
            parameters = params.model_dump(mode="json")
            observed = component.observe(params)
        looked_up: dict[str, tuple[RuntimeArtifact, ...]] = {}
        if component:
            looked_up = look_up(self._store, self._pipeline, component.spec, work.artifacts, task=work.task)
        inputs = {**work.artifacts, **looked_up}
        code = component.code_digest() if component else ""
        key = cache_key(
            command=(*work.container.command, *work.container.args),
            env=work.container.env,
            parameters=parameters,
            inputs={name: digests_of(artifacts) for name, artifacts in inputs.items()},
            outputs=work.output_artifacts,
            output_parameters=work.output_parameters,
            code_digest=code or work.container.image,
            environment_digest=environment.digest,
            observed=observed,
        )
        return Job(work, component, environment, parameters, inputs, key, code, baseline_of(looked_up))


def write_executor_input(job: Job, folder: WorkFolder) -> None:
    """Write what KFP's launcher would put in place of `{{$}}`: ExecutorInput as JSON."""
    folder.executor_input.write_text(json.dumps(_executor_input(job, folder), indent=1), encoding="utf-8")


def order_for(job: Job, folder: WorkFolder, scratch: Path) -> Order:
    """What a worker must know to start it."""
    details: dict[str, Any] = {
        "log": str(folder.log),
        "tmp": str(folder.temporary),
        "env": dict(job.work.container.env),
    }
    if job.component:
        details.update(module=job.component.module, executor_input=str(folder.executor_input), scratch=str(scratch))
    else:
        details.update(argv=argv_of(job, folder))
    assert isinstance(job.environment, Interpreter)  # noqa: S101  (the place that made the job's)
    return Order(job.work.id, job.environment, job.warm, details)


def argv_of(job: Job, folder: WorkFolder) -> list[str]:
    """The command of a job's container, with what it was given in the place of placeholders."""
    given = ExecutorInput.parse(folder.executor_input.read_text(encoding="utf-8"))
    return list(container_argv(job.work, given))


def _executor_input(job: Job, folder: WorkFolder) -> dict[str, Any]:
    return {
        "inputs": {
            "parameterValues": dict(job.work.parameters),
            "artifacts": {
                name: {"artifacts": [a.model_dump(mode="json") for a in given]} for name, given in job.inputs.items()
            },
        },
        "outputs": {
            "artifacts": {
                name: {"artifacts": [{"name": name, "uri": str(folder.outputs / name), "type": {"schemaTitle": title}}]}
                for name, title in job.work.output_artifacts.items()
            },
            "parameters": {name: {"outputFile": str(folder.parameters / name)} for name in job.work.output_parameters},
            "outputFile": str(folder.executor_output),
        },
    }


def collect(job: Job, folder: WorkFolder) -> Outputs:
    """Read what finished work put out.

    A component of ours says all in executor_output.json. Any other container may have written only the files whose
    places it was given; what is found there is digested here, and executor_output.json is written for it.

    Raises:
        PenstockError: An output parameter is not of its type, or the output cannot be read (author of the component).
    """
    try:
        said = json.loads(folder.executor_output.read_text(encoding="utf-8"))
    except FileNotFoundError:
        said = {}
    except ValueError:
        raise PenstockError(f"task {job.work.task}: {folder.executor_output} is not JSON") from None
    parameters = _read_parameters(job.work, folder, said.get("parameterValues") or {})
    told = said.get("artifacts") or {}
    artifacts = {}
    for name, title in job.work.output_artifacts.items():
        given = [RuntimeArtifact.model_validate(a) for a in (told.get(name) or {}).get("artifacts", [])]
        artifacts[name] = tuple(
            _seen(a, name, title) for a in given or [RuntimeArtifact(uri=str(folder.outputs / name))]
        )
    if not said:
        write_atomically(folder.executor_output, json.dumps({"parameterValues": parameters}, sort_keys=True))
    return Outputs(parameters, artifacts)


def outputs_of(entry: CacheEntry) -> Outputs:
    """What a cache entry's work put out, for the planner."""
    artifacts: dict[str, tuple[RuntimeArtifact, ...]] = {}
    for record in entry.outputs:
        artifacts[record.name] = (*artifacts.get(record.name, ()), runtime_artifact(record.name, record))
    return Outputs(entry.parameters, artifacts)


def _read_parameters(work: Work, folder: WorkFolder, said: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, type_ in work.output_parameters.items():
        file = folder.parameters / name
        if name not in said and not file.exists():
            continue
        try:
            values[name] = coerce(
                said[name] if name in said else file.read_text(encoding="utf-8"), ParameterType(type_)
            )
        except WrongType as error:
            raise PenstockError(f"output parameter {name!r} of task {work.task}: {error}") from None
    return values


def _seen(artifact: RuntimeArtifact, name: str, title: str) -> RuntimeArtifact:
    """An output with its name, digest and kind, whoever wrote it."""
    metadata = dict(artifact.metadata)
    if "digest" not in metadata and artifact.local_path().exists():
        metadata["digest"] = digest_tree(artifact.local_path())
    metadata.setdefault("kind", title.rpartition(".")[2].lower())
    return artifact.model_copy(update={"name": artifact.name or name, "metadata": metadata})
