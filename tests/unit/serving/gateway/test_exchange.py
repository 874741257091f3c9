"""What an exchange means to the log, whatever the bodies are."""

import json
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.serving.gateway.exchange import Exchange, describe
from penstock.serving.gateway.messages import Answer, Request

V1, V2 = b"/v1/models/small:predict", b"/v2/models/small/infer"


def exchange(body, answer=None, *, target=V1, request_headers=(), error=""):
    request = Request(b"POST", target, list(request_headers), body, 1767323045.678901, "one")
    more = {"role": "canary", "assigned": "canary", "backend": "b", "digest": "sha256:b", "step": "s"}
    return Exchange(request, answer, error, route_revision=1, attempt=1, delivered=True, latency_seconds=0.002, **more)


def ok(document, *headers):
    return Answer(200, list(headers), document if isinstance(document, bytes) else json.dumps(document).encode())


def test_v1():
    rows = [{"carrier": "AA", "temp": None}, {"carrier": "UA", "temp": 1.5}]
    body = json.dumps({"instances": rows}).encode()
    found = describe(exchange(body, ok({"predictions": [{"score": 0.25}, {"score": [0.5, 0.5]}]})))
    assert (found.protocol, found.model_name, found.rows) == ("v1", "small", 2)
    assert found.scores == ((0.25,), (0.5, 0.5))
    assert found.feature_rows() == rows
    assert found.time == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert (found.latency_ms, found.request_bytes, found.status_code, found.error) == (2.0, len(body), 200, "")


def test_v2_in_json():
    inputs = [
        {"name": "carrier", "datatype": "BYTES", "shape": [2], "data": ["AA", None]},
        {"name": "temp", "datatype": "FP32", "shape": [2, 1], "data": [[1.5], [2.5]]},
    ]
    output = {"name": "score", "datatype": "FP32", "shape": [2, 2], "data": [0.25, 0.75, 0.5, 0.5]}
    found = describe(exchange(json.dumps({"inputs": inputs}).encode(), ok({"outputs": [output]}), target=V2))
    assert (found.protocol, found.rows, found.scores) == ("v2", 2, ((0.25, 0.75), (0.5, 0.5)))
    assert found.feature_rows() == [{"carrier": "AA", "temp": 1.5}, {"carrier": None, "temp": 2.5}]


def test_v2_in_binary():
    sizes = [("carrier", "BYTES", b"\2\0\0\0AA\0\0\0\0"), ("temp", "FP32", struct.pack("<2f", 1.5, float("nan")))]
    inputs = [{"name": n, "datatype": d, "shape": [2], "parameters": {"binary_data_size": len(b)}} for n, d, b in sizes]
    head = json.dumps({"inputs": inputs}).encode()
    body = head + b"".join(b for _, _, b in sizes)
    length = (b"inference-header-content-length", str(len(head)).encode())
    output = {"name": "score", "datatype": "FP32", "shape": [2, 1], "parameters": {"binary_data_size": 8}}
    said = json.dumps({"outputs": [output]}).encode()
    answer = ok(said + struct.pack("<2f", 0.25, 0.5), (b"inference-header-content-length", str(len(said)).encode()))
    found = describe(exchange(body, answer, target=V2, request_headers=[length]))
    assert found.scores == ((0.25,), (0.5,))
    assert found.feature_rows() == [{"carrier": "AA", "temp": 1.5}, {"carrier": "", "temp": None}]


def test_what_the_model_server_says_of_rules_and_fallback():
    answer = ok(
        {"predictions": [{"score": 0.9}]}, (b"penstock-rules", b"cap,hide"), (b"penstock-fallback", b"rule;bad_input")
    )
    found = describe(exchange(b"{}", answer))
    assert (found.rules, found.fallback, found.fallback_reason) == (("cap", "hide"), "rule", "bad_input")
    assert found.rows == 1


def test_errors_and_no_answer():
    refused = describe(exchange(b"not JSON", Answer(400, [], b'{"error": "the body\\n cannot be read"}')))
    assert (refused.status_code, refused.error, refused.rows, refused.scores) == (400, "the body cannot be read", 0, ())
    assert describe(exchange(b"{}", Answer(500, [], b"<html>"))).error == "HTTP 500"
    broken = describe(exchange(b"{}", None, error="the connection was closed"))
    assert (broken.status_code, broken.error) == (0, "the connection was closed")


def test_a_long_body_is_not_looked_into():
    body = json.dumps({"instances": [{"x": "y" * 300_000}]}).encode()
    found = describe(exchange(body, ok({"predictions": [{"score": 0.5}]})))
    assert (found.features, found.scores, found.rows, found.request_bytes) == ("", ((0.5,),), 1, len(body))


@pytest.mark.parametrize("target", [V1, V2])
@given(body=st.binary(), said=st.binary(), length=st.text())
def test_no_body_breaks_the_log(target, body, said, length):
    headers = [(b"inference-header-content-length", length.encode("utf-8", "ignore"))] if length else []
    describe(exchange(body, Answer(200, headers, said), target=target, request_headers=headers))


WORDS = ["instances", "inputs", "predictions", "outputs", "name", "data", "shape", "score"]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-(2**70), 2**70) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=8,
)


@pytest.mark.parametrize("target", [V1, V2])
@given(body=JSON, said=JSON)
def test_no_json_breaks_the_log(target, body, said):
    describe(exchange(json.dumps(body).encode(), ok(json.dumps(said).encode()), target=target))
