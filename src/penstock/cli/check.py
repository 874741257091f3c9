"""`penstock check`: everything that can be known to be wrong with pipelines without running them."""

from __future__ import annotations

from dataclasses import asdict

import click

from penstock.cli.output import json_option, print_json
from penstock.sdk.errors import ExitCode


@click.command(name="check", short_help="Find what is wrong with pipelines without running them.")
@click.argument("names", metavar="[PIPELINE]...", nargs=-1)
@click.option("--data", is_flag=True, help="Look at all rows of the sources, not only at the first.")
@click.option("--profile", metavar="NAME|FILE", help="A cluster that must have what the tasks ask for.")
@json_option
def command(names: tuple[str, ...], data: bool, profile: str | None, as_json: bool) -> int:
    """Check pipelines, all of the project when none is named: values, wiring, schema, sources and their columns.

    Every problem is told with its file and line. Nothing is run and nothing is written. Exits with 2 when anything is
    wrong.

    \b
    Examples:
      penstock check
      penstock check flights --data
      penstock check flights --profile production
    """
    from penstock.authoring.checking import check_pipeline
    from penstock.authoring.discovery import find_pipeline, find_pipelines
    from penstock.profiles.reading import find_cluster
    from penstock.storage.patience import be_brief

    be_brief()
    cluster = find_cluster(profile) if profile else None
    folders = [find_pipeline(name) for name in names] if names else list(find_pipelines().values())
    checked = [check_pipeline(folder, data=data, profile=cluster) for folder in folders]
    if as_json:
        print_json([asdict(each) for each in checked])
    else:
        for each in checked:
            for finding in each.findings:
                click.echo(str(finding))
            for fact in () if each.findings else each.facts:
                click.echo(f"{each.pipeline}: {fact}")
            click.echo(f"{each.pipeline}: {_count(len(each.findings))}")
    return ExitCode.BAD_INPUT if any(each.findings for each in checked) else ExitCode.OK


def _count(problems: int) -> str:
    return "nothing wrong" if not problems else f"{problems} problem{'s' if problems > 1 else ''}"
