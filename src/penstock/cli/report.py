"""`penstock report`: one run as one page."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.output import console, json_option, print_json
from penstock.cli.store import check_pipeline, open_lineage


@click.command(name="report", short_help="Write everything known of a run as one HTML page.")
@click.argument("run")
@click.argument("pipeline", required=False, default="")
@click.option("--output", type=click.Path(path_type=Path), help="The file; below --home where it is not given.")
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser, too.")
@json_option
@click.pass_obj
def command(home: Path, run: str, pipeline: str, output: Path | None, open_browser: bool, as_json: bool) -> None:
    """Write RUN (its id, the beginning of it, or `latest`) as one HTML page that needs no network and no server.

    PIPELINE goes with `latest`: the newest run of that pipeline.

    \b
    Examples:
      penstock report latest --open
      penstock report latest flights
      penstock report flights-20260101T120000-0a1b --output report.html
    """
    from penstock.reporting import drawing_process

    if pipeline and run != "latest":
        raise click.UsageError("A PIPELINE goes with `latest` only.", click.get_current_context())
    with drawing_process.ahead():
        store = open_lineage(home)
        if pipeline:
            check_pipeline(store, pipeline)
            run = store.runs(pipeline, limit=1)[0].run_id
        record = store.run(run)
        target = output or home / "reports" / f"{record.run_id}.html"
        check_target(target, made=output is None)
        from penstock.viewing.run_view import report_page

        page = report_page(store, record)
    write_page(target, page)
    if as_json:
        print_json({"run": record.run_id, "report": str(target), "bytes": len(page.encode())})
    else:
        console().print(str(target), soft_wrap=True)
    if open_browser:
        open_page(target)


def check_target(target: Path, *, option: str = "--output", made: bool = False) -> None:
    """See that a page can be put there, before it is made.

    Args:
        target: The file to write.
        option: Where it was named.
        made: Whether its folder is made where there is none.

    Raises:
        BadInput: It is a folder, or its folder is not there (caller).
    """
    from penstock.sdk import BadInput

    if target.is_dir():
        raise BadInput(f"{option}: {target} is a folder", "Name a file in it")
    if not made and not target.absolute().parent.is_dir():
        raise BadInput(f"{option}: there is no folder {target.absolute().parent}", "Make it, or name another")


def write_page(target: Path, page: str) -> None:
    """Put a page in its place, whole or not at all.

    Raises:
        BadInput: It cannot be written there (caller).
    """
    from penstock.sdk import BadInput
    from penstock.sdk.entry import write_atomically

    try:
        write_atomically(target, page)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BadInput(
            f"{target} cannot be written: {why}", "Name a place that has space and lets you write"
        ) from error


def open_page(target: Path) -> None:
    """Show a page in the browser, or say that there is none."""
    import webbrowser

    if not webbrowser.open(target.absolute().as_uri()):
        click.echo("no browser was found; open the file by hand", err=True)
