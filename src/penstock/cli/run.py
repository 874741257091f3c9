"""`penstock run`: execute a compiled pipeline on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.output import console, json_option, megabytes, print_decisions, print_json, print_table, seconds
from penstock.cli.settings import gather, settings_options

if TYPE_CHECKING:
    from penstock.profiles.containers import ContainersProfile
    from penstock.profiles.local import LocalProfile
    from penstock.running.events import RunResult

_REASONS = 8
"""How many reasons of a gate are printed; the worst come first, and `--json` has all."""


@click.command(name="run", short_help="Run a compiled pipeline on this machine.")
@click.argument("pipeline")
@settings_options
@click.option("--only", metavar="TASK", default="", help="Execute one task; what it needs must be in the cache.")
@click.option("--until", metavar="TASK", default="", help="Execute one task and what it needs, and stop there.")
@click.option(
    "--profile",
    "reference",
    metavar="PROFILE",
    default="local",
    show_default=True,
    help="Where tasks run: local, containers, or the file of such a profile.",
)
@click.option("--no-cache", is_flag=True, help="Do everything again, even what has not changed.")
@json_option
@click.pass_obj
def command(
    home: Path,
    pipeline: str,
    settings: tuple[str, ...],
    file: Path | None,
    only: str,
    until: str,
    reference: str,
    no_cache: bool,
    as_json: bool,
) -> int:
    """Run a compiled pipeline on this machine. PIPELINE is a name under pipelines/, a folder, or a compiled.yaml.

    Work that was done before with the same code, parameters and inputs is taken from the cache. Exits with 3 when a
    gate said no. With --profile containers every task runs in its image, as on a cluster, through the Docker Engine.

    \b
    Examples:
      penstock run flights
      penstock run flights --set train.epochs=2 --set train.learning_rate=0.01
      penstock run flights --until validate
      penstock run flights --profile containers
      penstock run flights --json > run.json
    """
    from penstock.authoring.discovery import find_compiled
    from penstock.authoring.freshness import check_seal, is_stale
    from penstock.running.display import open_display
    from penstock.running.report import report
    from penstock.running.runner import run_pipeline

    given = gather(settings, file)
    profile = _profile(reference)
    compiled = find_compiled(pipeline)
    check_seal(compiled)
    if is_stale(compiled):
        folder = compiled.parent
        click.echo(f"note: {folder.name} has changed since it was compiled: penstock compile {folder.name}", err=True)
    with open_display() as display:
        result = run_pipeline(
            compiled,
            home=home,
            settings=given.texts,
            places=given.places,
            only=only,
            until=until,
            use_cache=not no_cache,
            profile=profile,
            on_event=display,
        )
    if as_json:
        print_json(report(result))
    else:
        show(result)
    return result.exit_code


def show(result: RunResult) -> None:
    """Print what a run came to: tasks, then verdicts with their reasons, then what was delivered."""
    columns = ["task", "state", "seconds", "rows/s", "memory [MB]", ""]
    rows = [
        [
            task.task,
            "done" if task.state == "complete" else str(task.state),
            seconds(task.seconds),
            f"{task.rows_per_second:,.0f}" if task.rows_per_second else "",
            megabytes(task.peak_memory_bytes),
            task.why,
        ]
        for task in result.tasks
    ]
    print_table(columns, rows, right=["seconds", "rows/s", "memory [MB]"])
    print_decisions([(task.task, task.decision) for task in result.tasks if task.decision], most=_REASONS)
    console().print()
    for task in result.tasks:
        for output in task.outputs:
            if output.kind == "pushed_model":
                console().print(f"pushed   {output.uri}", soft_wrap=True)
        if task.state == "failed" and task.log:
            console().print(f"log      {task.log}", soft_wrap=True)
    console().print(f"run      {result.run_id}  {seconds(result.seconds)} s")


def _profile(reference: str) -> LocalProfile | ContainersProfile:
    from penstock.profiles.cluster import ClusterProfile
    from penstock.profiles.reading import find_profile
    from penstock.sdk import BadInput

    profile = find_profile(reference)
    if isinstance(profile, ClusterProfile):
        raise BadInput(f"{reference} is the profile of a cluster", f"Run: penstock submit --profile {reference}")
    return profile
