"""A release on the screen while it goes on: live on a terminal, plain lines or lines of JSON anywhere else."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from penstock.cli.output import VERDICT_STYLE, short

if TYPE_CHECKING:
    from rich.console import Group

    from penstock.releasing.local.progress import GateProgress, Progress
    from penstock.releasing.local.store import ReleaseStore

_LOOK_SECONDS = 0.5
_PLAIN_SECONDS = 10.0
"""How often a step that holds is worth a plain line [s]."""

seconds_option = click.option(
    "--timeout-seconds",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Wait no longer than this; then the exit code is 1. The release goes on.",
)


def follow(
    store: ReleaseStore, name: str, *, seconds: float | None = None, forever: bool = False, as_json: bool = False
) -> Progress:
    """Show a release until it has come to its end.

    Args:
        store: Where releases are kept.
        name: The release.
        seconds: For how long at most [s].
        forever: Whether to go on after its end.
        as_json: Whether to print lines of JSON.

    Returns:
        How it went.
    """
    store.get(name)
    if not store.is_carried_out(name):
        click.echo(f"nobody carries release {name} out now. Run: penstock serve {name}", err=True)
    if as_json:
        return _follow(store, name, _JsonLines(), seconds=seconds, forever=forever)
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return _follow(store, name, _PlainLines(), seconds=seconds, forever=forever)
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=sys.stderr), auto_refresh=False) as live:
        return _follow(
            store, name, lambda now: live.update(render(now), refresh=True), seconds=seconds, forever=forever
        )


def conclude(now: Progress, *, as_json: bool = False) -> int:
    """Say what a release came to; its exit code.

    Returns:
        0 promoted, 3 not, 1 where it still goes on.
    """
    from penstock.releasing.local.progress import Outcome
    from penstock.sdk.errors import ExitCode

    codes = {Outcome.PROMOTED: ExitCode.OK, Outcome.UNDERWAY: ExitCode.ERROR, Outcome.REFUSED: ExitCode.BAD_INPUT}
    if not as_json:
        subject = {Outcome.PROMOTED: "promoted", Outcome.REJECTED: "rolled back", Outcome.UNDERWAY: "still under way"}
        click.echo(f"{now.name}: {subject.get(now.outcome, str(now.outcome))}. {now.message}")
    return codes.get(now.outcome, ExitCode.GATE_CLOSED)


def _follow(
    store: ReleaseStore, name: str, show: Callable[[Progress], None], *, seconds: float | None, forever: bool
) -> Progress:
    from penstock.releasing.local.progress import Outcome, progress

    end = time.monotonic() + seconds if seconds else float("inf")
    while True:
        now = progress(store.get(name), datetime.now(UTC))
        show(now)
        if (now.outcome is not Outcome.UNDERWAY and not forever) or time.monotonic() >= end:
            return now
        time.sleep(_LOOK_SECONDS)


class _PlainLines:
    """One line when something changes that people look for, and now and then while it does not."""

    def __init__(self) -> None:
        self._shown: object = None
        self._quiet_until = 0.0

    def __call__(self, now: Progress) -> None:
        landmark = (now.phase, now.trial, now.step, now.weight_percent, now.mirror_percent)
        if landmark == self._shown and time.monotonic() < self._quiet_until:
            return
        self._shown, self._quiet_until = landmark, time.monotonic() + _PLAIN_SECONDS
        with suppress(OSError, ValueError):
            click.echo(line(now), err=True)


class _JsonLines:
    """One document a line, whenever anything but the time has changed."""

    def __init__(self) -> None:
        self._shown: object = None

    def __call__(self, now: Progress) -> None:
        same = now.model_copy(update={"at": None, "seconds_on_step": None})
        if same != self._shown:
            self._shown = same
            click.echo(now.model_dump_json(by_alias=True))


def line(now: Progress) -> str:
    """A release in one line."""
    share = f"copy of {now.mirror_percent}%" if now.mirror_percent else f"{now.weight_percent}%"
    return f"{now.at:%H:%M:%S}  {now.phase:<10}  {share:>11}  {now.message}"


def render(now: Progress) -> Group:
    """A release as it is now, for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    head = Text.assemble(
        (now.name, "bold"), "  ", (str(now.phase), _phase_style(now)), f"  stable {short(now.stable)}",
        f", candidate {short(now.candidate)}, attempt {now.trial}" if now.candidate else "",
    )  # fmt: skip
    parts: list[object] = [head, Text(now.message, style="dim")]
    if now.candidate:
        parts += [Text(_share(now)), Text(_step(now))]
    if now.gates:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in ("gate", "verdict"):
            table.add_column(column, no_wrap=True)
        for column in ("samples", "difference", "interval", "harm"):
            # The interval takes two lines before any name or figure is cut short.
            table.add_column(column, justify="right", no_wrap=column != "interval")
        for gate in now.gates:
            verdict = Text(str(gate.verdict), style=VERDICT_STYLE.get(str(gate.verdict), ""))
            table.add_row(_subject(gate), verdict, _samples(gate), *_difference(gate), _evidence(gate))
        parts += [Text(""), table]
    return Group(*parts, "")  # type: ignore[arg-type]


def _phase_style(now: Progress) -> str:
    from penstock.releasing.local.progress import Outcome

    styles = {Outcome.PROMOTED: "green", Outcome.REJECTED: "bold red", Outcome.INCONCLUSIVE: "yellow"}
    return styles.get(now.outcome, "cyan")


def _share(now: Progress) -> str:
    """The traffic as a bar of forty places, each 2.5%."""
    places = 40
    canary = round(now.weight_percent * places / 100)
    copies = round(now.mirror_percent * places / 100)
    bar = "█" * (places - canary) + "▒" * canary
    told = f"candidate {now.weight_percent}%" if now.weight_percent else "candidate 0%"
    if copies:
        told += f", a copy of {now.mirror_percent}%"
    return f"{bar}  {told}"


def _step(now: Progress) -> str:
    if not now.step:
        return f"before step 1 of {now.steps}"
    told = f"step {now.step} ({now.step_number} of {now.steps})"
    if now.seconds_on_step is None:
        return f"{told}, waiting for the gateway"
    least = max(0.0, now.min_seconds - now.seconds_on_step)
    last = max(0.0, now.deadline_seconds - now.seconds_on_step)
    soon = f"at least {_duration(least)} more, " if least else ""
    return f"{told}: {_duration(now.seconds_on_step)} on it, {soon}deadline in {_duration(last)}"


def _duration(seconds: float) -> str:
    from penstock.reporting.formats import duration

    return duration(round(seconds)) if seconds >= 1 else "0 s"


def _subject(gate: GateProgress) -> str:
    from penstock.releasing.reading import OVERALL

    return gate.gate if gate.slice == OVERALL else f"{gate.gate} {gate.slice}"


def _samples(gate: GateProgress) -> str:
    return f"{gate.samples:,}/{gate.samples_needed:,}" if gate.samples_needed else f"{gate.samples:,}"


def _difference(gate: GateProgress) -> tuple[str, str]:
    if gate.estimate is None:
        return "", ""
    ends = ["?" if end is None else f"{end:+.3g}" for end in (gate.lower, gate.upper)]
    return f"{gate.estimate:+.3g}", f"{ends[0]} to {ends[1]}"


def _evidence(gate: GateProgress) -> str:
    if gate.e_value is None:
        return ""
    return f"{gate.e_value:,.3g}/{gate.e_value_needed:,.3g}"
