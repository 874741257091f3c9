"""What stands in double braces: filled by the planner, by the driver of a run, or by the launcher of a task.

Three moments, as on a cluster. Text constants that name other inputs of the task are filled when the task is planned
(`fill_constant`); facts of the run, which only who runs it knows, are filled just before it starts
(`fill_placeholders`); paths are filled when they are known (`container_argv`). Values that were filled in are never
searched for placeholders again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from penstock.running.values import to_text
from penstock.running.work import Work
from penstock.sdk.errors import PenstockError
from penstock.sdk.executor import ExecutorInput, RuntimeArtifact

PARAMETER = re.compile(r"\{\{\$\.inputs\.parameters\[(?P<q>['\"])(?P<name>.+?)(?P=q)\]\}\}")
"""An input parameter of the same task."""
RUN_FACT = re.compile(r"\{\{\$\.((?:pipeline|workspace)_\w+)\}\}")
"""A fact of the run, alone in a constant."""
ARGUMENT = re.compile(
    r"\{\{\$(?:"
    r"\.(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)\[(?P<q>['\"])(?P<name>.+?)(?P=q)\]"
    r"(?:\.(?P<field>path|uri|name|output_file|metadata)(?:\[(?P<mq>['\"])(?P<key>.+?)(?P=mq)\])?)?"
    r"|\.(?P<file>outputs\.output_file))?\}\}"
)
"""What a container's command line may hold."""


@dataclass(frozen=True)
class RunFacts:
    """What a task may ask about its run."""

    job_name: str
    job_uuid: str
    job_resource_name: str = ""
    """The name of the run as a resource; the job's name when empty."""
    create_time_utc: str = ""
    """RFC 3339."""
    schedule_time_utc: str = ""
    """RFC 3339; the time of creation when empty."""
    pipeline_root: str = ""

    def of(self, work: Work) -> dict[str, str]:
        """The facts by the names of their placeholders, for one task."""
        return {
            "pipeline_job_name": self.job_name,
            "pipeline_job_uuid": self.job_uuid,
            "pipeline_job_resource_name": self.job_resource_name or self.job_name,
            "pipeline_job_create_time_utc": self.create_time_utc,
            "pipeline_job_schedule_time_utc": self.schedule_time_utc or self.create_time_utc,
            "pipeline_root": self.pipeline_root,
            "pipeline_task_name": work.task,
            "pipeline_task_uuid": f"{self.job_uuid}/{work.id}",
        }


RUN_FACTS = frozenset(
    RunFacts("", "").of(Work("", "", "", None, {}, {}, {}, {}))  # type: ignore[arg-type]
)
"""The placeholders that `fill_placeholders` fills."""


def fill_placeholders(work: Work, facts: RunFacts) -> Work:
    """Put the facts of the run into a task's parameters.

    As on a cluster, only where the placeholder is the whole value. A task that asks for one is a task of its own in
    every run: make its cache key from what this returns.

    Args:
        work: As the planner handed it out.
        facts: What is known of the run.
    """
    known = facts.of(work)

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            found = RUN_FACT.fullmatch(value)
            return known.get(found[1], value) if found else value
        return {key: fill(item) for key, item in value.items()} if isinstance(value, dict) else value

    filled = {name: fill(value) for name, value in work.parameters.items()}
    return work if filled == work.parameters else replace(work, parameters=filled)


def fill_constant(value: Any, parameters: Mapping[str, Any]) -> Any:
    """Put input parameters of a task into a constant: `epoch {{$.inputs.parameters['n']}}`.

    A placeholder that is the whole text keeps the type of its value.

    Raises:
        KeyError: The input has no value.
    """
    if isinstance(value, str):
        alone = PARAMETER.fullmatch(value)
        if alone:
            return parameters[alone["name"]]
        return PARAMETER.sub(lambda found: to_text(parameters[found["name"]]), value)
    if isinstance(value, list):
        return [fill_constant(item, parameters) for item in value]
    if isinstance(value, dict):
        return {key: fill_constant(item, parameters) for key, item in value.items()}
    return value


