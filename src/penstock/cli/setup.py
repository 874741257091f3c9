"""`penstock setup`: fill the environments of an installed Penstock."""

from __future__ import annotations

import click

from penstock.cli.output import console, json_option, print_json


@click.command(name="setup", short_help="Install what pipelines run on, from the locks that came with Penstock.")
@json_option
def command(as_json: bool) -> None:
    """Install what pipelines run on: TensorFlow and its family here, KServe in an environment of its own.

    Every package is pinned by its hash. Does nothing where nothing is missing; takes a minute or two and 4 GB of room
    the first time. An index or a mirror is taken from pip's own configuration.

    \b
    Examples:
      pip install penstock-0.1.0-py3-none-any.whl
      penstock setup
    """
    from penstock.running.installing import fill_environments

    out = console()
    installed = {}
    for name, count in fill_environments(lambda line: None if as_json else out.print(line)):
        installed[name] = count
        if not as_json:
            out.print(f"{name}: {f'{count} packages installed' if count else 'complete'}")
    if as_json:
        print_json({"installed": installed})
