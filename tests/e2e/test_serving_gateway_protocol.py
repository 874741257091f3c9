"""What clients may send to the gateway, well-formed or not: a real process, a stand-in for the model server."""

import json
import socket

import pytest

from penstock.serving.gateway.routing import Route
from tests.servers.gateway import PYTHON, Gateway

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]

ROW = {"carrier": "AA"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def gateway(running):
    running.reset(Route(stable="a", step="all"))
    return running


def raw(gateway, data, *, shut=False):
    """Send bytes; everything that comes back until the gateway closes, or two seconds pass."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=2) as connection:
        connection.sendall(data)
        if shut:
            connection.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while part := connection.recv(65536):
                got += part
        except TimeoutError:
            pass
        return got


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nab", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)
def test_what_is_not_http_is_refused_and_others_are_answered(gateway, data, status):
    assert raw(gateway, data).split(b" ")[1] == status
    assert gateway.predict(ROW).status_code == 200


def test_requests_on_one_connection_are_answered_in_their_order(gateway):
    def post(row):
        body = json.dumps({"instances": [row]}).encode()
        return b"POST /v1/models/m:predict HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

    wishes = [{"do": "wait", "seconds": 0.3}, {"do": "fail"}, ROW]
    last = b"GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n"
    got = raw(gateway, b"".join(map(post, wishes)) + last)
    assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"500", b"200", b"200"]
    assert got.endswith(b'{"alive": true}')


def test_a_body_in_chunks_and_one_that_waits_for_a_word(gateway):
    body = json.dumps({"instances": [ROW]}).encode()
    head = b"POST /v1/models/m:predict HTTP/1.1\r\nconnection: close\r\n"
    chunks = head + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    assert b'"score": 0.25' in raw(gateway, chunks)
    expecting = head + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    assert raw(gateway, expecting).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_a_huge_body_is_passed_on_but_not_logged(gateway):
    body = json.dumps({"instances": [{"do": "echo", "x": "y" * 20_000_000}]})
    answer = gateway.http.post("/v1/models/m:predict", content=body)
    assert answer.json()["bytes"] == len(body)
    (record,) = gateway.logged(1)
    assert (record.request_bytes, record.features, record.scores) == (len(body), "", ())


def test_a_client_that_leaves_in_the_middle_is_no_harm(gateway):
    for data in (b"POST / HTTP/1.1\r\ncontent-le", b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc"):
        assert raw(gateway, data, shut=True) == b""
    assert gateway.predict(ROW).status_code == 200
    assert gateway.client.state()["in_flight"] == 0


def test_head_has_no_body(gateway):
    answer = gateway.http.head("/v2/health/ready")
    assert (answer.status_code, answer.content) == (200, b"")


def test_v2_is_routed_and_logged_as_rows(gateway):
    inputs = [
        {"name": "carrier", "datatype": "BYTES", "shape": [2], "data": ["AA", None]},
        {"name": "temp", "datatype": "FP32", "shape": [2, 1], "data": [[1.5], [2.5]]},
    ]
    answer = gateway.http.post("/v2/models/small/infer", json={"inputs": inputs})
    assert answer.status_code == 200
    (record,) = gateway.logged(1)
    assert (record.protocol, record.model_name, record.rows) == ("v2", "small", 2)
    assert record.feature_rows() == [{"carrier": "AA", "temp": 1.5}, {"carrier": None, "temp": 2.5}]
