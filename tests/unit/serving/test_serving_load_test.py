"""The load test against a real HTTP server on this machine."""

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from penstock.serving.load_test.closed_loop import closed_loop, percentile
from penstock.serving.load_test.target import Target, target_of


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(body)
        time.sleep(0.02)
        if body == b"hang up":
            self.close_connection = True
            return
        self.send_response(400 if body == b"bad" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.bodies = []
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield httpd
        httpd.shutdown()


def run(server, bodies, **limits):
    server.bodies.clear()
    return asyncio.run(closed_loop(target_of(f"http://127.0.0.1:{server.server_port}/x"), bodies, **limits))


def test_every_request_is_sent_once_in_turn_and_timed(server):
    report = run(server, [b"a", b"b"], requests=9, seconds=30, connections=3)
    assert (report.requests, report.errors, report.first_error) == (9, 0, "")
    assert sorted(server.bodies) == [b"a"] * 5 + [b"b"] * 4
    assert 20 <= report.p50_ms <= report.p90_ms <= report.p99_ms
    assert report.qps <= 3 / 0.02  # three at once, 20 ms each
    assert report.qps == pytest.approx(9 / report.seconds, rel=0.05)


def test_the_time_is_a_bound(server):
    report = run(server, [b"a"], requests=10_000, seconds=0.2, connections=1)
    assert 1 <= report.requests <= 10
    assert report.seconds < 5


def test_refusals_and_broken_connections_are_errors_not_latencies(server):
    report = run(server, [b"bad", b"a"], requests=4, seconds=30, connections=1)
    assert (report.requests, report.errors, report.first_error) == (2, 2, "HTTP 400")
    report = run(server, [b"hang up"], requests=2, seconds=30, connections=1)
    assert (report.requests, report.errors, report.qps, report.p99_ms) == (0, 2, 0, 0)
    assert "closed before the answer" in report.first_error


def test_nobody_there_is_an_error(server):
    report = asyncio.run(closed_loop(target_of("http://127.0.0.1:1/x"), [b"a"], requests=3, seconds=5))
    assert (report.requests, report.errors) == (0, 3)
    assert "Connect call failed" in report.first_error


def test_a_server_that_answers_nothing_is_left_in_peace_soon():
    report = asyncio.run(
        closed_loop(target_of("http://127.0.0.1:1/x"), [b"a"], requests=100_000, seconds=20, connections=2)
    )
    assert report.requests == 0
    assert 100 <= report.errors <= 101


@pytest.mark.parametrize("url", ["http://models.example.com/x", "https://127.0.0.1/x", "http://192.0.2.1:80/x", "x"])
def test_only_this_machine_may_be_loaded(url):
    with pytest.raises(ValueError, match="only http"):
        target_of(url)


def test_another_machine_may_be_loaded_by_who_says_that_it_is_theirs():
    assert target_of("http://models.example.com:81/x?y=1", any_host=True) == Target("models.example.com", 81, "/x?y=1")
    with pytest.raises(ValueError, match="only http"):
        target_of("https://models.example.com/x", any_host=True)


def test_percentiles_by_nearest_rank():
    hundred = [float(n) for n in range(1, 101)]
    assert [percentile(hundred, share) for share in (0.5, 0.9, 0.99, 1)] == [50, 90, 99, 100]
    assert percentile([], 0.5) == 0
