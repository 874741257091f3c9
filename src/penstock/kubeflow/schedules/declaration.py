"""The files under `schedules/`: which pipelines are to run again and again, and when."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from penstock.kubeflow.schedules.cron import to_kubeflow
from penstock.sdk import BadInput
from penstock.sdk.params import explain_each
from penstock.strict_yaml import Document, read_yaml

MOST_AT_ONCE = 10
"""Kubeflow's own limit."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,98}[a-z0-9])?")


class Schedule(BaseModel):
    """One recurring run."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    pipeline: str
    """The pipeline: a name under pipelines/."""
    cron: str = ""
    """When, in five fields: `30 4 * * MON-FRI`."""
    time_zone: str = "UTC"
    """In which `cron` is meant: `Europe/Berlin`."""
    interval_seconds: int | None = Field(default=None, ge=60)
    """Instead of cron: again after so many seconds."""
    description: str = ""
    """What it is for; shown in the Kubeflow UI."""
    version: Literal["compiled", "latest"] = "compiled"
    """`compiled`: the version that is compiled here, so that Git decides what runs; `latest`: whatever was uploaded
    last when a run starts."""
    parameters: dict[str, dict[str, Any]] = {}
    """What its runs set, by task, as in run.yaml: `train: {epochs: 20}`."""
    experiment: str = ""
    """Where its runs are listed; the profile's experiment when empty."""
    max_concurrency: int = Field(default=1, ge=1, le=MOST_AT_ONCE)
    """How many of its runs may be under way at once."""
    catch_up: bool = False
    """Whether runs that were missed are made up for, one by one; otherwise the last of them only."""
    enabled: bool = True
    """Whether it starts runs."""

    @model_validator(mode="after")
    def _one_trigger(self) -> Self:
        if bool(self.cron) == (self.interval_seconds is not None):
            raise ValueError("give either cron or interval_seconds")
        return self


class _File(BaseModel):
    """One file of schedules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schedules: dict[str, Schedule]


@dataclass(frozen=True)
class Declared:
    """A schedule, and where it stands."""

    name: str
    schedule: Schedule
    document: Document

    def place(self, *keys: str) -> str:
        """The beginning of a message about one of its keys: `schedules/flights.yaml:4: `."""
        return self.document.prefix(("schedules", self.name, *keys))

    @property
    def settings(self) -> dict[str, str]:
        """Its parameters as `--set` would be given them."""
        found = {}
        for task, values in self.schedule.parameters.items():
            for name, value in values.items():
                if value is None:
                    raise BadInput(f"{self.place('parameters', task, name)}{task}.{name}: null sets nothing")
                found[f"{task}.{name}"] = value if isinstance(value, str) else json.dumps(value)
        return found

    @property
    def places(self) -> dict[str, str]:
        """Where each of its parameters stands, for messages."""
        return {name: f"{self.place('parameters', *name.split('.', 1))}{name}" for name in self.settings}


def read_schedules(where: Path) -> list[Declared]:
    """Read every schedule of a folder, or of one file, by name.

    Raises:
        BadInput: A file is no file of schedules, or two of them have one name; the message has the line (its author).
    """
    if where.is_dir():
        files = sorted(path for path in where.rglob("*") if _is_declared(path, where))
    elif where.is_file():
        files = [where]
    else:
        raise BadInput(f"{where} is missing", "It holds the schedules: one YAML file for each pipeline")
    found: dict[str, Declared] = {}
    for path in files:
        for declared in _read(path):
            if other := found.get(declared.name):
                first = other.place().removesuffix(": ")
                raise BadInput(f"{declared.place()}{declared.name}: is there already, in {first}")
            found[declared.name] = declared
    return [found[name] for name in sorted(found)]


def _is_declared(path: Path, where: Path) -> bool:
    """Whether a path is a file of schedules, and no copy that kubelet keeps in a mounted ConfigMap (`..data/`)."""
    hidden = any(part.startswith("..") for part in path.relative_to(where).parts)
    return path.suffix in (".yaml", ".yml") and not hidden and path.is_file()


def cron_of(declared: Declared, cluster_zone: str) -> str:
    """Its cron line as the cluster reads it; empty where it goes by an interval.

    Raises:
        BadInput: The line cannot be read, or not be said in the cluster's zone; the message has the line (its author).
    """
    if not declared.schedule.cron:
        return ""
    try:
        return to_kubeflow(declared.schedule.cron, declared.schedule.time_zone, cluster_zone)
    except BadInput as error:
        raise BadInput(f"{declared.place('cron')}{declared.name}: {error.message}", error.remedy) from None


def _read(path: Path) -> list[Declared]:
    document = read_yaml(path)
    try:
        file = _File.model_validate(document.value or {})
    except ValidationError as error:
        found = explain_each(error, _File, place=document.prefix)
        raise BadInput("; ".join(found), findings=found) from None
    for name in file.schedules:
        if not _NAME.fullmatch(name):
            rule = "A name has lower-case letters, digits and hyphens, at most 100"
            raise BadInput(f"{document.prefix(('schedules', name))}{name!r} is no name of a schedule", rule)
    return [Declared(name, schedule, document) for name, schedule in file.schedules.items()]
