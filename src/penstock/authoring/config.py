"""`pipeline.yaml`: the values of a pipeline, typed and closed.

Wiring is code (`pipeline.py`), values are data (`pipeline.yaml`). Every mistake in the data is told with the file, the
line, the key and the nearest valid key, when the pipeline is compiled and not when it runs. Nothing here knows KFP.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from penstock.authoring.naming import nearest
from penstock.sdk import BadInput, ComponentSpec
from penstock.sdk.params import explain_each
from penstock.strict_yaml import Document, Location, read_yaml

CONFIG_FILE = "pipeline.yaml"

_EXACT = 2**53
"""KFP carries numbers as doubles: larger integers would be rounded on the way."""
_Cores = Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?|[0-9]+m)$", coerce_numbers_to_str=True)]
_Bytes = Annotated[str, Field(pattern=r"^[0-9]+[KMGTPE]i?$")]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Volume(_Closed):
    """A PersistentVolumeClaim that is there already, mounted into a task."""

    claim: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)
    """Its name, in the namespace of the tasks; without dots, because KFP calls the pod's volume by it."""
    path: str = Field(pattern=r"^/[^:]*[^:/]$")
    """Where it is mounted."""


class Execution(_Closed):
    """How a task is run; nothing here changes what it computes."""

    retries: int = Field(default=0, ge=0, le=10)
    """How often the task is tried again after it failed."""
    backoff_seconds: int = Field(default=10, ge=0, le=3600)
    """How long to wait before the first retry [s]; the wait doubles each time."""
    caching: bool = True
    """Whether the task's result may be taken from an earlier execution with the same code, values and inputs."""
    cpu_request: _Cores | None = None
    """Processor cores that the task needs, as Kubernetes writes them (`2`, `500m`)."""
    cpu_limit: _Cores | None = None
    """Processor cores that the task may use."""
    memory_request: _Bytes | None = None
    """Memory that the task needs (`4Gi`)."""
    memory_limit: _Bytes | None = None
    """Memory that the task may use."""
    accelerator_type: str | None = None
    """The accelerator's resource name (`nvidia.com/gpu`), where no node pool says it."""
    accelerator_count: Literal[1, 2, 4, 8, 16] | None = None
    """How many accelerators the task needs; where nothing is said, what the node pool says, or one."""
    node_pool: str | None = None
    """The node pool that the task runs in, by the name that the cluster's profile gives it."""
    timeout_seconds: int | None = Field(default=None, ge=1)
    """How long one attempt may take [s]; then it has failed."""
    shared_memory: _Bytes | None = None
    """Size of /dev/shm (`8Gi`), in place of the node pool's."""
    volumes: tuple[Volume, ...] = ()
    """PersistentVolumeClaims that the task needs."""


class PipelineFile(_Closed):
    """The keys of `pipeline.yaml`."""

    name: str = Field(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=128)
    """The pipeline's name; its folder has the same, with underscores for hyphens."""
    display_name: str = Field(default="", max_length=100)
    """What the Kubeflow UI calls it; its name where nothing is said."""
    version: str = Field(default="", pattern=r"^([0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?)?$", max_length=50)
    """A label for people (`1.4.0`), shown where GitOps applies the pipeline; a version's name says what is in it."""
    description: str = Field(min_length=1)
    """What the pipeline is for, in the Kubeflow UI."""
    run_may_set: tuple[str, ...] = ()
    """What a run may set, as `task.parameter`. Everything else is fixed until the pipeline is compiled again."""
    tasks: dict[str, dict[str, Any]] = {}
    """The parameters of each task, by the task's name in `pipeline.py`."""
    execution: dict[str, Execution] = {}
    """Retries, caching, resources and place of a task, by its name."""


