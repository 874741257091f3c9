"""How runs differ: parameters, code, data, metrics, verdicts, durations. Pure: records in, records out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from penstock.artifacts import Model, ModelEvaluation
from penstock.lineage.records import ExecutionRecord, Record, RunRecord, State
from penstock.sdk import BadInput

Value = str | int | float | bool | None
"""One cell: None where a run has no such thing."""

_MEASURED = (ModelEvaluation.kind, Model.kind)
_SECONDS_THAT_MATTER = 1.0
_SHARE_THAT_MATTERS = 0.2


class Aspect(StrEnum):
    """What a row of a comparison is about."""

    RUN = "run"
    PARAMETER = "parameter"
    CODE = "code"
    DATA = "data"
    METRIC = "metric"
    VERDICT = "verdict"
    DURATION = "duration"


class Row(Record):
    """One thing, in every run."""

    aspect: Aspect
    name: str
    """`task.name`, or the name alone for what belongs to the run."""
    values: tuple[Value, ...]
    """In the order of the runs."""
    differs: bool
    """Whether the runs disagree. Durations, which never agree, do when they lie apart by over 1 s and over a fifth."""


class Comparison(Record):
    """Runs side by side."""

    run_ids: tuple[str, ...]
    rows: tuple[Row, ...]
    """By aspect, then in the order of the tasks."""

    @property
    def differences(self) -> tuple[Row, ...]:
        """Only the rows in which the runs disagree."""
        return tuple(row for row in self.rows if row.differs)


def compare(runs: Sequence[RunRecord]) -> Comparison:
    """Lay runs side by side and mark what differs.

    Args:
        runs: Two or more, with their executions.

    Returns:
        One row for everything that any of them has. Tasks are matched by name; of several attempts the last counts.

    Raises:
        BadInput: There are fewer than two runs (caller).
    """
    if len(runs) < 2:
        raise BadInput("a comparison needs at least two runs")
    tables = _told_once([dict(_facts(run)) for run in runs])
    keys = dict.fromkeys(key for table in tables for key in table)
    order = {aspect: position for position, aspect in enumerate(Aspect)}
    rows = []
    for aspect, name in sorted(keys, key=lambda key: order[key[0]]):
        values = tuple(table.get((aspect, name)) for table in tables)
        rows.append(Row(aspect=aspect, name=name, values=values, differs=_differ(aspect, values)))
    return Comparison(run_ids=tuple(run.run_id for run in runs), rows=tuple(rows))


_Key = tuple[Aspect, str]
_Fact = tuple[_Key, Value]


def _told_once(tables: list[dict[_Key, Value]]) -> list[dict[_Key, Value]]:
    """Leave out a parameter of the run (`train_epochs`) that its task tells, too, in every run (`train.epochs`)."""
    names = {name for table in tables for aspect, name in table if aspect is Aspect.PARAMETER}
    of_task = {name.replace(".", "_").replace("-", "_"): name for name in names if "." in name}
    twice = [
        (Aspect.PARAMETER, name)
        for name in names
        if name in of_task and all(_tells(table, name, of_task[name]) for table in tables)
    ]
    return [{key: value for key, value in table.items() if key not in twice} for table in tables]


def _tells(table: Mapping[_Key, Value], name: str, of_task: str) -> bool:
    nothing = object()
    value = table.get((Aspect.PARAMETER, name), nothing)
    return value is nothing or value == table.get((Aspect.PARAMETER, of_task), nothing)


def _facts(run: RunRecord) -> Iterator[_Fact]:
    yield (Aspect.RUN, "pipeline"), run.pipeline
    yield (Aspect.RUN, "pipeline_digest"), run.pipeline_digest
    yield (Aspect.RUN, "penstock_version"), run.penstock_version
    yield (Aspect.RUN, "state"), run.state.value
    yield (Aspect.RUN, "exit_code"), run.exit_code
    for name, value in _flat("", run.parameters):
        yield (Aspect.PARAMETER, name), value
    if run.ended is not None:
        yield (Aspect.DURATION, "run"), (run.ended - run.started).total_seconds()
    last_attempts = {execution.task: execution for execution in run.executions}
    for execution in last_attempts.values():
        yield from _task_facts(execution)


def _task_facts(execution: ExecutionRecord) -> Iterator[_Fact]:
    task = execution.task
    for name, value in _flat(f"{task}.", execution.parameters):
        yield (Aspect.PARAMETER, name), value
    for name in ("component_version", "code_digest", "image_digest"):
        if value := getattr(execution, name):
            yield (Aspect.CODE, f"{task}.{name}"), value
    for artifact in (*execution.inputs, *execution.outputs):
        yield (Aspect.DATA, f"{task}.{artifact.name or artifact.kind}"), artifact.digest
    for artifact in execution.outputs:
        if artifact.kind in _MEASURED:
            for name, value in artifact.metadata.items():
                if not isinstance(value, str):
                    yield (Aspect.METRIC, f"{task}.{name}"), value
    if execution.decision is not None:
        yield (Aspect.VERDICT, task), f"{execution.decision.verdict}, {execution.decision.consequence}"
    elif execution.state in (State.FAILED, State.INTERRUPTED, State.SKIPPED):
        yield (Aspect.VERDICT, task), execution.state.value
    if execution.state is not State.CACHED and execution.seconds is not None:
        yield (Aspect.DURATION, task), execution.seconds


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """Nested mappings as dotted names, so that a difference is shown where it is."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(f"{prefix}{name}.", value)
        elif isinstance(value, str | int | float | bool | None):
            yield f"{prefix}{name}", value
        else:
            yield f"{prefix}{name}", json.dumps(value, sort_keys=True, ensure_ascii=False)


def _differ(aspect: Aspect, values: Sequence[Value]) -> bool:
    if aspect is Aspect.DURATION:
        known = [value for value in values if isinstance(value, int | float)]
        apart = max(known) - min(known)
        return apart > _SECONDS_THAT_MATTER and apart > _SHARE_THAT_MATTERS * max(known)
    first = values[0]
    return any(type(value) is not type(first) or value != first for value in values[1:])
