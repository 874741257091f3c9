"""From what a person asks for to what a run is given: parameters and the selection of tasks."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.running.pipeline_spec import CHANNEL, Dag, FromInput, ParameterDef, PipelineSpec, Task
from penstock.running.values import WrongType, coerce, parse_text
from penstock.sdk.errors import BadInput

_MADE_BY_KFP = re.compile(r"(condition|condition-branches|for-loop|exit-handler)-\d+")
"""The graphs that kfp makes of `with` blocks: no names that a person gave."""


@dataclass(frozen=True)
class Selection:
    """A part of a pipeline. Tasks are named by their paths without iterations: `for-loop-1/train`."""

    tasks: frozenset[str]
    """Everything that takes part: what was asked for, what that needs, and the graphs around them."""
    asked: frozenset[str]
    """What may be executed; the rest of `tasks` must come from the cache."""

    def may_execute(self, work_id: str) -> bool:
        """Whether a piece of work, by its id in the run, may be executed."""
        return static_path(work_id) in self.asked


def static_path(work_id: str) -> str:
    """The place of a piece of work in the pipeline: its id without iterations.

    Example:
        >>> static_path("for-loop-1[2]/train")
        'for-loop-1/train'
    """
    return "/".join(part.partition("[")[0] for part in work_id.split("/"))


def select(spec: PipelineSpec, *, only: str = "", until: str = "") -> Selection | None:
    """Choose the tasks that take part in a run.

    Args:
        spec: The pipeline.
        only: Execute this task; what it needs must be in the cache already.
        until: Execute this task and what it needs, and nothing else.

    Returns:
        The selection; None when neither is given: everything.

    Raises:
        BadInput: There is no such task, several have the name, or both are given (caller).
    """
    if only and until:
        raise BadInput("--only and --until say different things", "Give one of them")
    if not only and not until:
        return None
    path = _find(spec, only or until)
    needed = _needed(spec, path)
    inside = frozenset(p for p, _ in spec.walk() if p == path or p.startswith(f"{path}/"))
    return Selection(needed, inside if only else needed)


def _needed(spec: PipelineSpec, path: str) -> frozenset[str]:
    """A task, what it waits for with all that is inside, the graphs around, and what those wait for."""
    tasks = dict(spec.walk())
    siblings: dict[str, list[str]] = {}
    for each in tasks:
        siblings.setdefault(each.rpartition("/")[0], []).append(each)
    needed: set[str] = set()
    whole: list[str] = [path]
    around: list[str] = []
    while whole or around:
        inside = bool(whole)
        current = whole.pop() if whole else around.pop()
        if inside:
            whole.extend(p for p in siblings.get(current, ()) if p not in needed)
        parent = current.rpartition("/")[0]
        for name in tasks[current].upstream:
            before = f"{parent}/{name}" if parent else name
            if before not in needed:
                whole.append(before)
        if parent and parent not in needed:
            around.append(parent)
        needed.add(current)
    return frozenset(needed)


def _find(spec: PipelineSpec, name: str) -> str:
    """The path of the task that a person names: by its path, its name, or its display name."""
    paths = dict(spec.walk())
    if name in paths:
        return name
    found = [path for path, task in paths.items() if name in (task.name, task.display_name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"{spec.where}: several tasks are called {name!r}", f"Say which: {', '.join(sorted(found))}")
    known = {task.name for task in paths.values() if not _MADE_BY_KFP.fullmatch(task.name)}
    raise BadInput(f"{spec.where}: there is no task {name!r}", _nearest(name, known, "tasks"))


def _nearest(name: str, known: Collection[str], what: str, listed: Collection[str] = ()) -> str:
    near = difflib.get_close_matches(name, [*known, *listed], n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Its {what}: {', '.join(sorted(listed or known)) or 'none'}"


def run_parameters(spec: PipelineSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a run sets, and fill in the defaults.

    Returns:
        Every parameter that has a value, in the order of the pipeline, typed.

    Raises:
        BadInput: A name is unknown, a value is missing or of the wrong type (caller).
    """
    for name in given:
        if name not in spec.parameters:
            raise BadInput(
                f"{spec.where}: there is no run parameter {name!r}", _nearest(name, spec.parameters, "run parameters")
            )
    parameters = {}
    for name, definition in spec.parameters.items():
        value = given.get(name)
        if value is None:
            value = definition.default
        if value is not None:
            parameters[name] = _checked(spec, name, value, definition)
        elif not definition.optional:
            raise BadInput(f"{spec.where}: the run parameter {name!r} has no value", f"Set it: --set {name}=...")
    return parameters


