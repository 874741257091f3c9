"""`penstock init`: from a table to a pipeline that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.output import console, json_option, print_json

if TYPE_CHECKING:
    from penstock.authoring.starting import Progress, Started


@click.command(name="init", short_help="Start a pipeline from a table.")
@click.argument("name")
@click.option("--data", required=True, metavar="ADDRESS", help="The table: a file, a folder, a pattern, or a URL.")
@click.option("--label", required=True, metavar="COLUMN", help="What is to be predicted.")
@click.option("--time-column", default="", metavar="COLUMN", help="What orders the rows in time: the future judges.")
@click.option("--key", multiple=True, metavar="COLUMN", help="What names a row; may be repeated.")
@click.option(
    "--task",
    type=click.Choice(["binary", "multiclass", "regression"]),
    help="What kind of prediction; found from the label by default.",
)
@click.option("--drop", multiple=True, metavar="COLUMN", help="A column to leave out; may be repeated.")
@click.option("--query", default="", metavar="SQL", help="What to ask a database for; --data is its SQLAlchemy URL.")
@click.option("--encoding", default="", metavar="NAME", help="A CSV's encoding, such as cp1252; found by default.")
@click.option("--delimiter", default="", metavar="MARK", help="What separates a CSV's values; found by default.")
@click.option("--force", is_flag=True, help="Replace a pipeline that init made and nobody has changed.")
@json_option
def command(
    name: str,
    data: str,
    label: str,
    time_column: str,
    key: tuple[str, ...],
    task: str | None,
    drop: tuple[str, ...],
    query: str,
    encoding: str,
    delimiter: str,
    force: bool,
    as_json: bool,
) -> int:
    """Start a pipeline from a table: look at all of it, and write pipelines/NAME/ with a reason beside each choice.

    Columns may be called as they are in the table. Nothing is written unless all of it can be.

    \b
    Examples:
      penstock init churn --data churn.csv --label churned
      penstock init prices --data 's3://bucket/houses/*.parquet' --label price --time-column sold_on
      penstock init orders --data sqlite:///shop.db --query 'SELECT * FROM orders ORDER BY id' --label returned
    """
    from penstock.authoring.starting import Request, start
    from penstock.storage.patience import be_brief

    be_brief()
    asked = (name, data, label, time_column, key, task, drop, query, encoding, _mark(delimiter), force)
    request = Request(*asked)  # type: ignore[arg-type]
    with _progress(shown=not as_json) as progress:
        started = start(request, _root(), progress)
    if as_json:
        print_json(_document(started))
    else:
        _show(name, started)
    return 0


def _mark(delimiter: str) -> str:
    """One character; a tab may be written as a shell lets it be."""
    mark = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(mark) > 1 or mark in ("\n", "\r", '"'):
        why = f"{delimiter!r} is not one character that can separate values."
        raise click.BadParameter(why, param_hint="--delimiter")
    return mark


def _root() -> Path:
    """The project around the working folder; the working folder itself where there is none."""
    from penstock.authoring.discovery import project_root
    from penstock.sdk import BadInput

    try:
        return project_root()
    except BadInput:
        return Path.cwd()


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    """A bar on standard error while a person looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    out = Console(stderr=True)
    with Progress(*columns, console=out, transient=True, disable=not shown or not out.is_terminal) as bar:
        line = bar.add_task("reading", total=None)
        yield lambda what, done, total: bar.update(line, description=what, completed=done, total=total)


def _document(started: Started) -> dict[str, object]:
    from penstock.profiling.choices import plain

    return {
        "folder": str(started.folder),
        "files": list(started.files),
        "profile": started.profile.model_dump(mode="json"),
        "tasks": plain(started.choices.tasks),
    }


def _show(name: str, started: Started) -> None:
    """Print what was seen, worst first, and what to do next."""
    from rich.text import Text

    from penstock.authoring.config import shown

    out = console()
    profile, uses = started.profile, started.choices.uses
    out.print(f"{profile.rows:,} rows, {len(profile.columns)} columns")
    out.print(f"label    {profile.label.column}: {profile.label.task}; {profile.label.reason}", markup=False)
    features = [column for column, use in uses.items() if use.feature]
    left = [column for column, use in uses.items() if not use.feature]
    out.print(
        f"features {len(features)}; left out {len(left)}" + (f": {', '.join(left)}" if left else ""), markup=False
    )
    if profile.findings:
        out.print()
    for finding in profile.findings:
        mark, style = ("suspect", "bold red") if finding.grave else ("note", "dim")
        out.print(Text.assemble((f"{mark:8} ", style), (finding.text, "bold" if finding.grave else "")))
    out.print()
    out.print(f"written  {shown(started.folder)}/  {', '.join(started.files)}", markup=False, soft_wrap=True)
    out.print(f"next     review schema.pbtxt and pipeline.yaml there, then: penstock run {name}", markup=False)
