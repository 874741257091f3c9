"""The `penstock` command: its subcommands by name, its exit codes, its one way of reporting errors."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from penstock import __version__

COMMANDS = {
    "init": ("penstock.cli.init", "Start a pipeline from a table."),
    "run": ("penstock.cli.run", "Run a compiled pipeline on this machine."),
    "runs": ("penstock.cli.runs", "List, show, compare and remove runs; watch and retry those of a cluster."),
    "submit": ("penstock.cli.submit", "Run a pipeline on a cluster's Kubeflow Pipelines."),
    "schedules": ("penstock.cli.schedules", "Bring a cluster's recurring runs to what Git declares."),
    "release": ("penstock.cli.release", "Say which model is to serve, and how it is to earn that."),
    "ui": ("penstock.cli.ui", "Look at all runs in a browser."),
    "report": ("penstock.cli.report", "Write everything known of a run as one HTML page."),
    "trace": ("penstock.cli.trace", "Trace an artifact back to what made it, or forward to what it made."),
    "serve": ("penstock.cli.serve", "Serve a pipeline's pushed bundle on this machine."),
    "loadtest": ("penstock.cli.loadtest", "Load a server on a timetable, and say whether it keeps a budget."),
    "compile": ("penstock.cli.compile", "Compile pipelines to KFP's PipelineSpec."),
    "check": ("penstock.cli.check", "Find what is wrong with pipelines without running them."),
    "schema": ("penstock.cli.schema", "Review a pipeline's schema against newer data."),
    "components": ("penstock.cli.components", "List the components, or show one's interface."),
    "setup": ("penstock.cli.setup", "Install what pipelines run on, from the locks that came with Penstock."),
    "controller": ("penstock.cli.controller", "Carry out the releases of a cluster: shadow, canary, rollback."),
    "doctor": ("penstock.cli.doctor", "Say what is installed, what is missing, and how to mend it."),
}
"""Every command with its module, whose attribute `command` it is, and its line in `penstock --help`."""


ASKING = ("runs", "trace", "report")
"""The commands that only ask a lineage, whosever it is."""
LINEAGE = "penstock.lineage"
"""Where the context of a command keeps which lineage to ask."""


class _LazyGroup(click.Group):
    """A group that imports a command when it is called, and lists them without importing any."""

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

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            known = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(COMMANDS)}."
            raise click.UsageError(f"No such command '{args[0]}'. {known}", ctx) from error


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 error, 2 bad input, 3 a gate said no, 130 interrupted.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False),
    default=".penstock",
    show_default=True,
    help="Folder of runs, lineage and cache.",
)
@click.option(
    "--lineage",
    metavar="URL|PROFILE",
    help="Ask another lineage than that of --home: grpc://localhost:8080, or that of a cluster's profile.",
)
@click.version_option(__version__, prog_name="penstock")
@click.pass_context
def command(ctx: click.Context, home: str, lineage: str | None) -> None:
    """Continuous training and delivery of machine-learned models, native to Kubeflow.

    \b
    Examples:
      penstock run flights
      penstock run flights --set train.epochs=2
      penstock runs list
      penstock --lineage grpc://localhost:8080 runs list
    """
    if not home:
        raise click.UsageError("--home wants a folder, not nothing.", ctx)
    if lineage is not None:
        if ctx.invoked_subcommand not in ASKING:
            raise click.UsageError(f"--lineage is for commands that ask: {', '.join(ASKING)}.", ctx)
        ctx.meta[LINEAGE] = lineage
    ctx.obj = Path(home).absolute()


def main() -> NoReturn:
    """Be the process: run the command, turn every foreseeable failure into one line and an exit code."""
    from penstock.sdk.errors import ExitCode, PenstockError, explain_disk

    try:
        sys.exit(command.main(prog_name="penstock", standalone_mode=False) or ExitCode.OK)
    except PenstockError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(ExitCode.BAD_INPUT)
    except click.UsageError as error:
        context = error.ctx.command_path if error.ctx else "penstock"
        _fail(f"{error.format_message()} See '{context} --help'", ExitCode.BAD_INPUT)
    except click.ClickException as error:
        _fail(error.format_message(), ExitCode.BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; what was finished is kept", ExitCode.INTERRUPTED)
    except ImportError as error:
        from penstock.sdk.standard import setup_command

        what = (
            f"the Python package {error.name!r} is not installed here" if error.name else " ".join(str(error).split())
        )
        _fail(f"{what.rstrip('.')}. Run: {setup_command()}", ExitCode.ERROR)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(ExitCode.OK)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not error.filename:
            _fail("the working folder is gone. Go to one that is there", ExitCode.ERROR)
        where = f"{error.filename}: " if error.filename else ""
        _fail(str(explain_disk(error) or f"{where}{(error.strerror or str(error)).lower()}"), ExitCode.ERROR)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"penstock: {message}", err=True)
    sys.exit(code)
