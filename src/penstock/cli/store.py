"""The lineage of the state folder, for commands that only ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.lineage.port import LineageStore


def open_lineage(home: Path) -> LineageStore:
    """Open the lineage that runs have left; asking makes no folder. Runs that died are told as such.

    Raises:
        BadInput: Nothing has run there yet (caller).
    """
    from penstock.running.home import Home
    from penstock.sdk import BadInput

    if not Home.is_at(home):
        raise BadInput(f"{home}: no runs here yet", "Run a pipeline, or name the folder with --home")
    place = Home(home)
    store = place.lineage()
    store.close_abandoned(place.is_alive)
    return store