class Config:
    """One pipeline's configuration.

    Args:
        folder: The pipeline's folder.
        file: The checked content of its `pipeline.yaml`.
        document: The same with line numbers.
    """

    def __init__(self, folder: Path, file: PipelineFile, document: Document) -> None:
        self.folder = folder
        self.file = file
        self._document = document

    def place(self, location: Location) -> str:
        """The file and the line of a key: `pipeline.yaml:12`."""
        return self._document.place(location)

    def file_of(self, location: Location) -> Path | None:
        """The file whose text stands for a value, where the value is `{file: NAME}`."""
        value: Any = self._document.value
        for part in location:
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, dict) and set(value) == {"file"}:
            return self.folder / str(value["file"])
        return None

    def wrong(self, location: Location, message: str, remedy: str = "") -> BadInput:
        """An error that names the file, the line and the key."""
        key = ".".join(str(part) for part in location)
        return BadInput(f"{self._document.place(location)}: {f'{key}: ' if key else ''}{message}", remedy)

    def values(self, task: str, spec: ComponentSpec, elsewhere: Iterable[str] = ()) -> dict[str, Any]:
        """The parameters that the file gives a task, checked against the component, as JSON.

        Args:
            task: The task's name.
            spec: The component that it runs.
            elsewhere: Parameters that get their value while the pipeline runs.

        Returns:
            What the file says, defaults left out.

        Raises:
            BadInput: A key is unknown, a value is missing or does not fit (the file's author).
        """
        written = self.file.tasks.get(task, {})
        given = {key: self._read_file(("tasks", task, key), value) for key, value in written.items()}
        open_fields: dict[str, Any] = dict.fromkeys(elsewhere, (Any, None))
        for key in open_fields.keys() & given.keys():
            raise self.wrong(("tasks", task, key), "is wired in pipeline.py", "A parameter has one origin only")
        model = create_model(spec.params.__name__, __base__=spec.params, **open_fields) if open_fields else spec.params
        try:
            params = model.model_validate(given)
        except ValidationError as error:
            found = explain_each(error, spec.params, inside=("tasks", task), place=self._document.prefix)
            near = [] if task in self.file.tasks else difflib.get_close_matches(task, self.file.tasks, n=1)
            remedy = f"There is no section {task!r}, but one called {near[0]!r}" if near else ""
            raise BadInput("; ".join(found), remedy, findings=found) from None
        plain: dict[str, Any] = params.model_dump(mode="json", exclude_unset=True)
        for key, value in plain.items():
            location = ("tasks", task, key)
            # KFP drops a null. That is right where nothing is the default, and would be another value elsewhere.
            if value is None and spec.params.model_fields[key].default is not None:
                raise self.wrong(location, "null cannot be passed through KFP", "Leave the key out, or give a value")
            self._check_travels(location, value)
        return {key: value for key, value in plain.items() if value is not None}

    def check_tasks(self, known: Mapping[str, ComponentSpec]) -> None:
        """Refuse what is said of tasks that the pipeline does not have.

        Raises:
            BadInput: `tasks`, `execution` or `run_may_set` names an unknown task or parameter (the file's author).
        """
        for problem in self.unknown_tasks(known):
            raise problem

    def unknown_tasks(self, known: Mapping[str, ComponentSpec]) -> Iterator[BadInput]:
        """Everything that is said of tasks and parameters that the pipeline does not have."""
        for section in ("tasks", "execution"):
            for task in getattr(self.file, section):
                if task not in known:
                    yield self.wrong((section, task), f"there is no such task; {nearest(task, known)}")
        for index, name in enumerate(self.file.run_may_set):
            task, _, parameter = name.partition(".")
            if task not in known:
                yield self.wrong(("run_may_set", index), f"{name!r} names no task; {nearest(task, known)}")
            elif parameter not in (fields := known[task].params.model_fields):
                yield self.wrong(
                    ("run_may_set", index), f"{name!r} names no parameter of {task}; {nearest(parameter, fields)}"
                )

    def _read_file(self, location: Location, value: Any) -> Any:
        """Put a file's text in place of `{file: NAME}`."""
        if not (isinstance(value, dict) and set(value) == {"file"} and isinstance(value["file"], str)):
            return value
        path = (self.folder / value["file"]).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise self.wrong(location, f"{value['file']!r} lies outside the pipeline's folder")
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise self.wrong(location, f"there is no file {value['file']!r} in the pipeline's folder") from None
        except (OSError, UnicodeDecodeError) as error:
            raise self.wrong(location, f"{value['file']!r} cannot be read as text: {error}") from None

    def _check_travels(self, location: Location, value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                self._check_travels((*location, key), item)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._check_travels((*location, index), item)
        elif isinstance(value, int) and abs(value) > _EXACT:
            raise self.wrong(location, f"{value} is beyond 2^53, the largest integer that KFP carries exactly")


def read_config(folder: Path) -> Config:
    """Read the `pipeline.yaml` of a pipeline's folder.

    Raises:
        BadInput: It is missing, or is not what a `pipeline.yaml` must be (the file's author).
    """
    document = read_yaml(shown(folder / CONFIG_FILE))
    if not isinstance(document.value, dict):
        raise BadInput(f"{document.place(())}: a pipeline's configuration is a mapping with name, description, tasks")
    try:
        file = PipelineFile.model_validate(document.value)
    except ValidationError as error:
        found = explain_each(error, PipelineFile, place=document.prefix)
        raise BadInput("; ".join(found), findings=found) from None
    config = Config(folder, file, document)
    if file.name.replace("-", "_") != folder.resolve().name:
        raise config.wrong(("name",), f"{file.name!r} is not the name of the folder, {folder.resolve().name!r}")
    for index, name in enumerate(file.run_may_set):
        if name in file.run_may_set[:index]:
            raise config.wrong(("run_may_set", index), f"{name!r} is there twice")
    return config


def shown(path: Path) -> Path:
    """The path as a person in the working folder would type it."""
    return Path(os.path.relpath(path)) if path.resolve().is_relative_to(Path.cwd()) else path
