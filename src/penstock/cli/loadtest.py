"""`penstock loadtest`: how slow a server's answers are at a rate, and what rate it keeps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.output import console, json_option, print_json, print_table

if TYPE_CHECKING:
    from penstock.serving.load_test.open_loop import OpenReport
    from penstock.serving.load_test.target import Target

_POSITIVE = click.FloatRange(0, min_open=True)
_GATE_SAID_NO = 3
_BARS = 40
_ROWS = 16


@click.command(name="loadtest", short_help="Load a server on a timetable, and say whether it keeps a budget.")
@click.argument("url")
@click.option(
    "--bodies",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with one JSON body a line, sent in turn.",
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Send the golden rows of this bundle instead, one a request, by the V1 protocol.",
)
@click.option(
    "--rate", default=100.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Requests a second."
)
@click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(0, min_open=True), help="For how long."
)
@click.option(
    "--max-p99-ms",
    type=_POSITIVE,
    help="The budget: the largest 99th percentile of the latency. Exit code 3 when it is not kept.",
)
@click.option(
    "--max-error-percent",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 100),
    help="The budget: the largest share of requests that fail.",
)
@click.option(
    "--find-rate", is_flag=True, help="Find the greatest rate that keeps --p99-ms instead; --seconds a trial."
)
@click.option(
    "--p99-ms", default=20.0, show_default=True, type=click.FloatRange(0, min_open=True), help="What --find-rate keeps."
)
@click.option("--host-is-mine", is_flag=True, help="Allow a host that is not this machine: you may load it.")
@json_option
def command(
    url: str,
    bodies: Path | None,
    bundle: Path | None,
    rate: float,
    seconds: float,
    max_p99_ms: float | None,
    max_error_percent: float,
    find_rate: bool,
    p99_ms: float,
    host_is_mine: bool,
    as_json: bool,
) -> None:
    """Send --rate requests a second to URL, whatever comes back, and time each from the moment when it was due.

    A server that stalls is charged for every request that was due meanwhile. Answers other than 200 are errors. Exit
    code 3 says that the budget was not kept, or that this machine was too busy to tell.

    \b
    Examples:
      penstock loadtest http://127.0.0.1:8080/v1/models/flights:predict --bodies flights.jsonl --rate 500 --seconds 30
      penstock loadtest http://127.0.0.1:8080/v1/models/flights:predict --bundle BUNDLE --max-p99-ms 20
      penstock loadtest http://127.0.0.1:8080/v1/models/flights:predict --bodies flights.jsonl --find-rate --p99-ms 20
    """
    from penstock.sdk import BadInput
    from penstock.serving.load_test.target import target_of

    if (bodies is None) == (bundle is None):
        raise click.UsageError("Say what to send: a file with --bodies, or a bundle's own rows with --bundle.")
    lines = _lines(bodies) if bodies is not None else _golden(bundle or Path())
    try:
        target = target_of(url, any_host=host_is_mine)
    except ValueError as error:
        remedy = "" if host_is_mine else "Say --host-is-mine for another machine that you may load"
        raise BadInput(str(error), remedy) from None
    if find_rate:
        _find(target, lines, seconds, p99_ms, as_json)
        return
    _test(target, lines, rate, seconds, (max_p99_ms, max_error_percent), as_json)


def _lines(bodies: Path) -> list[bytes]:
    from penstock.sdk import BadInput

    lines = [line for line in bodies.read_bytes().splitlines() if line.strip()]
    if not lines:
        raise BadInput(f"{bodies} holds no body", "Write one JSON body a line")
    return lines


def _golden(bundle: Path) -> list[bytes]:
    """The rows that the trainer kept with the model, one a request."""
    import json

    from penstock.sdk import BadInput
    from penstock.serving.bundle import open_bundle

    path = open_bundle(bundle.absolute()).model_folder / "golden.json"
    try:
        rows = json.loads(path.read_bytes())["rows"]
    except (OSError, ValueError, KeyError, TypeError):
        rows = []
    if not rows:
        raise BadInput(f"{path} holds no rows", "Give bodies of your own with --bodies")
    return [json.dumps({"instances": [row]}).encode() for row in rows]


def _test(
    target: Target,
    lines: list[bytes],
    rate: float,
    seconds: float,
    budget: tuple[float | None, float],
    as_json: bool,
) -> None:
    from penstock.artifacts.verdict import Verdict
    from penstock.serving.load_test.budget import Budget, judged
    from penstock.serving.load_test.open_loop import run_open_loop

    def told(sent: int, failed: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{sent:,} sent, {failed:,} failed", nl=False, err=True)

    report = run_open_loop(target, lines, rate=rate, seconds=seconds, on_second=told)
    document = judged(report, Budget(*budget))
    if as_json:
        print_json(document)
    else:
        if sys.stderr.isatty():
            click.echo("\r" + " " * 50 + "\r", nl=False, err=True)
        _show(report, document["verdict"], document["why"])
    if document["verdict"] != Verdict.SUCCESSFUL:
        sys.exit(_GATE_SAID_NO)


def _show(report: OpenReport, verdict: str, why: str) -> None:
    sent = f"{report.sent:,} sent in {report.seconds:g} s, {report.answered:,} answered, {report.errors:,} failed"
    click.echo(f"{sent}; {report.answered_per_second:g}/s answered")
    names = ("p50", "p90", "p99", "p99.9", "most")
    figures = (report.p50_ms, report.p90_ms, report.p99_ms, report.p999_ms, report.max_ms)
    print_table([f"{name} ms" for name in names], [[f"{figure:g}" for figure in figures]])
    for upper, count, share in _coarse(report.histogram):
        click.echo(f"  up to {upper:>9.3g} ms  {count:>8,}  {'#' * round(_BARS * share)}")
    for what, count in report.error_kinds.items():
        click.echo(f"  {count:,} times: {what}")
    for digest, count in report.bundles.items():
        if digest:
            click.echo(f"  {count:,} answers of bundle {digest}")
    out = console()
    out.print(f"[bold]{verdict}[/bold]: {why}", soft_wrap=True)


def _coarse(histogram: list[tuple[float, int]]) -> list[tuple[float, int, float]]:
    """A histogram in a few rows: upper end [ms], count, share of the largest."""
    if not histogram:
        return []
    low, high = histogram[0][0], histogram[-1][0]
    factor = max((high / low) ** (1 / _ROWS), 1.02)
    rows: list[list[Any]] = []
    for upper, count in histogram:
        if not rows or upper > rows[-1][0]:
            rows.append([max(upper, low * factor if not rows else rows[-1][0] * factor), 0])
        rows[-1][1] += count
    most = max(count for _, count in rows)
    return [(upper, count, count / most) for upper, count in rows]


def _find(target: Target, lines: list[bytes], seconds: float, p99_ms: float, as_json: bool) -> None:
    from penstock.serving.load_test.open_loop import run_open_loop
    from penstock.serving.load_test.rate import find_rate, kept

    def trial(rate: float) -> OpenReport:
        report = run_open_loop(target, lines, rate=rate, seconds=seconds)
        word = "kept" if kept(report, p99_ms) else "not kept"
        click.echo(f"{rate:8.1f}/s  p99 {report.p99_ms:8.2f} ms  {report.errors} failed  {word}", err=True)
        return report

    found = find_rate(trial, p99_ms)
    if as_json:
        report = found.report.model_dump(mode="json") if found.report else None
        print_json({"rate": found.rate, "bounded": found.bounded, "trials": found.trials, "report": report})
    elif found.rate:
        more = "" if found.bounded else ", the greatest that was tried"
        click.echo(f"{found.rate:.1f} requests a second with a 99th percentile of at most {p99_ms:g} ms{more}")
    if not found.rate:
        if not as_json:
            click.echo(f"no rate keeps a 99th percentile of {p99_ms:g} ms")
        sys.exit(_GATE_SAID_NO)
