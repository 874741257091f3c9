"""`penstock serve`: the pushed bundle behind a gateway on this machine."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.output import json_option, print_json, short
from penstock.cli.store import check_pipeline, open_lineage

if TYPE_CHECKING:
    from penstock.serving.bundle import Bundle
    from penstock.serving.twins.local_serving import LocalServing
    from penstock.serving.twins.programs import Programs

_READY_SECONDS = 300.0
_FOLLOW_SECONDS = 2.0


@click.command(name="serve", short_help="Serve a pipeline's pushed bundle on this machine.")
@click.argument("pipeline", required=False)
@click.option(
    "--bundle",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Serve this bundle instead of the one that was pushed last.",
)
@click.option(
    "--fallback",
    metavar="PIPELINE|FOLDER",
    help="The bundle that answers when the model fails or its input does not fit it: a folder, or what a pipeline "
    "pushed last.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one.")
@click.option("--grpc-port", type=click.IntRange(1, 65535), help="Answer gRPC (V2), too, on this port.")
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 16),
    help="Processes that answer; with two, one may die and nobody waits.",
)
@click.option("--follow", is_flag=True, help="When a newer bundle is pushed, swap to it.")
@json_option
@click.pass_obj
def command(
    home: Path,
    pipeline: str | None,
    folder: Path | None,
    fallback: str | None,
    host: str,
    port: int,
    grpc_port: int | None,
    processes: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Serve the bundle that PIPELINE pushed last, or any --bundle, in KServe's model server behind a gateway.

    Speaks KServe's V1 and V2 REST protocols, and gRPC with --grpc-port. A model server that dies is started again, and
    its requests are answered. Every answer names its request (x-request-id) and the bundle that gave it
    (penstock-bundle). What was asked and answered is in Parquet files under --home, in serving/NAME/predictions. Ctrl-C
    answers what was asked, and ends it.

    Where the --fallback had to answer, penstock-fallback says why, and so does the prediction log. It stands behind
    whatever is served, newer bundles and candidates of releases included.

    A release of the same name (penstock release apply) is carried out here, and says from then on what serves.

    \b
    Examples:
      penstock serve flights
      penstock serve flights --port 9000 --follow
      penstock serve flights --fallback releases/1a5555a3793670b8
      penstock serve --bundle releases/1a5555a3793670b8 --processes 2
    """
    from penstock.releasing.local.hosting import carried_out, is_begun, releases_below
    from penstock.serving.twins.local_serving import LocalServing, ServingOptions

    if (pipeline is None) == (folder is None):
        which = "neither" if pipeline is None else "both"
        raise click.UsageError(f"Name a pipeline, or a folder with --bundle: it was {which}.")
    if follow and pipeline is None:
        raise click.UsageError("--follow wants a pipeline: a bundle's folder never changes.")
    releases = releases_below(home)
    released = pipeline is not None and is_begun(releases, pipeline)
    if folder is not None:
        bundle: Bundle | None = _open(folder)
    else:
        bundle = None if released else pushed_bundle(home, pipeline or "")
    name = pipeline or (bundle.name if bundle else "")
    if bundle and is_begun(releases, name):
        bundle, released = None, True
    behind = _behind(home, fallback, bundle)
    options = ServingOptions(model_name=name, host=host, port=port, grpc_port=grpc_port, fallback=behind)
    state = home / "serving" / name
    with _told_to_end() as end, LocalServing(_programs(state), state, options, tell=_say) as serving:
        if bundle:
            _say(f"bundle {short(bundle.digest)} is loading")
            _swap(serving, bundle, processes, end)
        else:
            _say(f"release {name} says what serves")
        if end.is_set():
            return
        log = serving.log_folder
        with carried_out(releases, name, serving, log=log, served=bundle, tell=_say):
            if as_json:
                print_json(serving.state())
            else:
                click.echo(f"{serving.url}  (Ctrl-C ends it)")
            while not end.wait(_FOLLOW_SECONDS):
                if follow and bundle and not is_begun(releases, name):
                    bundle = _newer(home, name, bundle, serving, processes, end)
        _say("answering what was asked, then ending")


def _programs(state: Path) -> Programs:
    from penstock.profiles.local import LocalProfile
    from penstock.running.components import import_roots
    from penstock.serving.twins.programs import Programs

    return Programs(LocalProfile().interpreter("serving"), tuple(import_roots(state / "path", ())))


def _open(folder: Path) -> Bundle:
    from penstock.serving.bundle import open_bundle

    return open_bundle(folder.absolute())


def _behind(home: Path, named: str | None, bundle: Bundle | None) -> Bundle | None:
    """The bundle that --fallback names."""
    from penstock.sdk import BadInput

    if named is None:
        return None
    folder = Path(named)
    found = _open(folder) if folder.is_dir() or len(folder.parts) > 1 else pushed_bundle(home, named)
    if bundle and bundle.digest == found.digest:
        raise BadInput(f"--fallback {named} is the bundle that is to serve", "Name another: it would fail likewise")
    return found


def pushed_bundle(home: Path, pipeline: str) -> Bundle:
    """The bundle that a pipeline pushed last.

    Raises:
        BadInput: It has pushed none, or what it pushed is gone (caller).
    """
    from penstock.artifacts import PushedModel
    from penstock.sdk import BadInput

    store = open_lineage(home, of_home=True)
    check_pipeline(store, pipeline)
    found = store.previous(pipeline, PushedModel.kind, unless=("", ""))
    if found is None:
        raise BadInput(f"{pipeline} has pushed nothing yet", f"Run: penstock run {pipeline}")
    return _open(Path(found.uri.removeprefix("file://")))


def _swap(serving: LocalServing, bundle: Bundle, processes: int, end: threading.Event) -> None:
    """Swap to a bundle; gives up when told to end."""
    from penstock.sdk import PenstockError

    failed: list[PenstockError] = []

    def work() -> None:
        try:
            serving.swap(bundle, _READY_SECONDS, processes=processes)
        except PenstockError as error:
            failed.append(error)

    working = threading.Thread(target=work, daemon=True)
    working.start()
    while working.is_alive() and not end.is_set():
        working.join(0.1)
    if failed:
        raise failed[0]


def _newer(
    home: Path, name: str, bundle: Bundle, serving: LocalServing, processes: int, end: threading.Event
) -> Bundle:
    """Swap to a newer bundle if one was pushed; one that cannot be served is told and passed over."""
    from penstock.sdk import PenstockError

    newest = bundle
    try:
        newest = pushed_bundle(home, name)
        if newest.digest != bundle.digest:
            _say(f"bundle {short(newest.digest)} was pushed; it is loading")
            _swap(serving, newest, processes, end)
            _say(f"bundle {short(newest.digest)} serves")
    except PenstockError as error:
        _say(f"{error}; {short(bundle.digest)} goes on serving")
    return newest


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C and SIGTERM; a second Ctrl-C interrupts as usual."""
    end = threading.Event()
    before: dict[int, Any] = {}

    def told(number: int, _: object) -> None:
        end.set()
        signal.signal(number, before[number])

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, told)
    try:
        yield end
    finally:
        for told_by, handler in before.items():
            signal.signal(told_by, handler)


def _say(text: str) -> None:
    """Tell a person how it goes; standard output is for the address."""
    click.echo(text, err=True)