def _checked(spec: PipelineSpec, name: str, value: Any, definition: ParameterDef) -> Any:
    try:
        return coerce(value, definition.type, strict=True)
    except WrongType as error:
        raise BadInput(f"{spec.where}: run parameter {name!r}: {error}") from None


def bind(spec: PipelineSpec, settings: Mapping[str, str], places: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Turn what was set into run parameters.

    Args:
        spec: The pipeline.
        settings: Texts by `task.parameter` (`train.epochs`, also `inner/train.epochs`), or by the run parameter's
            own name (`train_epochs`).
        places: Where settings stand, for messages; `--set` where it does not say.

    Returns:
        Values by run parameter, typed; only what was set.

    Raises:
        BadInput: There is no such task or parameter, the pipeline does not let a run set it, the text is not of the
            parameter's type, or two settings contradict each other (caller).
    """
    values: dict[str, Any] = {}
    for setting, text in settings.items():
        place = (places or {}).get(setting, f"--set {setting}")
        name = setting if setting in spec.parameters else _bound(spec, setting, place)
        try:
            value = parse_text(text, spec.parameters[name].type)
        except WrongType as error:
            raise BadInput(f"{place}: {error}") from None
        if name in values and values[name] != value:
            raise BadInput(f"{place}: the run parameter {name!r} is set twice, to different values")
        values[name] = value
    return values


def _bound(spec: PipelineSpec, setting: str, place: str) -> str:
    """The run parameter behind `task.parameter`."""
    task_name, dot, parameter = setting.rpartition(".")
    may = _settings(spec)
    if not dot:
        raise BadInput(
            f"{place}: there is no such run parameter",
            _nearest(setting, spec.parameters, "settings", listed=settable(spec)),
        )
    tasks = {path: task for path, task in spec.walk() if task_name in (path, task.name, task.display_name)}
    if not tasks:
        raise BadInput(f"{place}: there is no task {task_name!r}", _nearest(setting, settable(spec), "settings"))
    found = {may[f"{path}.{parameter}"] for path in tasks if f"{path}.{parameter}" in may}
    if len(found) == 1:
        return found.pop()
    if found:
        raise BadInput(f"{place}: several tasks are called {task_name!r}", f"Say which: {', '.join(sorted(tasks))}")
    inputs = {name for task in tasks.values() for name in spec.component(task).parameters}
    if parameter not in inputs:
        raise BadInput(
            f"{place}: task {task_name!r} has no parameter {parameter!r}",
            _nearest(parameter, inputs, "parameters"),
        )
    can = ", ".join(sorted(settable(spec))) or "nothing"
    raise BadInput(f"{place}: the pipeline does not let a run set it", f"What may be set: {can}")


def settable(spec: PipelineSpec) -> dict[str, str]:
    """What a run may set: `task.parameter` to the run parameter that it comes from.

    Tasks are called by their names, or by their paths (`inner/train`) where several have the name.
    """
    names = Counter(task.name for _, task in spec.walk())

    def short(setting: str) -> str:
        name = setting.rpartition("/")[2]
        return name if names[name.partition(".")[0]] == 1 else setting

    return {short(setting): name for setting, name in _settings(spec).items()}


def _settings(spec: PipelineSpec) -> dict[str, str]:
    """The same, all tasks by their paths, without the inputs that kfp made up."""
    every = _settable(spec, spec.root.body, "", {name: name for name in spec.parameters})
    return {setting: name for setting, name in every if CHANNEL not in setting}


def _settable(spec: PipelineSpec, body: Any, prefix: str, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not isinstance(body, Dag):
        return
    for task in body.tasks.values():
        inner = _passed_on(task, names)
        yield from ((f"{prefix}{task.name}.{name}", origin) for name, origin in inner.items())
        yield from _settable(spec, spec.component(task).body, f"{prefix}{task.name}/", inner)


def _passed_on(task: Task, names: Mapping[str, str]) -> dict[str, str]:
    """Which inputs of a task are run parameters as they are, and which."""
    return {
        name: names[binding.source.name]
        for name, binding in task.parameters.items()
        if isinstance(binding.source, FromInput) and binding.source.name in names and not binding.selector
    }
