"""`penstock release simulate`: how long each effect would take to find, before anything is rolled out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from penstock.releasing.simulating.forecasting import Forecast, Plan


@click.command(name="simulate", short_help="Say how long each effect would take to find.")
@click.option(
    "-f",
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A ModelRelease, for its gates, ladder and bake. Left out: the defaults.",
)
@click.option(
    "--from",
    "log",
    type=click.Path(path_type=Path, file_okay=False),
    help="A prediction log: its errors, latencies, predictions, slices and requests a day. Left out: invented traffic.",
)
@click.option(
    "--effect",
    "effects",
    multiple=True,
    metavar="NAME=PERCENT[,...]",
    help="What the candidate does: errors=+3 (points), slice-errors=+10 (of the first slice), latency=+30, loss=+2, "
    "business=-10 (of its mean), scores=+50 (of their standard deviation). Repeat for several.",
)
@click.option("--error-rate", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Of invented traffic.")
@click.option("--requests-per-day", type=click.FloatRange(1), help="Of both models. Left out: the log's, or 100,000.")
@click.option(
    "--label-delay-days", type=click.FloatRange(0), default=0.0, show_default=True, help="How late labels come."
)
@click.option("--releases", type=click.IntRange(10, 100_000), default=500, show_default=True, help="For each effect.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same table.")
@json_option
def command(
    file: Path | None,
    log: Path | None,
    effects: tuple[str, ...],
    error_rate: float,
    requests_per_day: float | None,
    label_delay_days: float,
    releases: int,
    seed: int,
    as_json: bool,
) -> int:
    """Rehearse releases on a recorded or an invented stream, through the ladder, with the gates that would decide.

    Each line is one effect that the candidate might have: how often it is rolled back, promoted, or paused at a
    deadline, and how soon. The line "none" says how often a candidate just as good would be rolled back. What becomes
    of requests (losses, business metrics) is invented, also on a recorded stream.

    \b
    Examples:
      penstock release simulate
      penstock release simulate --from logs/ --effect errors=+1 --effect latency=+20
      penstock release simulate -f releases/flights.yaml --effect slice-errors=+10,errors=-0.5 --json
    """
    from dataclasses import replace

    from penstock.releasing.simulating.forecasting import DEFAULT_EFFECTS, effect_from, forecast
    from penstock.releasing.simulating.from_log import traffic_from_log
    from penstock.releasing.simulating.traffic import NO_EFFECT, Traffic

    plan = _plan(file, label_delay_days)
    sliced = next((gate.slices for gate in plan.gates.gates if gate.slices.wanted), None)
    if log is None:
        shares = (0.05,) * min(sliced.limit, 10) if sliced else ()
        traffic, about = Traffic.synthetic(error_rate=error_rate, slice_shares=shares), "invented traffic"
    else:
        scored = next((gate.source.output for gate in plan.gates.gates if gate.metric == "predictions"), 0)
        found = traffic_from_log(log, sliced, scored)
        traffic, about = found.traffic, f"{found.requests:,} requests of {log}"
        plan = replace(plan, requests_per_day=found.requests_per_day)
    if requests_per_day:
        plan = replace(plan, requests_per_day=requests_per_day)
    asked = (NO_EFFECT, *map(effect_from, effects)) if effects else DEFAULT_EFFECTS
    forecasts = forecast(plan, traffic, asked, releases=releases, seed=seed)
    if as_json:
        print_json([each.model_dump(mode="json") for each in forecasts])
        return 0
    click.echo(f"{releases:,} releases for each effect, on {about}, {plan.requests_per_day:,.0f} requests a day\n")
    _show(forecasts)
    return 0


def _plan(file: Path | None, label_delay_days: float) -> Plan:
    from penstock.releasing.gates.spec import Gates
    from penstock.releasing.local.documents import read_release
    from penstock.releasing.resource.bundle import Bundle
    from penstock.releasing.resource.ladder import DEFAULT_LADDER, Bake
    from penstock.releasing.simulating.forecasting import Plan

    if file is None:
        return Plan(Gates(), DEFAULT_LADDER, Bake(), label_delay_days=label_delay_days)
    # Which bundle it is about plays no part, and a release that is not proposed yet has none.
    any_bundle = Bundle(digest=f"sha256:{'0' * 64}", storage_uri="file:///any")
    spec = read_release(file, any_bundle).spec
    return Plan(spec.analysis, spec.ladder, spec.bake, label_delay_days=label_delay_days)


def _duration(days: float) -> str:
    """How long it takes, in the unit that fits.

    Example:
        >>> _duration(14.25), _duration(0.25), _duration(0.01)
        ('14.2 d', '6.0 h', '14 min')
    """
    if days >= 1:
        return f"{days:.1f} d"
    return f"{days * 24:.1f} h" if days * 24 >= 1 else f"{days * 24 * 60:.0f} min"


def _show(forecasts: tuple[Forecast, ...]) -> None:
    def count(value: float | None) -> str:
        return "" if value is None else f"{value:,.0f}"

    numbers = ["rolled back", "promoted", "paused", "requests of the candidate", "answered to users", "takes"]
    print_table(
        ["effect", *numbers, "mostly ends at"],
        [
            [
                each.effect,
                *(f"{100 * share:.1f}%" for share in (each.rolled_back, each.promoted, each.paused)),
                count(each.candidate_requests),
                count(each.exposed_requests),
                _duration(each.days),
                each.step,
            ]
            for each in forecasts
        ],
        right=numbers,
    )
    click.echo("\nRequests until it is rolled back, and how long it takes to the end: medians.")
