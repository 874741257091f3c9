"""`penstock release replay`: a pipeline's own rows as traffic."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.output import json_option, print_json, print_table, short

if TYPE_CHECKING:
    from penstock.releasing.local.replaying import Replay, Row, Sent
    from penstock.serving.bundle import Bundle

_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command(name="replay", short_help="Send a pipeline's rows as traffic, their labels coming late.")
@click.argument("pipeline")
@click.option("--url", help="Where to POST; http://127.0.0.1:8080/v1/models/PIPELINE:predict where nothing is said.")
@click.option("--split", default="eval", show_default=True, help="Rows that the model was not trained on.")
@click.option("--rate", default=20.0, show_default=True, type=_POSITIVE, help="Requests a second.")
@click.option("--seconds", type=_POSITIVE, help="For how long; until Ctrl-C where nothing is said.")
@click.option(
    "--label-delay-seconds",
    default=5.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="How long after its request the true label of a row is known.",
)
@click.option("--labels", type=click.Path(path_type=Path), help="The folder of labels; below --home where not given.")
@json_option
@click.pass_obj
def replay(
    home: Path,
    pipeline: str,
    url: str | None,
    split: str,
    rate: float,
    seconds: float | None,
    label_delay_seconds: float,
    labels: Path | None,
    as_json: bool,
) -> int:
    """Send the rows of PIPELINE's newest examples as requests, in their order, to whatever serves it on this machine.

    The true label of each row is written down some time later, by the request's id, in serving/PIPELINE/labels below
    --home: a gate of metric `quality` reads it there. Exit code 1 when a request failed.

    \b
    Examples:
      penstock release replay flights
      penstock release replay flights --rate 50 --label-delay-seconds 30
    """
    from penstock.cli.serve import pushed_bundle
    from penstock.releasing.local.replaying import Replay
    from penstock.sdk import BadInput
    from penstock.serving.load_test.target import target_of

    try:
        target = target_of(url or f"http://127.0.0.1:8080/v1/models/{pipeline}:predict")
    except ValueError as error:
        raise BadInput(str(error)) from None
    rows = _rows(home, pipeline, split, pushed_bundle(home, pipeline))
    began = f"replay-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    file = (labels or home / "serving" / pipeline / "labels") / f"{began}.csv"
    sending = Replay(rows, target, file, label_delay_seconds=label_delay_seconds, prefix=began)
    if not as_json:
        click.echo(f"{len(rows):,} rows of split {split}, {rate:g} a second; labels: {file}", err=True)
    counts = asyncio.run(_run(sending, rate, seconds))
    if as_json:
        failures = dict(counts.failures.most_common())
        document: dict[str, Any] = {"sent": counts.sent, "answered": counts.answered, "failures": failures}
        print_json({**document, "bundles": dict(sorted(counts.bundles.items())), "labels": counts.labelled})
    else:
        _show(counts)
    return int(counts.failed > 0)


async def _run(sending: Replay, rate: float, seconds: float | None) -> Sent:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    counts = await sending.run(rate, seconds, stop, _tell)
    if sys.stderr.isatty():
        click.echo("\r" + " " * 78 + "\r", nl=False, err=True)
    return counts


def _tell(counts: Sent) -> None:
    if sys.stderr.isatty():
        text = f"{counts.sent:,} sent, {counts.failed:,} failed, {counts.labelled:,} labels known"
        click.echo(f"\r{text:<78}", nl=False, err=True)


def _show(counts: Sent) -> None:
    click.echo(f"{counts.sent:,} sent, {counts.answered:,} answered, {counts.failed:,} failed")
    for what, count in counts.failures.most_common(5):
        click.echo(f"  {count:,} times: {what}")
    bundles = [[short(digest), f"{count:,}"] for digest, count in counts.bundles.most_common()]
    print_table(["bundle", "answers"], bundles, right=["answers"])


def _rows(home: Path, pipeline: str, split: str, bundle: Bundle) -> list[Row]:
    """The rows of a split as the model of a bundle wants them.

    Raises:
        BadInput: There are no such rows, or they lack what the model wants (caller).
    """
    import pyarrow.parquet as pq

    from penstock.artifacts import Examples
    from penstock.cli.store import open_lineage
    from penstock.releasing.local.replaying import Row
    from penstock.sdk import BadInput

    known = json.loads((bundle.model_folder / "features.json").read_bytes())
    names, label = [*known["raw"]], known["label"]
    record = open_lineage(home, of_home=True).previous(pipeline, Examples.kind, unless=("", ""))
    folder = Path(record.uri.removeprefix("file://")) if record else Path()
    files = sorted((folder / f"Split-{split}").glob("*.parquet"))
    if record is None or not files:
        raise BadInput(f"{pipeline} has no rows of a split {split!r} on this machine", "Name another with --split")
    tables = [pq.read_table(file) for file in files]
    missing = [name for name in (*names, label) if name not in tables[0].column_names]
    if missing:
        raise BadInput(f"the rows of {pipeline} have no column {missing[0]!r}, which the pushed model wants")
    return [
        Row({name: row[name] for name in names}, row[label])
        for table in tables
        for row in table.select([*names, label]).to_pylist()
    ]
