"""`penstock compile`: pipelines to KFP's PipelineSpec."""

from __future__ import annotations

import click

from penstock.sdk.errors import ExitCode


@click.command(name="compile", short_help="Compile pipelines to KFP's PipelineSpec.")
@click.argument("names", metavar="[PIPELINE]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Compile every pipeline of the project.")
@click.option(
    "--check", is_flag=True, help="Change nothing; show what would change, and exit with 1 if anything would."
)
def command(names: tuple[str, ...], every: bool, check: bool) -> int:
    """Compile pipelines: `pipelines/<name>/compiled.yaml` from its pipeline.py and pipeline.yaml.

    \b
    Examples:
      penstock compile flights
      penstock compile --all --check
    """
    from penstock.authoring.compiling import check_compiled, write_compiled
    from penstock.authoring.discovery import COMPILED_FILE, find_pipeline, find_pipelines

    if bool(names) == every:
        raise click.UsageError("Name the pipelines to compile, or say --all.", click.get_current_context())
    code = ExitCode.OK
    for folder in find_pipelines().values() if every else [find_pipeline(name) for name in names]:
        if check:
            difference = check_compiled(folder)
            code = ExitCode.ERROR if difference else code
            click.echo(difference or f"{folder.name}: up to date", nl=not difference)
        else:
            changed = write_compiled(folder)
            click.echo(f"{folder / COMPILED_FILE}: {'written' if changed else 'up to date'}")
    return code
