"""The lineage that a command asks: that of the state folder, or another one that was named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from penstock.lineage.port import LineageStore


def open_lineage(home: Path, *, of_home: bool = False) -> LineageStore:
    """Open the lineage that runs have left; asking makes no folder. Runs that died here are told as such.

    Args:
        home: The state folder.
        of_home: Whether only the state folder's own will do.

    Raises:
        BadInput: Nothing has run there yet, or the lineage cannot be opened (caller).
    """
    from penstock.cli.main import LINEAGE
    from penstock.lineage.errors import nothing_begun
    from penstock.running.home import Home
    from penstock.sdk import BadInput

    context = click.get_current_context(silent=True)
    named: str | None = context.meta.get(LINEAGE) if context else None
    if named is not None and of_home:
        raise BadInput("--lineage is for questions; this changes what is in --home", "Leave --lineage out")
    if named is not None:
        return _open_named(named)
    if not Home.is_at(home):
        raise BadInput(f"{home}: no runs here yet", "Run a pipeline, or name the folder with --home")
    place = Home(home)
    with nothing_begun():
        store = place.lineage()
        store.close_abandoned(place.is_alive)
    return store


def _open_named(named: str) -> LineageStore:
    """Open the lineage at a URL, or that of a cluster's profile. What runs there is not ours to judge."""
    from penstock.lineage.errors import nothing_begun
    from penstock.lineage.open import open_store
    from penstock.profiles.reading import find_profile
    from penstock.sdk import BadInput

    url = named if "://" in named else getattr(find_profile(named), "lineage", "")
    if not url:
        raise BadInput(f"--lineage {named}: this profile names no lineage", "Name a URL: grpc://localhost:8080")
    if url.startswith("sqlite:") and not Path(url.removeprefix("sqlite://")).exists():
        raise BadInput(f"--lineage {named}: there is no such file")
    with nothing_begun():
        return open_store(url)


def check_pipeline(store: LineageStore, pipeline: str) -> None:
    """See that a pipeline has runs; an empty name asks for none in particular.

    Raises:
        BadInput: It has none; the nearest that has is told (caller).
    """
    import difflib

    from penstock.sdk import BadInput

    known = store.pipelines()
    if pipeline and pipeline not in known:
        near = difflib.get_close_matches(pipeline, known, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Pipelines with runs: {', '.join(known) or 'none'}"
        raise BadInput(f"no run of a pipeline {pipeline!r}", remedy)