def container_argv(work: Work, executor_input: ExecutorInput) -> list[str]:
    """The command line of a container task, every placeholder filled and every condition in it decided.

    Placeholders are filled as the launcher on a cluster fills them; text that only looks like one stays. What an
    optional input without a value should give is for the pipeline to say (`dsl.IfPresentPlaceholder`).

    Args:
        work: What is started.
        executor_input: What it is told: values, and where its inputs and outputs are.

    Returns:
        Command and arguments; empty when the image's own entry point is meant.

    Raises:
        PenstockError: An argument asks for an input that has no value (author of the component).

    Source:
        kubeflow/pipelines, backend/src/v2/component/launcher_v2.go, and sdk/python/kfp/dsl/placeholders.py for
        `Concat` and `IfPresent`.
    """
    filler = _Filler(work.id, executor_input)
    return [word for argument in (*work.container.command, *work.container.args) for word in filler.argument(argument)]


class _Filler:
    def __init__(self, where: str, executor_input: ExecutorInput) -> None:
        self.where = where
        self.given = executor_input
        self.json = executor_input.model_dump_json(by_alias=True)

    def argument(self, argument: str) -> list[str]:
        """One argument of the compiled pipeline; a condition in it may give none or several."""
        if argument.startswith(('{"IfPresent"', '{"Concat"')):
            try:
                return self._structure(json.loads(argument))
            except ValueError:
                pass  # a program's own JSON that begins the same way
        return [self._fill(argument)]

    def _structure(self, part: Any) -> list[str]:
        if isinstance(part, str):
            return [self._fill(part)]
        if isinstance(part, list):
            return [word for item in part for word in self._structure(item)]
        if isinstance(part, dict) and part.keys() == {"Concat"}:
            return ["".join(self._structure(part["Concat"]))]
        if isinstance(part, dict) and part.keys() == {"IfPresent"}:
            choice = part["IfPresent"]
            return self._structure(choice["Then"] if self._present(choice["InputName"]) else choice.get("Else", []))
        return [to_text(part)]

    def _present(self, name: str) -> bool:
        artifacts = self.given.inputs.artifacts.get(name)
        return name in self.given.inputs.parameter_values or bool(artifacts and artifacts.artifacts)

    def _fill(self, text: str) -> str:
        return ARGUMENT.sub(self._value, text) if "{{$" in text else text

    def _value(self, found: re.Match[str]) -> str:
        if not found["side"]:
            return self.given.outputs.output_file if found["file"] else self.json
        return (self._parameter if found["kind"] == "parameters" else self._artifact)(found)

    def _parameter(self, found: re.Match[str]) -> str:
        name, field = found["name"], found["field"]
        output = self.given.outputs.parameters.get(name)
        values = self.given.inputs.parameter_values
        if found["side"] == "outputs" and field == "output_file":
            return output.output_file if output else self._absent(found[0])
        if found["side"] == "inputs" and not field:
            return to_text(values[name]) if name in values else self._absent(found[0])
        return found[0]

    def _artifact(self, found: re.Match[str]) -> str:
        name, field = found["name"], found["field"]
        side = self.given.inputs if found["side"] == "inputs" else self.given.outputs
        artifacts = side.artifacts.get(name)
        if not artifacts or not artifacts.artifacts:
            return self._absent(found[0])
        text = _field(artifacts.artifacts[0], field, found["key"])
        return found[0] if text is None else text

    def _absent(self, placeholder: str) -> str:
        raise PenstockError(
            f"task {self.where}: the argument {placeholder} has no value",
            "Wrap it in dsl.IfPresentPlaceholder, or give the input a value",
        )


def _field(artifact: RuntimeArtifact, field: str, key: str) -> str | None:
    """A property of an artifact as text; None when there is no property of that name."""
    match field:
        case "path":
            return str(artifact.local_path())
        case "uri":
            return artifact.uri
        case "name":
            return artifact.name
        case "metadata":
            return to_text(artifact.metadata.get(key, "") if key else artifact.metadata)
    return None
