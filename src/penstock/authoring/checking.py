"""Everything about a pipeline that can be known to be wrong without running it, found at once and not one by one.

Configuration and wiring are checked here. What only a component knows (which columns a feature is made from, whether a
source has them) its own `check.py` says, task by task along the wiring; nothing here knows any component.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.authoring.compiling import build_pipeline, check_compiled, load_build
from penstock.authoring.config import CONFIG_FILE, Config, read_config, shown
from penstock.authoring.discovery import COMPILED_FILE, load_check
from penstock.authoring.pipeline import Pipeline, Task
from penstock.authoring.placing import on_cluster, on_laptop
from penstock.profiles.cluster import ClusterProfile
from penstock.sdk import BadInput, ComponentSpec, Params, PenstockError
from penstock.sdk.checking import Check, Known, Problem

_PLACE = re.compile(r"^(?P<file>[^\s:]+\.(?:yaml|py|pbtxt))(?::(?P<line>\d+))?: (?P<text>.*)$", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    file: str
    line: int
    """From 1; 0 where it is about the file as a whole."""
    text: str
    """The key, what is wrong with it, and the nearest that would be right."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


@dataclass(frozen=True)
class Checked:
    """What was found out about one pipeline."""

    pipeline: str
    findings: tuple[Finding, ...]
    facts: tuple[str, ...]
    """What was seen, for people: `ingest: 336,776 rows`."""


def check_pipeline(folder: Path, *, data: bool = False, profile: ClusterProfile | None = None) -> Checked:
    """Check one pipeline; nothing is run and nothing is written.

    Args:
        folder: Its folder.
        data: Whether to look at all rows of its sources, rather than at the first.
        profile: A cluster that must have what the tasks ask for.

    Returns:
        Every problem, each once, in the order in which the pipeline would meet them.
    """
    where = str(shown(folder / CONFIG_FILE))
    found: list[Finding] = []
    facts: list[str] = []
    try:
        config = _Lenient(read_config(folder))
        pipeline, _ = build_pipeline(config, load_build(folder), {}, on_laptop(config, {}))
    except PenstockError as error:
        return Checked(folder.name, tuple(_findings(error, where)), ())
    for wrong in (*config.problems, *config.unknown_tasks(pipeline.components)):
        found += _findings(wrong, where)
    for task, check in _run_checks(pipeline, config, data=data):
        found += [_placed(config, task, problem) for problem in check.problems]
        facts += [f"{task.name}: {fact}" for fact in check.facts]
    if profile:
        found += _unplaced(config, profile, pipeline, where)
    found = list(dict.fromkeys(found))
    if not found:
        found += _stale(folder, where)
    return Checked(folder.name, tuple(found), tuple(facts))


def _run_checks(pipeline: Pipeline, config: _Lenient, *, data: bool) -> Iterator[tuple[Task, Check[Any]]]:
    """Let each task's component look at it, with what those before it know."""
    known: dict[tuple[str, str], Known] = {}
    for name, task in pipeline.tasks.items():
        params = config.params.get(name)
        check = load_check(task.spec)
        if params is None or check is None:
            continue
        given = {key: known[o.task, o.name] for key, o in task.inputs.items() if (o.task, o.name) in known}
        at: Check[Any] = Check(params, given, data)
        try:
            with at.noting():
                check(at)
        except Exception as error:  # somebody's own component
            at.problem(text=f"the check of {task.spec.name} fails: {type(error).__name__}: {error}")
        known |= {(name, output): facts for output, facts in at.outputs.items()}
        yield task, at


def _unplaced(config: Config, profile: ClusterProfile, pipeline: Pipeline, where: str) -> list[Finding]:
    """What tasks ask for and the cluster does not have, task by task."""
    found: list[Finding] = []
    try:
        place = on_cluster(config, profile, "")
    except BadInput as error:
        return _findings(error, where)
    for name, spec in pipeline.components.items():
        try:
            place(name, spec)
        except BadInput as error:
            found += _findings(error, where)
    return found


def _stale(folder: Path, where: str) -> list[Finding]:
    compiled = folder / COMPILED_FILE
    try:
        if compiled.is_file() and not check_compiled(folder):
            return []
    except PenstockError as error:  # what a run may set is only known to be wrong once it has been typed
        return _findings(error, where)
    what = "is not what would be compiled now" if compiled.is_file() else "is missing"
    return [Finding(str(shown(compiled)), 0, f"{what}; make it: penstock compile {folder.name}")]


def _findings(error: PenstockError, where: str) -> list[Finding]:
    """An error as findings; what it says of file and line is taken out of its text."""
    texts = [*error.findings[:-1], _with(error.findings[-1], error.remedy)] if error.findings else [str(error)]
    return [_finding(text, where) for text in texts]


def _finding(text: str, where: str) -> Finding:
    match = _PLACE.match(text)
    if match is None:
        return Finding(where, 0, text)
    return Finding(match["file"], int(match["line"] or 0), match["text"])


def _with(text: str, remedy: str) -> str:
    return f"{text}. {remedy}" if remedy else text


def _placed(config: Config, task: Task, problem: Problem) -> Finding:
    """Where in the pipeline's files a component's problem is."""
    location = ("tasks", task.name, *problem.key)
    key = ".".join(map(str, location))
    file = config.file_of(location[:3])
    if file is not None and len(location) == 3:
        return Finding(str(shown(file)), problem.line, problem.text)
    finding = _finding(f"{config.place(location)}: {problem.text}", str(shown(config.folder / CONFIG_FILE)))
    text = f"{key}: {problem.text}" + (f" (line {problem.line} of the text)" if problem.line else "")
    return Finding(finding.file, finding.line, text)


class _Lenient(Config):
    """A configuration that notes what is wrong with a task's values, and goes on with values that are none.

    Args:
        config: What was read.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config.folder, config.file, config._document)
        self.problems: list[BadInput] = []
        self.params: dict[str, Params] = {}
        """The parameters of the tasks whose values are right and all in the file."""

    def values(self, task: str, spec: ComponentSpec, elsewhere: Iterable[str] = ()) -> dict[str, Any]:
        """The same; where they are wrong, something of the right type for those that are required."""
        wired = set(elsewhere)
        try:
            values = super().values(task, spec, wired)
        except BadInput as error:
            self.problems.append(error)
            return _anything(spec, wired)
        if not wired:
            self.params[task] = spec.params.model_validate(values)
        return values


def _anything(spec: ComponentSpec, wired: set[str]) -> dict[str, Any]:
    """Values of the right type, and of no meaning, for what a component requires: enough to go on wiring with."""
    from penstock.authoring.interface import describe

    nothing: Mapping[str, Any] = {
        "STRING": "",
        "BOOLEAN": False,
        "NUMBER_INTEGER": 0,
        "NUMBER_DOUBLE": 0.0,
        "LIST": [],
        "STRUCT": {},
    }
    return {p.name: nothing[p.type] for p in describe(spec).parameters if p.required and p.name not in wired}
