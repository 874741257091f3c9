"""Events as KServe's logger sends them become records of the log, whole or counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from penstock.releasing.gates.observations import Histogram
from penstock.releasing.gates.spec import Gate
from penstock.releasing.sources.prediction_log import LogSource
from penstock.releasing.sources.source import Asked, Served
from penstock.serving.cloud_events import REQUEST, RESPONSE, Event, Joiner, serve
from penstock.serving.gateway.recorder import RecorderLimits
from penstock.serving.prediction_log import log_files, read_predictions

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = Asked(Served("fraud-a-predictor"), Served("fraud-b-predictor", "sha256:bb"), SINCE, {"canary-5": False})


def _headers(kind: str, request_id: str, service: str = "fraud-a") -> dict[str, str]:
    return {
        "Ce-Id": request_id,
        "Ce-Type": kind,
        "Ce-Source": "http://localhost:9081/",
        "Ce-Specversion": "1.0",
        "Ce-Time": "2026-01-02T03:04:05.678901Z",
        "Ce-Inferenceservicename": service,
        "Ce-Namespace": "ml",
        "Ce-Component": "predictor",
        "Ce-Endpoint": "",
        "Ce-Metadata": "null",
        "Content-Type": "application/json",
    }


def _event(kind: str, request_id: str, body: bytes = b"{}") -> Event:
    return Event.of({name.lower(): value for name, value in _headers(kind, request_id).items()}, body)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    server, recorder, _ = serve(tmp_path / "log", "127.0.0.1", 0, RecorderLimits(file_seconds=0.2))
    yield f"http://127.0.0.1:{server.server_address[1]}", tmp_path / "log"
    server.shutdown()
    server.server_close()
    recorder.close()


def _send(url: str, kind: str, request_id: str, body: object, service: str = "fraud-a") -> int:
    return httpx.post(url, headers=_headers(kind, request_id, service), content=json.dumps(body)).status_code


def test_a_request_and_its_answer_are_one_record_in_either_order(sink: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = sink
    rows = [{"amount": 7.0, "country": "NZ"}]
    assert _send(url, REQUEST, "1", {"instances": rows}) == 200
    assert _send(url, RESPONSE, "1", {"predictions": [{"score": 0.75}]}) == 200
    output = {"name": "score", "shape": [1, 1], "datatype": "FP64", "data": [0.25]}
    assert _send(url, RESPONSE, "2", {"outputs": [output]}, "fraud-b") == 200
    inputs = [{"name": "amount", "shape": [1, 1], "datatype": "FP64", "data": [3.0]}]
    assert _send(url, REQUEST, "2", {"inputs": inputs}, "fraud-b") == 200
    assert _send(url, REQUEST, "3", {"instances": rows}) == 200
    _wait_for(url, 2)
    first, second = sorted(read_predictions(log_files(folder)), key=lambda each: each.request_id)
    assert (first.request_id, first.backend, first.protocol, first.scores) == ("1", "fraud-a", "v1", ((0.75,),))
    assert first.feature_rows() == rows
    assert first.time.isoformat() == "2026-01-02T03:04:05.678901+00:00"
    assert (second.request_id, second.backend, second.protocol, second.scores) == ("2", "fraud-b", "v2", ((0.25,),))


def test_a_gate_knows_the_candidate_by_its_service_and_what_such_a_log_cannot_tell(sink: tuple[str, Path]) -> None:
    url, folder = sink
    log = {"kind": "predictionLog"}
    scores = Gate(name="scores", metric="predictions", source=log, cuts=(0.5,))
    errors = Gate(name="errors", metric="errorRate", source=log)
    folder.mkdir()
    source = LogSource(folder)
    begun = source.observe(ASKED, [scores, errors], "").cursor
    for number in range(4):
        service = ("fraud-a", "fraud-b", "fraud-c", "fraud-a")[number]
        _send(url, REQUEST, f"{number}", {"instances": [{"amount": 1.0}]}, service)
        _send(url, RESPONSE, f"{number}", {"predictions": [{"score": [0.9]}]}, service)
    _wait_for(url, 4)
    seen = source.observe(ASKED, [scores, errors], begun)
    (comparison,) = seen.comparisons
    assert (comparison.stable, comparison.candidate) == (Histogram((0.5,), (0, 2)), Histogram((0.5,), (0, 1)))
    assert "neither of requests that failed" in seen.problems["errors"]


def test_what_is_no_event_is_refused_and_counted(sink: tuple[str, Path]) -> None:
    url, _ = sink
    assert httpx.post(url, content=b"{}").status_code == 400
    assert _send(url, "org.kubeflow.serving.inference.other", "1", {}) == 400
    assert httpx.get(f"{url}/other").status_code == 404
    assert 'became="refused"} 2' in httpx.get(f"{url}/metrics").text


def test_what_waits_is_bounded_in_number_and_bytes_and_counted() -> None:
    joiner = Joiner(most=2)
    for number in range(3):
        assert joiner.take(_event(REQUEST, str(number))) is None
    assert joiner.take(_event(RESPONSE, "0")) is None, "it made room"
    assert joiner.take(_event(RESPONSE, "2")) is not None
    assert (joiner.counts.joined, joiner.counts.dropped) == (1, 2)
    small = Joiner(most_bytes=10)
    small.take(_event(REQUEST, "1", b"x" * 8))
    small.take(_event(REQUEST, "2", b"x" * 8))
    assert small.take(_event(RESPONSE, "1")) is None
    assert small.take(_event(RESPONSE, "2")) is not None


def test_the_same_half_twice_counts_once() -> None:
    joiner = Joiner()
    joiner.take(_event(REQUEST, "1", b"first"))
    joiner.take(_event(REQUEST, "1", b"second"))
    exchange = joiner.take(_event(RESPONSE, "1"))
    assert exchange is not None and exchange.request.body == b"first"
    assert joiner.counts.dropped == 1


def _wait_for(url: str, written: int) -> None:
    import time

    end = time.monotonic() + 30
    while f'became="written"}} {written}' not in httpx.get(f"{url}/metrics").text:
        assert time.monotonic() < end, httpx.get(f"{url}/metrics").text
        time.sleep(0.05)
