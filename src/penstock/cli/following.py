"""A cluster's run on the screen: while it goes on, and what it came to."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.output import console, print_decisions, print_json, print_table, seconds

if TYPE_CHECKING:
    from penstock.kubeflow.api import Kubeflow
    from penstock.kubeflow.following import Ending, TaskView
    from penstock.kubeflow.package import Package
    from penstock.kubeflow.records import Run
    from penstock.running.events import OnEvent

_AGAIN_SECONDS = 5.0
"""How long a lineage that does not answer is asked again [s]: somebody waits for what a run came to."""


class StoppedWaiting(click.exceptions.Exit):
    """Ctrl-C while a run was watched; the run goes on."""


def follow_on_screen(kubeflow: Kubeflow, run_id: str, profile: str, package: Package | None = None) -> Run:
    """Show a run's tasks until it has ended.

    Args:
        kubeflow: The API server; it may be away for as long as its patience is.
        run_id: The run.
        profile: The cluster's name, for what to type next.
        package: What it runs, for the tasks' names; asked of the server when None.

    Raises:
        StoppedWaiting: Somebody pressed Ctrl-C (nobody: it was said what goes on).
    """
    from penstock.kubeflow.following import follow, package_of, tasks_of
    from penstock.running.display import open_display
    from penstock.running.events import RunStarted
    from penstock.sdk import ExitCode

    try:
        with open_display(sys.stderr) as display:
            display(RunStarted(run_id, package.name if package else ""))
            shown: dict[str, str] = {}
            for run in follow(kubeflow, run_id):
                package = package or package_of(kubeflow, run)
                for task in tasks_of(run, package.tasks if package else None):
                    _tell(display, shown, task)
    except KeyboardInterrupt:
        click.echo(
            f"penstock: stopped waiting; the run goes on. Watch it: penstock runs follow {run_id} --profile {profile}; "
            f"end it: penstock runs terminate {run_id} --profile {profile}",
            err=True,
        )
        raise StoppedWaiting(ExitCode.INTERRUPTED) from None
    return run


def _tell(display: OnEvent, shown: dict[str, str], task: TaskView) -> None:
    """Tell a display what has changed of a task."""
    from penstock.kubeflow.records import RunState
    from penstock.lineage.records import State
    from penstock.running.events import TaskEnded, TaskReport, TaskStarted

    if shown.get(task.id) == task.state:
        return
    if task.id not in shown and (task.state is RunState.RUNNING or task.state.ended):
        display(TaskStarted(task.id, task.name, attempt=1))
    if task.state is RunState.RUNNING or task.state.ended:
        shown[task.id] = task.state
    ends = {
        RunState.SUCCEEDED: State.COMPLETE,
        RunState.SKIPPED: State.SKIPPED,
        RunState.FAILED: State.FAILED,
        RunState.CANCELED: State.INTERRUPTED,
    }
    if task.state in ends:
        display(TaskEnded(TaskReport(task.id, task.name, "", ends[task.state], task.seconds or 0.0)))


def conclude(kubeflow: Kubeflow, run: Run, profile: str, *, as_json: bool) -> int:
    """Show what a run that has ended came to; returns the exit code."""
    from penstock.kubeflow.following import failures_of, last_lines, package_of, tasks_of
    from penstock.kubeflow.records import RunState

    package = package_of(kubeflow, run)
    ending = _settle(profile, run, package)
    if as_json:
        verdicts = {task: decision.verdict for task, decision in ending.decisions}
        found = {"closed_gates": ending.closed, "verdicts": verdicts, "exit_code": int(ending.code)}
        print_json({**document(kubeflow, run), **found})
        return ending.code
    show_tasks(kubeflow, run)
    failures = failures_of(kubeflow, run.run_id) if run.state is RunState.FAILED else {}
    for task in tasks_of(run, package.tasks if package else None):
        if task.state is RunState.FAILED and task.key in failures:
            console().print(f"\n{task.name}: the end of its log", style="bold")
            for line in last_lines(kubeflow, run, failures[task.key]):
                console().print(f"  {line}", markup=False, soft_wrap=True)
    print_decisions(ending.decisions)
    for gate in () if ending.decisions else ending.closed:
        console().print(f"\nthe gate of {gate} said no; its verdict is in the task's outputs and in the lineage")
    if run.error.message:
        console().print(f"\n{' '.join(run.error.message.split())}", markup=False, soft_wrap=True)
    took = seconds(run.seconds(datetime.now(UTC)))
    console().print(f"\nrun      {run.run_id}  {run.state.word}  {took} s", soft_wrap=True)
    if run.state is RunState.FAILED:
        console().print(f"again    penstock runs retry {run.run_id} --profile {profile}", soft_wrap=True)
    return ending.code


def _settle(profile: str, run: Run, package: Package | None) -> Ending:
    """Tell the lineage how a run ended and ask it what gates said; without it, go by what was skipped.

    A cluster's lineage is seldom open to everybody who may submit: that it cannot be reached is no error.
    """
    from penstock.cli.store import open_url
    from penstock.kubeflow.following import ending_of
    from penstock.kubeflow.recorded import settle
    from penstock.profiles.reading import find_cluster
    from penstock.sdk import PenstockError

    url = find_cluster(profile).lineage
    if url:
        with suppress(PenstockError):
            return settle(open_url(url, called=profile, patience_seconds=_AGAIN_SECONDS), run, package)
    return ending_of(run, package)


def show_tasks(kubeflow: Kubeflow, run: Run) -> None:
    """Print the tasks of a run, the failed ones with the reason."""
    tasks = document(kubeflow, run)["tasks"]
    rows = [[task["name"], task["state"].word, seconds(task["seconds"]), task["why"]] for task in tasks]
    print_table(["task", "state", "seconds", ""], rows, right=["seconds"])


def document(kubeflow: Kubeflow, run: Run) -> dict[str, Any]:
    """A run for machines."""
    from penstock.kubeflow.following import failures_of, package_of, tasks_of
    from penstock.kubeflow.records import RunState

    package = package_of(kubeflow, run)
    views = tasks_of(run, package.tasks if package else None)
    failed = any(view.state is RunState.FAILED for view in views)
    failures = failures_of(kubeflow, run.run_id) if failed else {}
    tasks = [{**vars(view), "why": failures[view.key].why if view.key in failures else ""} for view in views]
    return {**run.model_dump(mode="json", exclude={"run_details"}), "tasks": tasks}
