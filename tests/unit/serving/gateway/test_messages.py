"""Requests and answers on the wire."""

import pytest

from penstock.serving.gateway.messages import Answer, Request


def request(method=b"POST", target=b"/x", headers=(), body=b""):
    found = Request(method, target, list(headers), body, 0.0)
    found.identify()
    return found


@pytest.mark.parametrize(
    ("method", "target", "model"),
    [
        (b"POST", b"/v1/models/flights:predict", ("v1", "flights")),
        (b"POST", b"/v1/models/flights:predict?x=1", ("v1", "flights")),
        (b"POST", b"/v2/models/flights/infer", ("v2", "flights")),
        (b"POST", b"/v2/models/flights/versions/2/infer", ("v2", "flights")),
        (b"GET", b"/v1/models/flights:predict", ("", "")),
        (b"POST", b"/v1/models/flights:explain", ("", "")),
        (b"POST", b"/v2/repository/models/flights/load", ("", "")),
    ],
)
def test_what_asks_for_a_prediction(method, target, model):
    assert request(method, target).model() == model
    assert request(method, target).may_be_repeated() == (method == b"GET" or bool(model[0]))


def test_headers_of_one_connection_stay_there_and_ids_are_ours():
    headers = [(b"host", b"h"), (b"connection", b"close"), (b"ce-id", b"one"), (b"x-request-id", b"two")]
    headers += [(b"content-length", b"9"), (b"transfer-encoding", b"chunked"), (b"penstock-shadow", b"1")]
    data = request(headers=headers, body=b"ab").encode()
    assert data == b"POST /x HTTP/1.1\r\nhost: h\r\nx-request-id: one\r\nce-id: one\r\ncontent-length: 2\r\n\r\nab"
    assert b"penstock-shadow: 1\r\n" in request().encode(shadow=True)


def test_answers():
    answer = Answer(200, [(b"content-length", b"9"), (b"x", b"y"), (b"connection", b"close")], b"ab")
    assert answer.encode(close=False) == b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: 2\r\n\r\nab"
    assert answer.encode(close=True).split(b"\r\n")[-3] == b"connection: close"
    assert answer.encode(close=False, bodyless=True) == b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nx: y\r\n\r\n"
    assert Answer(204, [], b"").encode(close=False) == b"HTTP/1.1 204 No Content\r\n\r\n"
