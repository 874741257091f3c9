"""`penstock ui`: the local pages of all runs."""

from __future__ import annotations

from pathlib import Path

import click

_PORT = 8642


@click.command(name="ui", short_help="Look at all runs in a browser.")
@click.option("--port", default=_PORT, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser, too.")
@click.pass_obj
def command(home: Path, port: int, open_browser: bool) -> None:
    """Look at all runs in a browser: list, filter, compare, lineage, artifacts. Ctrl-C ends it.

    The pages listen on this machine alone (127.0.0.1), and only show: nothing can be changed there. Whoever can log in
    on this machine can open them.

    \b
    Examples:
      penstock ui --open
      penstock --home /srv/penstock ui --port 0
    """
    import webbrowser
    from functools import cache

    from penstock.cli.store import open_lineage
    from penstock.running.home import Home
    from penstock.viewing.server import Source, serve

    def ready(address: str) -> None:
        click.echo(f"{address}  (Ctrl-C ends it)")
        if open_browser:
            webbrowser.open(address)

    place = cache(lambda: Home(home))  # made only where `open_lineage` found that something has run
    serve(Source(home, lambda: open_lineage(home), alive=lambda run_id: place().is_alive(run_id)), port, ready)
