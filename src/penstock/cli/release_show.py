"""`penstock release list` and `show`: the releases of this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from penstock.cli.output import console, json_option, print_json, print_table, short


@click.command(name="list", short_help="List the releases of this machine.")
@json_option
@click.pass_obj
def list_releases(home: Path, as_json: bool) -> None:
    """List the releases of this machine.

    \b
    Example:
      penstock release list
    """
    from penstock.releasing.local.hosting import releases_below
    from penstock.releasing.local.progress import progress

    store = releases_below(home)
    found = [progress(store.get(name), datetime.now(UTC)) for name in store.names()]
    if as_json:
        print_json([each.model_dump(mode="json", by_alias=True) for each in found])
        return
    rows = [
        [each.name, str(each.phase), each.step, f"{each.weight_percent}%", short(each.stable), short(each.candidate)]
        for each in found
    ]
    print_table(["release", "phase", "step", "weight", "stable", "candidate"], rows, right=["weight"])
    if not rows:
        click.echo("there is none yet; penstock release apply -f release.yaml makes one")


@click.command(name="show", short_help="Show one release: gates, history, rejections.")
@click.argument("name")
@json_option
@click.pass_obj
def show(home: Path, name: str, as_json: bool) -> None:
    """Show one release: where it is, what its gates say, what was decided. With --json its whole status.

    \b
    Example:
      penstock release show flights
    """
    from penstock.releasing.local.hosting import releases_below
    from penstock.releasing.local.progress import progress

    store = releases_below(home)
    stored = store.get(name)
    if as_json:
        document = {
            "name": name,
            "generation": stored.generation,
            "served": store.is_carried_out(name),
            "spec": stored.spec.model_dump(mode="json", by_alias=True),
            "status": stored.status.model_dump(mode="json", by_alias=True),
        }
        print_json(document)
        return
    now, out = progress(stored, datetime.now(UTC)), console()
    out.print(f"[bold]{name}[/bold]  {now.phase}: {now.message}", soft_wrap=True)
    bundles = [["stable", now.stable], ["candidate", now.candidate], ["wanted", stored.spec.model.digest]]
    out.print()
    print_table(["bundle", "digest"], [row for row in bundles if row[1]], whole=["digest"])
    if now.gates:
        out.print()
        rows = [[each.gate, each.slice, str(each.verdict), each.text] for each in now.gates]
        print_table(["gate", "slice", "verdict", "why"], rows)
    if stored.status.history:
        out.print()
        rows = [
            [f"{each.at:%Y-%m-%d %H:%M:%S}", each.event, short(each.digest), each.text]
            for each in stored.status.history
        ]
        print_table(["time (UTC)", "event", "bundle", "what"], rows)
    if not store.is_carried_out(name):
        click.echo(f"nobody carries it out now. Run: penstock serve {name}", err=True)
