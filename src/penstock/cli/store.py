"""The lineage that a command asks: that of the state folder, or another one that was named."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.cluster import open_cluster

if TYPE_CHECKING:
    from penstock.lineage.port import LineageStore

_AGAIN_SECONDS = 3.0
"""How long a cluster that does not answer is asked again which runs are over [s]: the question was another one."""


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
    """Open the lineage at a URL, or that of a cluster's profile, whose Kubeflow Pipelines knows which runs are over."""
    from penstock.kubeflow.recorded import close_ended
    from penstock.lineage.errors import nothing_begun
    from penstock.profiles.cluster import ClusterProfile
    from penstock.profiles.reading import find_profile
    from penstock.sdk import BadInput, PenstockError

    if "://" in named:
        with nothing_begun():
            return open_url(named, called=named)
    profile = find_profile(named)
    if not isinstance(profile, ClusterProfile) or not profile.lineage:
        raise BadInput(f"--lineage {named}: this profile names no lineage", "Name a URL: grpc://localhost:8080")
    with nothing_begun():
        store = open_url(profile.lineage, called=named)
    with suppress(PenstockError):  # who may read the lineage need not have a way to the cluster
        close_ended(store, open_cluster(profile, patience_seconds=_AGAIN_SECONDS))
    return store


def open_url(url: str, *, called: str, patience_seconds: float | None = None) -> LineageStore:
    """Open a lineage that is there.

    Args:
        url: Where it is.
        called: What a person called it by.
        patience_seconds: How long each call is tried again while the store is away [s]; the store's own if None.

    Raises:
        BadInput: It is a file that is not there (caller).
        StoreUnavailable: It cannot be opened (operator).
    """
    from penstock.lineage.open import open_store
    from penstock.sdk import BadInput

    if url.startswith("sqlite:") and not Path(url.removeprefix("sqlite://")).exists():
        raise BadInput(f"--lineage {called}: there is no such file")
    return open_store(url, patience_seconds=patience_seconds)


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
