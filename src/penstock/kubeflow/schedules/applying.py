"""Looking at the recurring runs of a cluster, and doing what a plan says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.kubeflow.api import Kubeflow
from penstock.kubeflow.package import Package
from penstock.kubeflow.records import CronSchedule, PeriodicSchedule, RecurringRun, RunState, Trigger
from penstock.kubeflow.schedules.declaration import Declared, cron_of
from penstock.kubeflow.schedules.plan import Found, Plan, Step, Verb, Wanted, describe, mark_of
from penstock.kubeflow.sending import NotFound
from penstock.kubeflow.submitting import upload
from penstock.profiles.cluster import ClusterProfile
from penstock.sdk import PenstockError

SETTLE_SECONDS = 10.0
"""How long after it was disabled the last run that a recurring run has started may take to show [s]."""
_UNDER_WAY = (RunState.UNKNOWN, RunState.PENDING, RunState.RUNNING, RunState.CANCELING, RunState.PAUSED)


@dataclass(frozen=True)
class Resolved:
    """A schedule with all that is needed to make it."""

    declared: Declared
    package: Package
    parameters: Mapping[str, Any]
    """Typed, by run parameter."""


def wanted_of(resolved: Resolved, profile: ClusterProfile) -> Wanted:
    """What a schedule comes to on a cluster.

    Raises:
        BadInput: Its cron line cannot be said in the cluster's time zone (its author).
    """
    schedule = resolved.declared.schedule
    cron = cron_of(resolved.declared, profile.kubeflow.cron_time_zone)
    when: dict[str, Any] = {"cron": cron} if cron else {"interval_seconds": schedule.interval_seconds}
    shape = {
        "pipeline": resolved.package.name,
        "version": resolved.package.version if schedule.version == "compiled" else "latest",
        **when,
        "parameters": dict(sorted(resolved.parameters.items())),
        "experiment": schedule.experiment or profile.experiment,
        "max_concurrency": schedule.max_concurrency,
        "catch_up": schedule.catch_up,
        "pipeline_root": profile.pipeline_root,
        "service_account": profile.service_account,
    }
    return Wanted(resolved.declared.name, shape, schedule.enabled, schedule.description)


def look(kubeflow: Kubeflow, owner: str) -> list[Found]:
    """The recurring runs that have an owner's mark, oldest first.

    Raises:
        PenstockError: The server cannot be reached (operator).
    """
    names = _Names(kubeflow)
    found = []
    for run in kubeflow.recurring_runs():
        mark = mark_of(run)
        if mark is None or mark.owner != owner:
            continue
        busy = is_busy(kubeflow, run.recurring_run_id)
        found.append(Found(run.recurring_run_id, mark, shape_of(run, names), run.enabled, busy))
    return found


def listing(kubeflow: Kubeflow) -> list[dict[str, Any]]:
    """Every recurring run of a cluster, whoever made it, by name.

    Raises:
        PenstockError: The server cannot be reached (operator).
    """
    names = _Names(kubeflow)
    found = []
    for run in kubeflow.recurring_runs():
        mark = mark_of(run)
        about = {"name": run.display_name, "id": run.recurring_run_id, "owner": mark.owner if mark else ""}
        found.append({**about, "enabled": run.enabled, **shape_of(run, names)})
    return sorted(found, key=lambda each: (each["name"], each["id"]))


class _Names:
    """Names of what the server calls by ids; each is asked for once."""

    def __init__(self, kubeflow: Kubeflow) -> None:
        self._kubeflow = kubeflow
        self._known: dict[tuple[str, ...], str] = {}

    def pipeline(self, id_: str) -> str:
        return self._name((id_,), lambda: self._kubeflow.pipeline(id_).name) if id_ else ""

    def version(self, pipeline_id: str, id_: str) -> str:
        return self._name((pipeline_id, id_), lambda: self._kubeflow.version(pipeline_id, id_).name)

    def experiment(self, id_: str) -> str:
        return self._name(("experiment", id_), lambda: self._kubeflow.experiment(id_).display_name) if id_ else ""

    def _name(self, key: tuple[str, ...], ask: Callable[[], str]) -> str:
        if key not in self._known:
            try:
                self._known[key] = ask()
            except NotFound:
                self._known[key] = f"{key[-1]} (deleted)"
        return self._known[key]


def shape_of(run: RecurringRun, names: _Names) -> dict[str, Any]:
    """What a recurring run is, in the words of `Wanted.shape`."""
    reference = run.pipeline_version_reference
    cron, interval = run.trigger.cron_schedule, run.trigger.periodic_schedule
    when: dict[str, Any] = {"cron": cron.cron} if cron else {"interval_seconds": interval and interval.interval_second}
    version = (
        names.version(reference.pipeline_id, reference.pipeline_version_id) if reference.pipeline_version_id else ""
    )
    return {
        "pipeline": names.pipeline(reference.pipeline_id),
        "version": version or "latest",
        **when,
        "parameters": dict(sorted(run.runtime_config.parameters.items())),
        "experiment": names.experiment(run.experiment_id),
        "max_concurrency": run.max_concurrency,
        "catch_up": not run.no_catchup,
        "pipeline_root": run.runtime_config.pipeline_root,
        "service_account": run.service_account,
    }


def apply(
    kubeflow: Kubeflow,
    plan: Plan,
    resolved: Sequence[Resolved],
    profile: ClusterProfile,
    *,
    owner: str,
    on_step: Callable[[Step], None] = lambda _: None,
) -> list[str]:
    """Do what a plan says, step by step; what is already so when a step comes to it is well.

    What is to be deleted is looked at once more, after a pause: a run that has just been started shows only when the
    persistence agent has reported it. One that runs is left to a later apply.

    Args:
        kubeflow: The API server.
        plan: The steps.
        resolved: The schedules that the plan was made from.
        profile: The cluster.
        owner: Whose mark new recurring runs get.
        on_step: Told of each step when it is done.

    Returns:
        What was left to a later apply, and why.

    Raises:
        PenstockError: The server cannot be reached, or refuses a step; what was done stays, and the next apply goes on
            from there (operator).
    """
    by_name = {each.declared.name: each for each in resolved}
    disabled = {step.id for step in plan.steps if step.verb is Verb.DISABLE}
    deletes = [step for step in plan.steps if step.verb is Verb.DELETE]
    left = []

    def do(step: Step) -> None:
        try:
            _do(kubeflow, step, by_name, profile, owner)
        except PenstockError as error:
            raise type(error)(f"{step.name}: {step.verb}: {error.message}", error.remedy) from None
        on_step(step)

    for step in plan.steps:
        if step.verb is not Verb.DELETE:
            do(step)
    if any(step.id in disabled for step in deletes):
        time.sleep(SETTLE_SECONDS)
    for step in deletes:
        if is_busy(kubeflow, step.id):
            left.append(f"{step.name}: a run of it has just been started, so a later apply deletes it ({step.id})")
        else:
            do(step)
    return left


def is_busy(kubeflow: Kubeflow, recurring_run_id: str) -> bool:
    """Whether runs of a recurring run are under way, as far as the server knows."""
    return next(kubeflow.runs(recurring_run_id=recurring_run_id, states=_UNDER_WAY), None) is not None


def _do(kubeflow: Kubeflow, step: Step, resolved: Mapping[str, Resolved], profile: ClusterProfile, owner: str) -> None:
    match step.verb:
        case Verb.CREATE:
            _create(kubeflow, resolved[step.name], profile, owner)
        case Verb.ENABLE | Verb.DISABLE:
            kubeflow.enable(step.id, step.verb is Verb.ENABLE)
        case Verb.DELETE:
            kubeflow.delete_recurring_run(step.id)


def _create(kubeflow: Kubeflow, resolved: Resolved, profile: ClusterProfile, owner: str) -> None:
    schedule, wanted = resolved.declared.schedule, wanted_of(resolved, profile)
    version = upload(kubeflow, resolved.package)
    cron = str(wanted.shape.get("cron") or "")
    trigger = (
        Trigger(cron_schedule=CronSchedule(cron=cron))
        if cron
        else Trigger(periodic_schedule=PeriodicSchedule(interval_second=schedule.interval_seconds or 0))
    )
    kubeflow.create_recurring_run(
        wanted.name,
        description=describe(wanted, owner),
        experiment=kubeflow.ensure_experiment(str(wanted.shape["experiment"])),
        pipeline_id=version.pipeline_id,
        version_id=version.pipeline_version_id if schedule.version == "compiled" else "",
        trigger=trigger,
        parameters=resolved.parameters,
        max_concurrency=schedule.max_concurrency,
        catch_up=schedule.catch_up,
        enabled=schedule.enabled,
        pipeline_root=profile.pipeline_root,
        service_account=profile.service_account,
    )
