"""Load on a timetable, against a real HTTP server that stalls, refuses and hangs up."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from penstock.artifacts.verdict import Verdict
from penstock.serving.load_test import open_loop
from penstock.serving.load_test.budget import Budget, judge, judged
from penstock.serving.load_test.histogram import Histogram
from penstock.serving.load_test.open_loop import OpenReport, run_open_loop
from penstock.serving.load_test.rate import find_rate, kept
from penstock.serving.load_test.target import Target


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.door:  # one at a time, as a server with one thread
            if body == b"stall":
                time.sleep(0.5)
        if body == b"hang up":
            self.close_connection = True
            return
        self.send_response(503 if body == b"bad" else 200)
        self.send_header("Content-Length", "2")
        self.send_header("Penstock-Bundle", "sha256:aa")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def target():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.door = threading.Lock()
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield Target("127.0.0.1", httpd.server_port, "/x")
        httpd.shutdown()


def test_a_stall_is_charged_to_every_request_that_was_due_meanwhile(target):
    """One stall of 500 ms at 50 a second: a closed loop would see one slow request, users see about 25."""
    report = run_open_loop(target, [b"stall", *[b"a"] * 49], rate=50, seconds=1)
    assert (report.sent, report.answered, report.errors) == (50, 50, 0)
    slow = sum(count for upper_ms, count in report.histogram if upper_ms > 100)
    assert slow >= 15
    assert report.p99_ms > 400
    assert report.bundles == {"sha256:aa": 50}


def test_it_sends_as_much_as_was_due_whatever_comes_back(target):
    report = run_open_loop(target, [b"a", b"bad", b"hang up", b"a"], rate=80, seconds=0.5)
    assert (report.sent, report.answered, report.errors) == (40, 20, 20)
    assert report.error_kinds["HTTP 503"] == 10
    assert sum(report.error_kinds.values()) == 20


def test_nobody_there_is_an_error_for_each_request():
    report = run_open_loop(Target("127.0.0.1", 1, "/"), [b"a"], rate=100, seconds=0.1)
    assert (report.answered, report.errors, report.p99_ms) == (0, 10, 0)


def test_an_answer_is_waited_for_from_the_time_that_it_was_due(target, monkeypatch):
    """All wait for the one that stalls, and none for longer than it may, though they are sent one after the other."""
    monkeypatch.setattr(open_loop, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(open_loop, "_CONNECTIONS", 1)
    report = run_open_loop(target, [b"stall"], rate=50, seconds=0.2)
    assert (report.answered, report.error_kinds) == (0, {"no answer within 0.2 s": 10})
    assert report.seconds < 0.2 + 0.2 + 5


def test_every_second_is_told(target):
    told = []
    run_open_loop(target, [b"a"], rate=20, seconds=2, on_second=lambda sent, failed: told.append((sent, failed)))
    assert told == [(20, 0), (40, 0)]


@pytest.mark.parametrize(("bodies", "rate", "seconds"), [([], 1, 1), ([b"a"], 0, 1), ([b"a"], 1, 0)])
def test_nonsense_is_refused(target, bodies, rate, seconds):
    with pytest.raises(ValueError, match=r"no body|greater than 0"):
        run_open_loop(target, bodies, rate=rate, seconds=seconds)


def test_the_histogram_is_never_below_and_hardly_above():
    latencies = Histogram()
    values = [0.000_3 * 1.01**n for n in range(1000)]
    for value in values:
        latencies.add(value)
    for share in (0.01, 0.5, 0.9, 0.99, 0.999, 1.0):
        true = values[round(share * 1000) - 1]
        assert true <= latencies.percentile(share) * 1.000001
        assert latencies.percentile(share) <= true * 1.011
    assert Histogram().percentile(0.5) == 0
    assert sum(count for _, count in latencies.buckets()) == 1000


def report_of(rate, *, p99=10.0, errors=0, late=0.1, answered=None):
    sent = round(rate)
    answered = sent - errors if answered is None else answered
    slow = {"p50_ms": 1, "p90_ms": 2, "p99_ms": p99, "p999_ms": p99, "max_ms": p99, "late_p99_ms": late}
    counts = {"sent": sent, "answered": answered, "errors": errors, "answered_per_second": answered}
    kinds = {"HTTP 500": errors} if errors else {}
    return OpenReport(rate=rate, seconds=1, error_kinds=kinds, bundles={}, histogram=[], **counts, **slow)


@pytest.mark.parametrize("capacity", [3.0, 130.0, 777.0])
def test_the_rate_is_found_to_within_eight_percent(capacity):
    found = find_rate(lambda rate: report_of(rate, p99=5 if rate <= capacity else 500), 20)
    assert capacity / 1.08 <= found.rate <= capacity
    assert found.bounded
    assert found.report is not None and found.report.rate == found.rate


def test_the_search_ends_where_nothing_is_kept_and_at_its_limit():
    assert find_rate(lambda rate: report_of(rate, p99=500), 20).rate == 0
    found = find_rate(report_of, 20, limit=400)
    assert (found.rate, found.bounded) == (400, False)


def test_one_bad_trial_is_tried_again():
    calls = []

    def trial(rate):
        calls.append(rate)
        return report_of(rate, p99=5 if rate < 200 and len(calls) != 1 else 500)

    assert 200 / 1.08 <= find_rate(trial, 20).rate < 200


def test_a_rate_is_kept_only_without_errors_and_in_time():
    assert kept(report_of(100), 20)
    assert not kept(report_of(100, errors=1), 20)
    assert not kept(report_of(100, p99=20.1), 20)
    assert not kept(report_of(100, answered=90), 20)


def test_verdicts():
    assert judge(report_of(100), Budget(max_p99_ms=20))[0] is Verdict.SUCCESSFUL
    assert judge(report_of(100, p99=21), Budget(max_p99_ms=20))[0] is Verdict.FAILED
    assert judge(report_of(100, p99=21, late=6), Budget(max_p99_ms=20))[0] is Verdict.INCONCLUSIVE
    verdict, why = judge(report_of(100, errors=3), Budget(max_p99_ms=20))
    assert (verdict, why) == (Verdict.FAILED, "3 of 100 requests failed (3 %), first of all: HTTP 500")
    assert judge(report_of(100, errors=3), Budget(max_error_percent=5))[0] is Verdict.SUCCESSFUL
    assert judge(report_of(0.5), Budget())[0] is Verdict.ERROR
    document = judged(report_of(100, p99=21), Budget(max_p99_ms=20))
    assert list(document)[:3] == ["verdict", "why", "rate"]
    assert document["verdict"] == "Failed"
