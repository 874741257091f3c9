"""`penstock release report`: one release as one page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from penstock.cli.output import console, json_option, print_json
from penstock.cli.report import check_target, open_page, write_page


@click.command(name="report", short_help="Write everything known of a release as one HTML page.")
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), help="The file; below --home where it is not given.")
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser, too.")
@json_option
@click.pass_obj
def report(home: Path, name: str, output: Path | None, open_browser: bool, as_json: bool) -> None:
    """Write a release as one HTML page that needs no network and no server.

    It shows of each attempt who got how much traffic, what each gate found over time and what was needed, and all that
    was decided.

    \b
    Examples:
      penstock release report flights --open
      penstock release report flights --output release.html
    """
    from penstock.releasing.local.hosting import releases_below
    from penstock.releasing.local.report import view_of
    from penstock.reporting.release_page import render_release

    store = releases_below(home)
    stored = store.get(name)
    target = output or home / "reports" / f"release-{name}.html"
    check_target(target, made=output is None)
    page = render_release(view_of(stored, store.timeline(name).read(), datetime.now(UTC)))
    write_page(target, page)
    if as_json:
        print_json({"release": name, "report": str(target), "bytes": len(page.encode())})
    else:
        console().print(str(target), soft_wrap=True)
    if open_browser:
        open_page(target)
