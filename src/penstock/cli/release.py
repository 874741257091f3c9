"""`penstock release`: what Git says is to serve."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "simulate": ("penstock.cli.release_simulate", "Say how long each effect would take to find, before rolling out."),
    "propose": ("penstock.cli.release_propose", "Change the bundle of a release in Git: a commit, or a patch."),
}
"""Every subcommand with its module, whose attribute `command` it is, and its line in `penstock release --help`."""


class _Lazy(click.Group):
    """A group that imports a subcommand when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(name="release", cls=_Lazy, short_help="Say which model is to serve.")
def command() -> None:
    """Say which model is to serve, and how it is to earn that: shadow, canary, all traffic.

    \b
    Examples:
      penstock release simulate --from logs/ --effect errors=+3
      penstock release propose -f releases/flights.yaml --bundle pushed/ --storage-uri s3://models/flights/6f1c
    """
