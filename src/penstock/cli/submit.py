"""`penstock submit`: run a pipeline on a cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.cluster import open_cluster, prepare, profile_option
from penstock.cli.output import console, json_option, print_json
from penstock.cli.settings import gather, settings_options

if TYPE_CHECKING:
    from penstock.kubeflow.package import Package
    from penstock.profiles.cluster import ClusterProfile


@click.command(name="submit", short_help="Run a pipeline on a cluster's Kubeflow Pipelines.")
@click.argument("pipeline")
@profile_option(required=True, text="The cluster: an overlay under kustomize/overlays, or a profile's file.")
@settings_options
@click.option("--experiment", default="", help="Where the run is listed; made where it is not there.")
@click.option("--name", default="", help="What the run is called; the pipeline and the time when not said.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Watch the run until it has ended.")
@click.option("--preflight/--no-preflight", default=True, show_default=True, help="See first whether tasks find nodes.")
@json_option
def command(
    pipeline: str,
    profile: str,
    settings: tuple[str, ...],
    file: Path | None,
    experiment: str,
    name: str,
    wait: bool,
    preflight: bool,
    as_json: bool,
) -> int:
    """Run a pipeline on a cluster. PIPELINE is a name under pipelines/, a folder, or a compiled file.

    It is compiled for the cluster and uploaded, unless a version with the same content is there. Exits with 1 when the
    run failed and with 3 when a gate said no; Ctrl-C ends the waiting, not the run.

    \b
    Examples:
      penstock submit flights --profile staging
      penstock submit flights --profile staging --set train.epochs=2 --experiment trials
      penstock submit flights --profile production --no-wait --json
    """
    from penstock.cli.following import conclude, follow_on_screen
    from penstock.kubeflow.submitting import submit
    from penstock.profiles.reading import find_cluster

    given = gather(settings, file)
    cluster = find_cluster(profile)
    prepared = prepare(pipeline, cluster)
    parameters = prepared.parameters(given.texts, given.places)
    if preflight:
        look_for_nodes(prepared.package, cluster)
    kubeflow = open_cluster(cluster)
    title = name or f"{prepared.package.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    done = submit(kubeflow, prepared.package, cluster, name=title, parameters=parameters, experiment=experiment)
    if not wait:
        if as_json:
            print_json(
                {
                    "run_id": done.run.run_id,
                    "name": title,
                    "pipeline": prepared.package.name,
                    "version": done.version.name,
                    "digest": prepared.package.digest,
                    "experiment": done.experiment,
                    "state": str(done.run.state),
                }
            )
        else:
            console().print(f"run      {done.run.run_id}  {title}", soft_wrap=True)
            console().print(f"version  {done.version.name}  of {prepared.package.name}", soft_wrap=True)
        return 0
    watched = open_cluster(cluster, watching=True)
    run = follow_on_screen(watched, done.run.run_id, profile, prepared.package)
    return conclude(kubeflow, run, profile, as_json=as_json)


def look_for_nodes(package: Package, profile: ClusterProfile) -> None:
    """Refuse a pipeline with a task that no node can take; say so where nobody can tell.

    Raises:
        BadInput: A task wants what no node has (caller).
    """
    from penstock.kubeflow.cluster import find_nodes
    from penstock.kubeflow.placing import find_unplaceable
    from penstock.sdk import BadInput

    if not package.wishes:
        return
    asked = profile.kubeflow.auth in ("kubeconfig", "in_cluster")
    nodes = find_nodes(profile.kubeflow.context) if asked else None
    tasks = ", ".join(wish.task for wish in package.wishes)
    if nodes is None:
        click.echo(f"note: the cluster's nodes cannot be listed from here; {tasks} may wait for a node", err=True)
        return
    if found := find_unplaceable(package.wishes, nodes):
        remedy = "--no-preflight submits all the same, for pools that an autoscaler fills"
        raise BadInput("; ".join(found), remedy, findings=found)
