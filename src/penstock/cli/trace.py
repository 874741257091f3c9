"""`penstock trace`: where something comes from, and what depends on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.output import console, json_option, print_json, short
from penstock.cli.store import open_lineage

if TYPE_CHECKING:
    from rich.tree import Tree

    from penstock.lineage.questions import Node


@click.command(name="trace", short_help="Trace an artifact back to what made it, or forward to what it made.")
@click.argument("artifact")
@click.option("--forward", is_flag=True, help="Show what depends on it instead.")
@json_option
@click.pass_obj
def command(home: Path, artifact: str, forward: bool, as_json: bool) -> None:
    """Trace ARTIFACT (a digest or its beginning, an address, a number) back to the raw files and the code.

    \b
    Examples:
      penstock trace 3fa9c1d2
      penstock trace 3fa9c1d2 --forward
      penstock trace .penstock/runs/flights-20260101T120000-0a1b/train/outputs/model --json
    """
    from penstock.lineage.errors import UnknownArtifact
    from penstock.lineage.questions import trace

    store = open_lineage(home)
    try:
        found = trace(store, artifact, forward=forward)
    except UnknownArtifact:
        address = _address(artifact)
        if address == artifact:
            raise
        found = trace(store, address, forward=forward)
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(_grow(found.root))
    if found.raw_files and not forward:
        out.print("\nraw files")
        for name in found.raw_files:
            out.print(f"  {name}", soft_wrap=True)


def _address(typed: str) -> str:
    """The artifact's address that a typed path means: also a relative one, and one of a file in it."""
    if "/" not in typed or "://" in typed.removeprefix("file://"):
        return typed
    path = Path(os.path.abspath(typed.removeprefix("file://")))  # noqa: PTH100  (the lineage has links as links)
    if "outputs" in path.parts[:-1]:
        path = Path(*path.parts[: len(path.parts) - path.parts[::-1].index("outputs", 1) + 1])
    return str(path)


def _grow(node: Node) -> Tree:
    from rich.tree import Tree

    artifact = node.artifact
    mark = " (shown above)" if node.shown_elsewhere else " ..." if node.cut else ""
    tree = Tree(f"[bold]{artifact.kind}[/bold] {short(artifact.digest)}{mark}")
    for step in node.steps:
        code = f"code {short(step.code_digest)}, environment {short(step.image_digest)}"
        branch = tree.add(f"{step.task} in {step.run_id} ({code})")
        for further in step.artifacts:
            branch.add(_grow(further))
    return tree
