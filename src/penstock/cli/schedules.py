"""`penstock schedules`: recurring runs, declared in Git."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.cluster import open_cluster, prepare, profile_option
from penstock.cli.output import console, json_option, print_json, print_table

if TYPE_CHECKING:
    from penstock.kubeflow.schedules.applying import Resolved
    from penstock.kubeflow.schedules.plan import Plan, Step
    from penstock.profiles.cluster import ClusterProfile

_WHICH = "The cluster: an overlay under kustomize/overlays, or a profile's file."
_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_OWNER = click.option(
    "--owner",
    default="penstock",
    show_default=True,
    help="Whose recurring runs: each repository that applies to one namespace needs an owner of its own.",
)


@click.group(name="schedules", short_help="Bring a cluster's recurring runs to what Git declares.")
def command() -> None:
    """Recurring runs, declared in files: applying them creates, replaces, enables, disables and deletes.

    \b
    Examples:
      penstock schedules apply -f schedules/ --profile staging --dry-run
      penstock schedules apply -f schedules/ --profile staging --prune
      penstock schedules list --profile staging
    """


@command.command(name="apply")
@click.option(
    "-f",
    "--file",
    "where",
    type=click.Path(path_type=Path),
    default=Path("schedules"),
    show_default=True,
    help="A file of schedules, or a folder of such files.",
)
@profile_option(required=True, text=_WHICH)
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would, and exit with 1 if anything would.")
@click.option("--prune", is_flag=True, help="Delete recurring runs of this owner that are declared no more.")
@_OWNER
@json_option
def apply(where: Path, profile: str, dry_run: bool, prune: bool, owner: str, as_json: bool) -> int:
    """Bring a cluster's recurring runs to what is declared. A second time changes nothing.

    Kubeflow cannot change a recurring run: what has changed is made anew, and the old one is disabled at once, but
    deleted only when none of its runs is under way: by this apply or a later one. What others made is never touched.

    \b
    Examples:
      penstock schedules apply -f schedules/ --profile staging --dry-run
      penstock schedules apply -f schedules/flights.yaml --profile production
      penstock schedules apply -f schedules/ --profile staging --prune --owner churn-team
    """
    from penstock.kubeflow.schedules.applying import apply as carry_out
    from penstock.kubeflow.schedules.applying import look, wanted_of
    from penstock.kubeflow.schedules.plan import plan
    from penstock.profiles.reading import find_cluster

    if prune and where.is_file():
        raise click.UsageError("--prune wants all schedules: a folder, not one file.", click.get_current_context())
    cluster = find_cluster(profile)
    resolved = _resolve(where, cluster)
    wanted = [wanted_of(each, cluster) for each in resolved]
    kubeflow = open_cluster(cluster)
    made = plan(wanted, look(kubeflow, owner), prune=prune)
    if as_json:
        if not dry_run:
            carry_out(kubeflow, made, resolved, cluster, owner=owner)
        print_json({"changed": bool(made.steps) and not dry_run, **_document(made)})
    elif dry_run:
        _show(made)
    else:
        left = carry_out(kubeflow, made, resolved, cluster, owner=owner, on_step=_say)
        for note in (*made.notes, *left):
            click.echo(f"note: {note}")
        if not made.steps:
            click.echo(f"{len(wanted)} schedules, nothing to change")
    return int(dry_run and bool(made.steps))


@command.command(name="list")
@profile_option(required=True, text=_WHICH)
@json_option
def list_(profile: str, as_json: bool) -> None:
    """List a cluster's recurring runs, those of others too.

    \b
    Example:
      penstock schedules list --profile staging
    """
    from penstock.kubeflow.schedules.applying import listing
    from penstock.profiles.reading import find_cluster

    cluster = find_cluster(profile)
    found = listing(open_cluster(cluster))
    if as_json:
        print_json(found)
        return
    zone = cluster.kubeflow.cron_time_zone
    rows = [
        [
            each["name"],
            "enabled" if each["enabled"] else "disabled",
            str(each.get("cron") or f"every {each['interval_seconds']} s"),
            each["pipeline"],
            each["version"],
            each["owner"] or "(not by Penstock)",
            each["id"],
        ]
        for each in found
    ]
    print_table(["schedule", "", f"when ({zone})", "pipeline", "version", "owner", "id"], rows, whole=["id"])
    if not found:
        click.echo("no recurring runs")


def _resolve(where: Path, cluster: ClusterProfile) -> list[Resolved]:
    """Compile what is scheduled, and check what it sets; everything, before anything is changed."""
    from penstock.kubeflow.schedules.applying import Resolved
    from penstock.kubeflow.schedules.declaration import read_schedules
    from penstock.sdk import BadInput

    prepared, found = {}, []
    for declared in read_schedules(where):
        pipeline = declared.schedule.pipeline
        try:
            if pipeline not in prepared:
                prepared[pipeline] = prepare(pipeline, cluster)
        except BadInput as error:
            raise BadInput(f"{declared.place('pipeline')}{error.message}", error.remedy) from None
        parameters = prepared[pipeline].parameters(declared.settings, declared.places)
        found.append(Resolved(declared, prepared[pipeline].package, parameters))
    return found


def _say(step: Step) -> None:
    done = {"create": "created", "enable": "enabled", "disable": "disabled", "delete": "deleted"}[step.verb]
    click.echo(f"{step.name}: {done}: {step.why}" + (f" ({step.id})" if step.id else ""))


def _show(made: Plan) -> None:
    """Print what would change, as a difference, then what would be done."""
    out = console()
    for name, before, after in made.changes:
        for line in _difference(name, before, after):
            out.print(line, style=_STYLES.get(line[:1], ""), markup=False, soft_wrap=True)
    for step in made.steps:
        out.print(f"would {step.verb} {step.name}: {step.why}", soft_wrap=True, markup=False)
    for note in made.notes:
        out.print(f"note: {note}", soft_wrap=True, markup=False)
    if not made.steps:
        out.print("nothing would change")


def _difference(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Sequence[str]:
    import difflib

    import yaml

    def lines(shape: Mapping[str, Any] | None) -> list[str]:
        return yaml.safe_dump(dict(shape), sort_keys=False, allow_unicode=True).splitlines() if shape else []

    names = (f"{name} (cluster)" if before else "/dev/null", f"{name} (declared)" if after else "/dev/null")
    return list(difflib.unified_diff(lines(before), lines(after), *names, lineterm="", n=2))


def _document(made: Plan) -> dict[str, Any]:
    return {
        "steps": [{"verb": str(s.verb), "name": s.name, "why": s.why, "id": s.id} for s in made.steps],
        "notes": list(made.notes),
        "changes": [{"name": name, "before": before, "after": after} for name, before, after in made.changes],
    }
