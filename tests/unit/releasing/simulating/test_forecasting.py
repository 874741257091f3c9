"""What a forecast says, of a recorded and of an invented stream."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from penstock.cli.main import command
from penstock.releasing.gates.latency import EDGES_MS
from penstock.releasing.gates.spec import Gate, Gates, Slices
from penstock.releasing.resource.ladder import DEFAULT_LADDER, Bake
from penstock.releasing.simulating.forecasting import Plan, effect_from, forecast, rungs
from penstock.releasing.simulating.from_log import traffic_from_log
from penstock.releasing.simulating.traffic import Effect, Traffic
from penstock.sdk import BadInput
from tests.unit.releasing.sources.logs import record, write

START = datetime(2026, 1, 2, tzinfo=UTC)
LOG = {"kind": "predictionLog"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A day: 4,000 requests, of which at night 4% fail and by day 1%, half of them from HA."""
    for half in range(2):
        records = [
            record(
                f"{half}-{number}",
                time=START + timedelta(seconds=half * 43_200 + number * 21.6),
                status_code=500 if number % 100 < (4, 1)[half] else 200,
                latency_ms=EDGES_MS[70 + number % 3],
                scores=((0.7 if number % 4 <= half else 0.1 + number % 2 / 10,),),
                features={"carrier": ("HA", "UA", "B6", "UA")[number % 4]},
            )
            for number in range(2000)
        ]
        write(tmp_path / "log", f"{half}", [*records, record("other", "canary"), record("again", attempt=2)])
    return tmp_path / "log"


def test_a_log_shows_its_rates_by_the_time_of_day_its_latencies_and_its_slices(log: Path) -> None:
    found = traffic_from_log(log, Slices(every_value_of=("carrier",), limit=2))
    assert (found.requests, round(found.requests_per_day, -1)) == (4000, 4000)
    traffic = found.traffic
    assert traffic.slice_names == ("carrier=UA", "carrier=B6")
    assert traffic.slice_shares.tolist() == [0.25, 0.5, 0.25]
    assert (traffic.error_rates @ traffic.slice_shares).tolist() == pytest.approx([0.04, 0.01])
    assert traffic.latency_shares.sum(axis=1).tolist() == pytest.approx([1.0, 1.0])
    assert np.flatnonzero(traffic.latency_shares[0]).tolist() == [70, 71, 72]


def test_a_log_of_hardly_anything_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "log", "1", [record("1")])
    with pytest.raises(BadInput, match="holds 1 requests to the stable model"):
        traffic_from_log(tmp_path / "log")
    (tmp_path / "log" / "2.parquet").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="no file of a prediction log"):
        traffic_from_log(tmp_path / "log")


def test_worse_is_found_sooner() -> None:
    plan = Plan(Gates(), DEFAULT_LADDER, Bake(), requests_per_day=2_000_000)
    effects = [Effect(), Effect(errors=0.03), Effect(errors=0.1)]
    none, some, much = forecast(plan, Traffic.synthetic(), effects, releases=30, seed=1)
    assert (none.effect, some.effect) == ("none", "errors +3 points")
    assert none.promoted >= 0.9 and some.rolled_back == much.rolled_back == 1.0
    assert some.candidate_requests is not None and much.candidate_requests is not None
    assert much.candidate_requests < some.candidate_requests
    assert none.rolled_back + none.promoted + none.paused == pytest.approx(1.0)


def test_the_ladder_is_counted_in_requests_and_ends_with_the_bake_only_for_labels() -> None:
    quality = Gate(name="q", metric="quality", source={"kind": "labels", "labels": "l/"}, advance=False)
    plan = Plan(Gates(gates=(*Gates().gates, quality)), DEFAULT_LADDER, Bake(), requests_per_day=86_400)
    shadow, *_, bake = rungs(plan)
    assert (shadow.share, shadow.shadow, shadow.minimum_requests) == (0.2, True, DEFAULT_LADDER[0].min_seconds)
    assert (bake.name, bake.share, bake.minimum_requests) == ("bake", 1.0, Bake().seconds)
    assert rungs(Plan(Gates(), DEFAULT_LADDER, Bake()))[-1].name == DEFAULT_LADDER[-1].name


def test_predictions_of_a_log_are_those_that_move(log: Path) -> None:
    found = traffic_from_log(log)
    assert sorted({*found.traffic.scores.ravel()}) == [0.1, 0.2, 0.7]
    assert (found.traffic.scores == 0.7).mean(axis=1).tolist() == pytest.approx([0.25, 0.5])
    scores = Gate(name="scores", metric="predictions", source=LOG, cuts=(0.15, 0.5))
    plan = Plan(Gates(gates=(Gates().gates[0], scores)), DEFAULT_LADDER, Bake(), requests_per_day=2_000_000)
    (moved,) = forecast(plan, found.traffic, [effect_from("scores=+100")], releases=10)
    assert (moved.effect, moved.rolled_back, moved.step) == ("scores +100% of their deviation", 1.0, "shadow")


def test_cuts_that_divide_no_predictions_are_refused(tmp_path: Path) -> None:
    minutes = Gate(name="minutes", metric="predictions", source=LOG, cuts=(10.0, 30.0))
    plan = Plan(Gates(gates=(minutes,)), DEFAULT_LADDER, Bake())
    for traffic in (Traffic.synthetic(), replace(Traffic.synthetic(), scores=np.empty((1, 0)))):
        with pytest.raises(BadInput, match="gate minutes cannot be rehearsed"):
            forecast(plan, traffic)


@pytest.mark.parametrize(
    "text", ["speed=+3", "errors", "errors=much", "errors=nan", "errors=1e9", "latency=-100", "business=-100"]
)
def test_an_effect_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--effect"):
        effect_from(text)


class TestCommand:
    def test_a_log_and_a_release_give_a_table(self, log: Path, tmp_path: Path) -> None:
        file = tmp_path / "flights.yaml"
        file.write_text(
            "apiVersion: penstock.io/v1alpha1\nkind: ModelRelease\nmetadata: {name: flights, namespace: ml}\nspec:\n"
            "  serving: {runtime: penstock}\n"
            "  route: {host: flights.example.com, gateway: {name: public, namespace: gateways}}\n"
            "  analysis: {gates: [{name: errors, metric: errorRate, source: {kind: predictionLog}}]}\n"
        )
        words = ["release", "simulate", "-f", str(file), "--from", str(log), "--effect", "errors=+20"]
        result = CliRunner().invoke(command, [*words, "--releases", "20"])
        assert result.exit_code == 0, result.output
        assert "20 releases for each effect, on 4,000 requests of" in result.output
        assert [line.split("  ")[0] for line in result.output.splitlines()[2:5]] == [
            "effect",
            "none",
            "errors +20 points",
        ]

    def test_json_is_the_same_every_time(self) -> None:
        words = ["release", "simulate", "--effect", "errors=+30", "--releases", "10", "--json"]
        one, same = (CliRunner().invoke(command, words).output for _ in range(2))
        assert one == same
        assert json.loads(one)[1]["rolled_back"] == 1.0
