"""`penstock release apply`: what is wanted, kept where `penstock serve` carries it out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.output import json_option, print_json, short
from penstock.cli.release_following import conclude, follow, seconds_option

if TYPE_CHECKING:
    from penstock.releasing.gates.spec import Gate
    from penstock.releasing.local.store import Stored
    from penstock.releasing.resource.bundle import Bundle
    from penstock.releasing.resource.spec import ModelReleaseSpec


@click.command(name="apply", short_help="Try the bundle that a file names, on this machine.")
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), required=True, help="The ModelRelease, in YAML.")
@click.option(
    "--pushed", metavar="PIPELINE", help="Try the bundle that this pipeline pushed last, whatever the file's model is."
)
@click.option(
    "--bundle",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Try the bundle in this folder, whatever the file's model is.",
)
@click.option("--wait", is_flag=True, help="Watch it until it has come to its end.")
@seconds_option
@json_option
@click.pass_obj
def apply(
    home: Path,
    path: Path,
    pushed: str | None,
    folder: Path | None,
    wait: bool,
    seconds: float | None,
    as_json: bool,
) -> int:
    """Try the bundle that a ModelRelease names, on this machine; it is the document that a cluster is given.

    `penstock serve` of the same name carries it out: the bundle is started beside the one that serves, gets a copy of
    some traffic, then a share of it step by step, and is promoted or rolled back. Applying the same twice changes
    nothing. With --wait: exit code 0 promoted, 3 rolled back or not decided in time.

    \b
    Examples:
      penstock release apply -f release.yaml
      penstock release apply -f release.yaml --pushed flights --wait
      penstock release apply -f release.yaml --bundle pushed/1a5555a3793670b8
    """
    from penstock.releasing.local.documents import read_release
    from penstock.releasing.local.hosting import releases_below
    from penstock.sdk import BadInput

    if pushed and folder:
        raise click.UsageError("--pushed and --bundle both name a bundle: give one.")
    read = read_release(path, _named(home, pushed, folder))
    spec = _here(read.spec)
    store = releases_below(home)
    carried_out = store.is_carried_out(read.name)
    if wait and not carried_out:
        raise BadInput(f"{read.name} is not served here: nobody would carry the release out", _start(read.name))
    before = store.find(read.name)
    stored = store.apply(read.name, spec)
    if not wait and as_json:
        print_json({"release": read.name, "generation": stored.generation, "served": carried_out})
    elif not as_json:
        click.echo(_said(before, stored))
        if not carried_out:
            click.echo(f"it begins as soon as it is served: {_start(read.name)}", err=True)
    if not wait:
        return 0
    return conclude(follow(store, read.name, seconds=seconds, as_json=as_json), as_json=as_json)


def _said(before: Stored | None, now: Stored) -> str:
    word = "unchanged" if before and before.generation == now.generation else "changed" if before else "created"
    return f"release {now.name} {word}: {short(now.spec.model.digest)}"


def _start(name: str) -> str:
    return f"Run: penstock serve {name}"


def _named(home: Path, pipeline: str | None, folder: Path | None) -> Bundle | None:
    """The bundle that takes the place of the file's, if one was named."""
    from penstock.cli.serve import pushed_bundle
    from penstock.releasing.resource.bundle import Bundle
    from penstock.serving.bundle import open_bundle

    if folder is None and pipeline is None:
        return None
    found = open_bundle(folder.absolute()) if folder else pushed_bundle(home, pipeline or "")
    return Bundle(digest=found.digest, storage_uri=found.path.as_uri())


def _here(spec: ModelReleaseSpec) -> ModelReleaseSpec:
    """The specification as this machine can carry it out: its bundle checked, folders of labels found from anywhere.

    Raises:
        BadInput: It cannot be (its author).
    """
    from penstock.releasing.local.cluster import opened, refusal
    from penstock.sdk import BadInput

    if why := refusal(spec):
        raise BadInput(why, "Or try the last bundle of a pipeline: --pushed PIPELINE")
    opened(spec.model)
    gates = tuple(map(_with_absolute_labels, spec.analysis.gates))
    return spec.model_copy(update={"analysis": spec.analysis.model_copy(update={"gates": gates})})


def _with_absolute_labels(gate: Gate) -> Gate:
    labels = gate.source.labels
    if not labels or "://" in labels:
        return gate
    source = gate.source.model_copy(update={"labels": str(Path(labels).absolute())})
    return gate.model_copy(update={"source": source})
