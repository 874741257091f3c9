"""`penstock release`: its subcommands by name, imported when they are called."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "apply": ("penstock.cli.release_apply", "apply", "Try the bundle that a file names, on this machine."),
    "watch": ("penstock.cli.release_watch", "watch", "Watch a release until it has come to its end."),
    "list": ("penstock.cli.release_show", "list_releases", "List the releases of this machine."),
    "show": ("penstock.cli.release_show", "show", "Show one release: gates, history, rejections."),
    "approve": ("penstock.cli.release_change", "approve", "Say yes to the step that a release waits before."),
    "pause": ("penstock.cli.release_change", "pause", "Hold a release where it is."),
    "resume": ("penstock.cli.release_change", "resume", "Let a paused release go on."),
    "retry": ("penstock.cli.release_change", "retry", "Try a rejected bundle again, or an inconclusive step."),
    "report": ("penstock.cli.release_report", "report", "Write everything known of a release as one HTML page."),
    "replay": ("penstock.cli.release_replay", "replay", "Send a pipeline's rows as traffic, their labels coming late."),
    "simulate": (
        "penstock.cli.release_simulate",
        "command",
        "Say how long each effect would take to find, before rolling out.",
    ),
    "propose": (
        "penstock.cli.release_propose",
        "command",
        "Change the bundle of a release in Git: a commit, or a patch.",
    ),
}
"""Every subcommand with its module, the attribute there, and its line in `penstock release --help`."""


class _Lazy(click.Group):
    """A group that imports a subcommand when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


@click.group(name="release", cls=_Lazy, short_help="Say which model is to serve, and how it is to earn that.")
def command() -> None:
    """Say which model is to serve, and how it is to earn that: shadow, canary, all traffic.

    Each step is judged on what the candidate does; where that is worse it is rolled back by itself. On this machine
    `penstock serve` carries a release out, with the same plan and the same statistics as the controller on a cluster.

    \b
    Examples:
      penstock release simulate --from logs/ --effect errors=+3
      penstock release apply -f release.yaml --wait
      penstock release watch flights
      penstock release report flights --open
      penstock release propose -f releases/flights.yaml --bundle pushed/ --storage-uri s3://models/flights/6f1c
    """
