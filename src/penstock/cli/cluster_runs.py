"""`penstock runs ... --profile`: the runs of a cluster, as its Kubeflow Pipelines has them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from penstock.cli.cluster import open_cluster, profile_option
from penstock.cli.output import console, json_option, print_json, print_table, seconds

if TYPE_CHECKING:
    from penstock.kubeflow.api import Kubeflow
    from penstock.kubeflow.records import Run

_STATES = {
    "running": ("PENDING", "RUNNING", "CANCELING", "PAUSED", "RUNTIME_STATE_UNSPECIFIED"),
    "complete": ("SUCCEEDED",),
    "failed": ("FAILED",),
    "interrupted": ("CANCELED",),
}
"""The engine's words for a run's state, by ours."""
WHICH = "The cluster: an overlay under kustomize/overlays, or a profile's file."


def list_on_cluster(
    profile: str,
    *,
    pipeline: str,
    states: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Print the newest runs of a cluster."""
    kubeflow = open_cluster(profile)
    wanted = tuple(word for state in states for word in _STATES[state])
    found = list(itertools.islice(_fitting(kubeflow, pipeline, wanted, since, until), limit))
    if as_json:
        print_json([run.model_dump(mode="json", exclude={"run_details"}) for run in found])
        return
    now = datetime.now(UTC)
    rows = [
        [run.run_id, run.state.word, _when(run.created_at), seconds(run.seconds(now)), run.display_name]
        for run in found
    ]
    print_table(["run", "state", "started (UTC)", "seconds", "name"], rows, right=["seconds"], whole=["run"])
    if not found:
        click.echo("no run fits")


def _fitting(
    kubeflow: Kubeflow, pipeline: str, states: tuple[str, ...], since: datetime | None, until: datetime | None
) -> Iterator[Run]:
    """Runs, newest first, until they get too old."""
    from penstock.sdk import BadInput

    pipeline_id = ""
    if pipeline:
        found = kubeflow.find_pipeline(pipeline)
        if found is None:
            raise BadInput(f"there is no pipeline {pipeline!r} on the cluster", "penstock submit uploads it")
        pipeline_id = found.pipeline_id
    for run in kubeflow.runs(states=states):
        created = run.created_at
        if since and created and created < since.replace(tzinfo=UTC):
            return
        if until and created and created >= until.replace(tzinfo=UTC):
            continue
        if not pipeline_id or run.pipeline_version_reference.pipeline_id == pipeline_id:
            yield run


def show_on_cluster(profile: str, run_id: str, *, as_json: bool) -> None:
    """Print one run of a cluster: parameters and tasks."""
    from penstock.cli.following import document, show_tasks

    kubeflow = open_cluster(profile)
    run = kubeflow.run(run_id)
    if as_json:
        print_json(document(kubeflow, run))
        return
    out = console()
    out.print(f"[bold]{run.run_id}[/bold]  {run.state.word}, {_when(run.created_at)} UTC", soft_wrap=True)
    out.print(f"{run.display_name}\n", markup=False, soft_wrap=True)
    parameters = sorted(run.runtime_config.parameters.items())
    if parameters:
        print_table(["parameter", "value"], [[name, str(value)] for name, value in parameters])
        out.print()
    show_tasks(kubeflow, run)
    if run.error.message:
        out.print(f"\n{' '.join(run.error.message.split())}", markup=False, soft_wrap=True)


@click.command(name="follow", short_help="Watch a cluster's run until it has ended.")
@click.argument("run")
@profile_option(required=True, text=WHICH)
@json_option
def follow(run: str, profile: str, as_json: bool) -> int:
    """Watch a cluster's run until it has ended. Exits as penstock submit does; Ctrl-C ends the waiting, not the run.

    \b
    Example:
      penstock runs follow 1f0c7a4e-6a3b-4f0e-9b59-0d6f6c1f2a33 --profile staging
    """
    from penstock.cli.following import conclude, follow_on_screen

    kubeflow = open_cluster(profile, watching=True)
    return conclude(kubeflow, follow_on_screen(kubeflow, run, profile), profile, as_json=as_json)


@click.command(name="terminate", short_help="Stop a cluster's run.")
@click.argument("run")
@profile_option(required=True, text=WHICH)
def terminate(run: str, profile: str) -> None:
    """Stop a cluster's run. What its tasks have finished is kept.

    \b
    Example:
      penstock runs terminate 1f0c7a4e-6a3b-4f0e-9b59-0d6f6c1f2a33 --profile staging
    """
    from penstock.kubeflow.changing import terminate as stop

    stop(open_cluster(profile), run)
    click.echo(f"{run}: is being stopped")


@click.command(name="retry", short_help="Go on with a cluster's failed run.")
@click.argument("run")
@profile_option(required=True, text=WHICH)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Watch the run until it has ended.")
@json_option
def retry(run: str, profile: str, wait: bool, as_json: bool) -> int:
    """Go on with a cluster's failed run, from the tasks that failed; what has succeeded is not done again.

    \b
    Example:
      penstock runs retry 1f0c7a4e-6a3b-4f0e-9b59-0d6f6c1f2a33 --profile staging
    """
    from penstock.cli.following import conclude, follow_on_screen
    from penstock.kubeflow.changing import retry as go_on

    go_on(open_cluster(profile), run)
    if not wait:
        click.echo(f"{run}: goes on")
        return 0
    kubeflow = open_cluster(profile, watching=True)
    return conclude(kubeflow, follow_on_screen(kubeflow, run, profile), profile, as_json=as_json)


def _when(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if moment else ""
