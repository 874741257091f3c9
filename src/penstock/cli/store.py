"""The lineage of the state folder, for commands that only ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.lineage.port import LineageStore


def open_lineage(home: Path) -> LineageStore:
    """Open the lineage that runs have left; asking makes no folder. Runs that died are told as such.

    Raises:
        BadInput: Nothing has run there yet, or the lineage cannot be opened (caller).
    """
    from penstock.lineage.errors import nothing_begun
    from penstock.running.home import Home
    from penstock.sdk import BadInput

    if not Home.is_at(home):
        raise BadInput(f"{home}: no runs here yet", "Run a pipeline, or name the folder with --home")
    place = Home(home)
    with nothing_begun():
        store = place.lineage()
        store.close_abandoned(place.is_alive)
    return store


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
