"""`penstock runs`: list them, show one, compare several."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.cluster import profile_option
from penstock.cli.cluster_runs import follow, list_on_cluster, retry, show_on_cluster, terminate
from penstock.cli.output import (
    console,
    json_option,
    megabytes,
    print_decisions,
    print_json,
    print_table,
    seconds,
    short,
)
from penstock.cli.store import check_pipeline, open_lineage

if TYPE_CHECKING:
    from penstock.lineage.port import LineageStore
    from penstock.lineage.questions import Comparison
    from penstock.lineage.records import RunRecord


@click.group(name="runs", short_help="List, show, compare and remove runs.")
def command() -> None:
    """List, show and compare runs, as the lineage has them; remove their files. With --profile: those of a cluster.

    \b
    Examples:
      penstock runs list
      penstock runs show flights-20260101T120000-0a1b
      penstock runs compare RUN RUN
      penstock runs list --profile staging
    """


for _command in (follow, retry, terminate):
    command.add_command(_command)


@command.command(name="list")
@click.option("--pipeline", default="", help="Only runs of this pipeline.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["running", "complete", "failed", "interrupted"]),
    help="Only runs in this state; may be repeated.",
)
@click.option("--text", default="", help="Only runs with these words in id, user, host or name=value of parameters.")
@click.option("--since", type=click.DateTime(), metavar="TIME", help="Only runs that started then (UTC) or later.")
@click.option("--until", type=click.DateTime(), metavar="TIME", help="Only runs that started before (UTC).")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
@click.option("--offset", default=0, type=click.IntRange(0), help="Pass over so many of the newest.")
@profile_option(required=False, text="The runs of this cluster, as its Kubeflow Pipelines has them.")
@json_option
@click.pass_obj
def list_(
    home: Path,
    profile: str,
    pipeline: str,
    states: tuple[str, ...],
    text: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
    """List runs, newest first.

    \b
    Examples:
      penstock runs list --pipeline flights --limit 5
      penstock runs list --state failed --since 2026-01-31
      penstock runs list --text train.epochs=2
      penstock runs list --profile staging --state running
    """
    from penstock.lineage.listing import RunFilter
    from penstock.lineage.records import State

    if profile:
        if text or offset:
            raise click.UsageError("--text and --offset are not for --profile.", click.get_current_context())
        list_on_cluster(
            profile, pipeline=pipeline, states=states, since=since, until=until, limit=limit, as_json=as_json
        )
        return
    store = open_lineage(home)
    check_pipeline(store, pipeline)
    wanted = RunFilter(
        pipeline=pipeline,
        states=tuple(State(state) for state in states),
        text=text,
        since=since and since.replace(tzinfo=UTC),
        until=until and until.replace(tzinfo=UTC),
    )
    runs = store.runs(where=wanted, limit=limit + 1, offset=offset)
    more, runs = len(runs) > limit, runs[:limit]
    if as_json:
        print_json(runs)
        return
    rows = [[r.run_id, str(r.state), _code(r), _when(r), seconds(_duration(r)), r.user, r.host] for r in runs]
    print_table(
        ["run", "state", "exit", "started (UTC)", "seconds", "by", "on"], rows, right=["seconds", "exit"], whole=["run"]
    )
    if more:
        click.echo(f"\nolder ones: --offset {offset + limit}")
    elif not runs:
        click.echo("no run fits" if not offset else "no further run fits")


@command.command(name="show")
@click.argument("run")
@profile_option(required=False, text="A run of this cluster.")
@json_option
@click.pass_obj
def show(home: Path, run: str, profile: str, as_json: bool) -> None:
    """Show one run: parameters, tasks, verdicts with reasons, artifacts.

    \b
    Examples:
      penstock runs show flights-20260101T120000-0a1b --json
      penstock runs show 1f0c7a4e-6a3b-4f0e-9b59-0d6f6c1f2a33 --profile staging
    """
    if profile:
        show_on_cluster(profile, run, as_json=as_json)
        return
    record = open_lineage(home).run(run)
    if as_json:
        print_json(record)
        return
    out = console()
    out.print(f"[bold]{record.run_id}[/bold]  {record.state}, {_when(record)} UTC, {seconds(_duration(record))} s")
    out.print(f"pipeline {record.pipeline} {short(record.pipeline_digest)}, Penstock {record.penstock_version}")
    out.print(f"by {record.user} on {record.host}\n")
    rows = [[name, _text(value)] for name, value in sorted(record.parameters.items())]
    print_table(["parameter", "value"], rows)
    out.print()
    tasks = [
        [e.task, str(e.state), seconds(e.seconds), megabytes(e.peak_memory_bytes), _verdict(e.decision), e.error]
        for e in record.executions
    ]
    print_table(["task", "state", "seconds", "memory [MB]", "verdict", ""], tasks, right=["seconds", "memory [MB]"])
    print_decisions([(e.task, e.decision) for e in record.executions if e.decision])
    out.print()
    outputs = [[e.task, o.name, o.kind, short(o.digest), o.uri] for e in record.executions for o in e.outputs]
    print_table(["task", "output", "kind", "digest", "where"], outputs, whole=["output", "digest", "where"])


@command.command(name="remove")
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--older-than", type=click.IntRange(0), metavar="DAYS", help="All that started so many days ago or more.")
@click.option("--force", is_flag=True, help="Also those whose outputs the cache or newer runs use.")
@click.option("--dry-run", is_flag=True, help="Remove nothing; show what would be removed.")
@click.pass_obj
def remove(home: Path, runs: tuple[str, ...], older_than: int | None, force: bool, dry_run: bool) -> None:
    """Remove the files of runs; what they did stays in the lineage.

    Stops at a RUN whose outputs the cache or a newer run uses; --older-than passes over those. With --force their
    cache entries go too, and the next run does that work again.

    \b
    Examples:
      penstock runs remove flights-20260101T120000-0a1b
      penstock runs remove --older-than 30 --force --dry-run
    """
    from penstock.running.home import Home
    from penstock.running.removal import old_runs, remove_runs, started_before
    from penstock.sdk import BadInput

    if bool(runs) == (older_than is not None):
        raise click.UsageError("Name the runs to remove, or say --older-than.", click.get_current_context())
    store, place = open_lineage(home, of_home=True), Home(home)
    now = datetime.now(UTC)
    found = old_runs(place, store, runs or started_before(place, older_than or 0, now))
    kept = [run for run in found if run.alive or (run.why_kept and not force)]
    if runs and kept:
        raise BadInput(f"{kept[0].run_id}: {kept[0].why_kept}", "" if kept[0].alive else "--force removes it")
    gone = [run for run in found if run not in kept]
    if not dry_run:
        remove_runs(place, gone)
        if older_than is not None:
            place.remove_scratch((now - timedelta(days=older_than)).timestamp())
    word = "would be removed" if dry_run else "removed"
    rows = [[r.run_id, word, megabytes(r.size_bytes), ""] for r in gone]
    rows += [[r.run_id, "kept", megabytes(r.size_bytes), r.why_kept] for r in kept]
    print_table(["run", "", "MB", "why"], rows, right=["MB"], whole=["run"])


@command.command(name="compare")
@click.argument("runs", metavar="RUN RUN...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Show also what does not differ.")
@click.option("--html", type=click.Path(path_type=Path), help="Write two runs side by side as one HTML page.")
@json_option
@click.pass_obj
def compare(home: Path, runs: tuple[str, ...], every: bool, html: Path | None, as_json: bool) -> None:
    """Compare runs: parameters, code, data, metrics, verdicts, durations; what differs is marked with '*'.

    \b
    Examples:
      penstock runs compare flights-20260101T120000-0a1b flights-20260102T120000-2c3d
      penstock runs compare RUN RUN RUN --all
      penstock runs compare RUN RUN --html difference.html
    """
    from penstock.lineage.questions import compare as lay_side_by_side

    if len(runs) < 2:
        raise click.UsageError("Name two runs or more.", click.get_current_context())
    if html and len(runs) > 2:
        raise click.UsageError("--html shows two runs; name no more.", click.get_current_context())
    store = open_lineage(home)
    records = [store.run(run) for run in runs]
    if html:
        _write_comparison(store, records, html)
    comparison = lay_side_by_side(records)
    print_json(comparison) if as_json else _show_comparison(comparison, every)


def _write_comparison(store: LineageStore, records: list[RunRecord], target: Path) -> None:
    from penstock.cli.report import check_target, write_page
    from penstock.viewing.comparison_view import comparison_page

    check_target(target, option="--html")
    write_page(target, comparison_page(store, *records))


def _show_comparison(comparison: Comparison, every: bool) -> None:
    rows = comparison.rows if every else comparison.differences
    table = [
        [str(row.aspect), "*" if row.differs else "", row.name, *(_text(value) for value in row.values)] for row in rows
    ]
    print_table(["about", "", "what", *comparison.run_ids], table)
    same = len(comparison.rows) - len(comparison.differences)
    console().print(f"\n{len(comparison.differences)} differ, {same} agree" + ("" if every else " (--all shows them)"))


def _text(value: Any) -> str:
    """A value in one cell: digests and floats short, structures as JSON."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = short(text) if text.startswith("sha256:") else " ".join(text.split())
    return text if len(text) <= _CELL else f"{text[: _CELL - 1]}…"


_CELL = 120
"""Characters of a value that a table shows; `--json` has all."""


def _verdict(decision: Any) -> str:
    return f"{decision.verdict}, {decision.consequence}" if decision else ""


def _duration(run: RunRecord) -> float | None:
    return (run.ended - run.started).total_seconds() if run.ended else None


def _when(run: RunRecord) -> str:
    return run.started.strftime("%Y-%m-%d %H:%M:%S")


def _code(run: RunRecord) -> str:
    return "" if run.exit_code is None else str(run.exit_code)
