"""`penstock compile`: pipelines to KFP's PipelineSpec, for a laptop or for a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.sdk.errors import ExitCode


@click.command(name="compile", short_help="Compile pipelines to KFP's PipelineSpec.")
@click.argument("names", metavar="[PIPELINE]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Compile every pipeline of the project.")
@click.option(
    "--check", is_flag=True, help="Change nothing; show what would change, and exit with 1 if anything would."
)
@click.option(
    "--target",
    type=click.Choice(["kfp", "kubernetes"]),
    default="kfp",
    show_default=True,
    help="KFP's PipelineSpec, or Pipeline and PipelineVersion resources that hold it.",
)
@click.option(
    "--profile",
    metavar="NAME|FILE",
    help="The cluster to compile for: an overlay under kustomize/overlays, or a profile's file.",
)
@click.option(
    "--output",
    metavar="PATH|-",
    help="Where to write; `-` for standard output, which is the default but for a plain compiled.yaml.",
)
def command(names: tuple[str, ...], every: bool, check: bool, target: str, profile: str, output: str) -> int:
    """Compile pipelines: `pipelines/<name>/compiled.yaml` from its pipeline.py and pipeline.yaml.

    With a cluster's profile the same tasks get that cluster's images, node pools, volumes, Secrets and variables.
    With `--target kubernetes` the result is what GitOps applies: a Pipeline, and a PipelineVersion whose name holds the
    digest of its content.

    \b
    Examples:
      penstock compile flights
      penstock compile --all --check
      penstock compile flights --profile production --output flights-production.yaml
      penstock compile flights --profile production --target kubernetes --output flights.yaml
    """
    from penstock.authoring.compiling import check_compiled, write_compiled
    from penstock.authoring.discovery import COMPILED_FILE, find_pipeline, find_pipelines

    if bool(names) == every:
        raise click.UsageError("Name the pipelines to compile, or say --all.", click.get_current_context())
    folders = list(find_pipelines().values()) if every else [find_pipeline(name) for name in names]
    if profile or output or target != "kfp":
        return _elsewhere(folders, check, target, profile, output)
    code = ExitCode.OK
    for folder in folders:
        if check:
            difference = check_compiled(folder)
            code = ExitCode.ERROR if difference else code
            click.echo(difference or f"{folder.name}: up to date", nl=not difference)
        else:
            changed = write_compiled(folder)
            click.echo(f"{folder / COMPILED_FILE}: {'written' if changed else 'up to date'}")
    return code


def _elsewhere(folders: list[Path], check: bool, target: str, profile: str, output: str) -> int:
    """Compile into another file than `compiled.yaml`, or onto standard output."""
    from penstock.authoring.compiling import compile_for, compile_whole, diff
    from penstock.authoring.kubernetes_resources import resources_text
    from penstock.profiles.reading import find_cluster
    from penstock.sdk import BadInput
    from penstock.sdk.entry import write_atomically

    if len(folders) != 1:
        raise click.UsageError("Name one pipeline: each goes to a file of its own.", click.get_current_context())
    path = Path(output) if output and output != "-" else None
    if check and path is None:
        raise click.UsageError("--check wants the file to look at: --output PATH.", click.get_current_context())
    cluster = find_cluster(profile) if profile else None
    compiled = compile_for(folders[0], cluster) if cluster else compile_whole(folders[0])
    text = compiled.text if target == "kfp" else resources_text(compiled, cluster)
    if path is None:
        click.echo(text, nl=False)
        return ExitCode.OK
    if check:
        present = path.read_text(encoding="utf-8") if path.is_file() else ""
        difference = diff(present, text, path)
        click.echo(difference or f"{path}: up to date", nl=not difference)
        return ExitCode.ERROR if difference else ExitCode.OK
    if not path.parent.is_dir():
        raise BadInput(f"--output {path}: the folder {path.parent} is missing", "Make it, or name another")
    write_atomically(path, text)
    click.echo(f"{path}: written")
    return ExitCode.OK
