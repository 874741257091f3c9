"""The lineage of the state folder, for commands that only ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.lineage.port import LineageStore


def open_lineage(home: Path) -> LineageStore:
    """Open the lineage that runs have left; asking makes no folder.

    Raises:
        BadInput: Nothing has run there yet (caller).
    """
    from penstock.running.home import Home
    from penstock.sdk import BadInput

    if not home.is_dir():
        raise BadInput(f"{home}: no runs here yet", "Run a pipeline, or name the folder with --home")
    return Home(home).lineage()
