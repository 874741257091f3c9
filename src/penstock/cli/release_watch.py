"""`penstock release watch`: a release while it goes on."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.output import json_option
from penstock.cli.release_following import conclude, follow, seconds_option


@click.command(name="watch", short_help="Watch a release until it has come to its end.")
@click.argument("name")
@click.option("--forever", is_flag=True, help="Go on after its end, until Ctrl-C.")
@seconds_option
@json_option
@click.pass_obj
def watch(home: Path, name: str, forever: bool, seconds: float | None, as_json: bool) -> int:
    """Watch a release: shares, step, and of each gate the samples, the difference, and the evidence of harm.

    The evidence is shown beside that which proves harm.

    Exit code 0 promoted, 3 rolled back or not decided in time. Ctrl-C ends the watching, not the release. With --json
    a line for each change.

    \b
    Examples:
      penstock release watch flights
      penstock release watch flights --json
    """
    from penstock.releasing.local.hosting import releases_below

    now = follow(releases_below(home), name, seconds=seconds, forever=forever, as_json=as_json)
    return conclude(now, as_json=as_json)
