"""Counters and histograms are read from a real Prometheus as they are, and what is missing is never a zero."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.releasing.gates.evidence import Evidence
from penstock.releasing.gates.judging import judge
from penstock.releasing.gates.observations import Arm, Batch, Histogram
from penstock.releasing.gates.spec import Gate, Gates
from penstock.releasing.sources.prometheus import PrometheusSource
from penstock.releasing.sources.source import Asked, Seen, Served
from tests.servers.prometheus import Target, prometheus

pytestmark = pytest.mark.server

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = Asked(Served("fraud-a-predictor"), Served("fraud-b-predictor"), SINCE, {"canary-5": False}, namespace="ml")
ERRORS = Gate(name="errors", metric="errorRate")
LATENCY = Gate(name="p99", metric="latencyQuantile")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Target]]:
    with prometheus(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@pytest.fixture
def target(server: tuple[str, Target]) -> Target:
    server[1].show({"nothing": 1})
    return server[1]


@pytest.fixture
def source(server: tuple[str, Target]) -> Iterator[PrometheusSource]:
    with contextlib.closing(PrometheusSource(server[0])) as opened:
        yield opened


def _istio(workload: str, code: int, more: str = "", name: str = "istio_requests_total") -> str:
    common = f'reporter="destination",destination_workload_namespace="ml",destination_workload="{workload}"'
    return f'{name}{{{common},response_code="{code}"{more}}}'


def _requests(stable: tuple[float, float], candidate: tuple[float, float], pod: str = "1") -> dict[str, float]:
    return {
        _istio("fraud-a-predictor", 200): stable[0],
        _istio("fraud-a-predictor", 503): stable[1],
        _istio("fraud-b-predictor", 200, f',pod="{pod}"'): candidate[0],
        _istio("fraud-b-predictor", 503, f',pod="{pod}"'): candidate[1],
        # Of others, and of the client's side: neither may count.
        _istio("fraud-a-predictor-old", 503): 1e6,
        _istio("fraud-a-predictor", 503).replace("destination", "source", 1): 1e6,
    }


def _buckets(workload: str, upto: Mapping[str, int]) -> dict[str, float]:
    name = "istio_request_duration_milliseconds_bucket"
    return {_istio(workload, 200, f',le="{edge}"', name): count for edge, count in upto.items()}


def test_requests_and_errors_are_what_came_between_two_looks(source: PrometheusSource, target: Target) -> None:
    target.show(_requests((1000, 10), (100, 3)))
    first = source.observe(ASKED, [ERRORS], "")
    assert (first.comparisons, first.problems) == ((), {})
    target.show(_requests((1490, 15), (150, 5)))
    second = source.observe(ASKED, [ERRORS], first.cursor)
    (comparison,) = second.comparisons
    assert (comparison.stable, comparison.candidate) == (Arm.binary(495, 5), Arm.binary(52, 2))
    third = source.observe(ASKED, [ERRORS], second.cursor)
    assert third.comparisons[0].candidate == Arm.binary(0, 0)


def test_a_revision_of_knative_is_its_workload_too(source: PrometheusSource, target: Target) -> None:
    names = {"fraud-a-predictor": "fraud-a-predictor-00007-deployment"}

    def shown(stable: int) -> dict[str, float]:
        return {
            series.replace(f'"{name}"', f'"{full}"'): value
            for series, value in _requests((stable, 0), (5, 0)).items()
            for name, full in names.items()
        }

    target.show(shown(10))
    first = source.observe(ASKED, [ERRORS], "")
    target.show(shown(30))
    assert source.observe(ASKED, [ERRORS], first.cursor).comparisons[0].stable == Arm.binary(20, 0)


def test_a_counter_that_fell_has_begun_anew_and_a_new_pod_begins_at_zero(
    source: PrometheusSource, target: Target
) -> None:
    target.show(_requests((1000, 10), (100, 3)))
    first = source.observe(ASKED, [ERRORS], "")
    target.show(_requests((40, 10), (130, 3)))
    second = source.observe(ASKED, [ERRORS], first.cursor)
    assert second.comparisons[0].stable == Arm.binary(40, 0)
    target.show(_requests((40, 10), (130, 3)) | _requests((40, 10), (20, 4), pod="2"))
    third = source.observe(ASKED, [ERRORS], second.cursor)
    assert third.comparisons[0].candidate == Arm.binary(24, 4)


def test_a_series_that_was_away_is_not_counted_anew(source: PrometheusSource, target: Target) -> None:
    both = _requests((1000, 10), (100, 3)) | _requests((1000, 10), (900, 90), pod="2")
    target.show(both)
    cursor = source.observe(ASKED, [ERRORS], "").cursor
    target.show(_requests((1000, 10), (100, 3)))
    cursor = source.observe(ASKED, [ERRORS], cursor).cursor
    target.show(both)
    assert source.observe(ASKED, [ERRORS], cursor).comparisons[0].candidate == Arm.binary(0, 0)


def test_a_candidate_without_requests_yet_is_no_problem_but_one_that_vanished_is(
    source: PrometheusSource, target: Target
) -> None:
    stable = {series: value for series, value in _requests((9, 1), (0, 0)).items() if "fraud-b" not in series}
    target.show(stable)
    first = source.observe(ASKED, [ERRORS], "")
    assert not first.problems
    target.show(_requests((19, 1), (5, 1)))
    second = source.observe(ASKED, [ERRORS], first.cursor)
    assert second.comparisons[0].candidate == Arm.binary(6, 1)
    target.show(stable)
    third = source.observe(ASKED, [ERRORS], second.cursor)
    assert third.comparisons == () and "no series" in third.problems["errors"]
    target.show(_requests((29, 1), (8, 1)))
    fourth = source.observe(ASKED, [ERRORS], third.cursor)
    assert fourth.comparisons[0].candidate == Arm.binary(3, 0), "what came while it was away is counted, once"


def test_a_stable_that_vanished_is_a_problem_unless_it_has_no_traffic(source: PrometheusSource, target: Target) -> None:
    target.show(_requests((9, 1), (5, 0)))
    cursor = source.observe(ASKED, [ERRORS], "").cursor
    target.show({series: value for series, value in _requests((9, 1), (8, 1)).items() if "fraud-a" not in series})
    gone = source.observe(ASKED, [ERRORS], cursor)
    assert gone.comparisons == () and "no series" in gone.problems["errors"]
    idle = source.observe(replace(ASKED, stable_idle=True), [ERRORS], cursor)
    assert not idle.problems
    assert (idle.comparisons[0].stable, idle.comparisons[0].candidate) == (Arm(), Arm.binary(4, 1))


def test_latency_comes_in_the_servers_own_buckets(source: PrometheusSource, target: Target) -> None:
    def shown(times: int) -> dict[str, float]:
        return _buckets("fraud-a-predictor", {"5": 10 * times, "25": 18 * times, "+Inf": 20 * times}) | _buckets(
            "fraud-b-predictor", {"5": 1 * times, "25": 2 * times, "+Inf": 6 * times}
        )

    target.show(shown(1))
    first = source.observe(ASKED, [LATENCY], "")
    target.show(shown(3))
    (comparison,) = source.observe(ASKED, [LATENCY], first.cursor).comparisons
    assert comparison.stable == Histogram((5.0, 25.0), (20, 16, 4))
    assert comparison.candidate == Histogram((5.0, 25.0), (2, 2, 8))


def test_queries_of_the_author_replace_those_of_the_dialect(source: PrometheusSource, target: Target) -> None:
    queries = {"requests": 'clicks_count{who="$workload"}', "total": 'clicks_sum{who="$workload"}'}
    gate = Gate(name="clicks", metric="business", higher_is_better=True, source={"queries": queries})
    show = {"fraud-a-predictor": (10, 4), "fraud-b-predictor": (10, 1)}

    def shown(times: int) -> dict[str, float]:
        return {f'clicks_count{{who="{who}"}}': count * times for who, (count, _) in show.items()} | {
            f'clicks_sum{{who="{who}"}}': total * times for who, (_, total) in show.items()
        }

    target.show(shown(1))
    first = source.observe(ASKED, [gate], "")
    target.show(shown(2))
    (comparison,) = source.observe(ASKED, [gate], first.cursor).comparisons
    assert (comparison.stable, comparison.candidate) == (Arm(10, 6, 6), Arm(10, 9, 9))


@pytest.mark.parametrize("value", [math.nan, math.inf, -5.0])
def test_what_is_no_count_is_missing(source: PrometheusSource, target: Target, value: float) -> None:
    target.show(_requests((1000, 10), (100, value)))
    seen = source.observe(ASKED, [ERRORS], "")
    assert seen.comparisons == () and "at least 0" in seen.problems["errors"]


def test_what_cannot_be_asked_is_said(source: PrometheusSource, target: Target) -> None:
    bad = Gate(name="bad", metric="errorRate", source={"queries": {"requests": "sum("}})
    matrix = Gate(name="matrix", metric="errorRate", source={"queries": {"requests": "up[1m]"}})
    triton = Gate(name="triton", metric="latencyQuantile", source={"dialect": "triton"})
    target.show(_requests((1000, 10), (100, 1)))
    problems = source.observe(ASKED, [bad, matrix, triton, ERRORS], "").problems
    assert "parse error" in problems["bad"]
    assert "vector is wanted" in problems["matrix"]
    assert "triton has no metric for buckets" in problems["triton"]
    assert "errors" not in problems


def test_a_server_that_is_away_or_is_another_is_a_problem_of_every_gate_and_loses_nothing(target: Target) -> None:
    with contextlib.closing(PrometheusSource("http://127.0.0.1:1")) as nobody:
        away = nobody.observe(ASKED, [ERRORS, LATENCY], "{}")
    assert set(away.problems) == {"errors", "p99"} and "does not answer" in away.problems["errors"]
    assert away.cursor == "{}"
    with contextlib.closing(PrometheusSource(target.url)) as other:
        problems = other.observe(ASKED, [ERRORS], "").problems
    assert "not as Prometheus does" in problems["errors"]


def test_gates_judge_what_is_scraped(source: PrometheusSource, target: Target) -> None:
    gates = Gates(gates=(ERRORS,))

    def looked(evidence: Evidence, seen: Seen) -> tuple[Evidence, Verdict]:
        batch = Batch(comparisons=seen.comparisons, problems=seen.problems, cursors={"prometheus": seen.cursor})
        evidence, (reading,) = judge(gates, evidence, batch)
        return evidence, reading.verdict

    evidence, verdict = Evidence(), None
    for look in range(8):
        target.show(_requests((1000.0 * look, 10.0 * look), (200.0 * look, 12.0 * look)))
        evidence, verdict = looked(evidence, source.observe(ASKED, [ERRORS], evidence.cursors.get("prometheus", "")))
    assert verdict is Verdict.FAILED
