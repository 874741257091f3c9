"""`penstock serve` and `penstock loadtest`: what they say, and with which exit code."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.commands import penstock


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", "2")
        self.send_header("Penstock-Bundle", "sha256:aa")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture
def bodies(tmp_path):
    (tmp_path / "bodies.jsonl").write_text('{"instances": []}\n\n')
    return str(tmp_path / "bodies.jsonl")


def loadtest(url, bodies, *more):
    return penstock("loadtest", url, "--bodies", bodies, "--rate", "40", "--seconds", "0.5", *more)


def test_a_budget_that_is_kept(url, bodies):
    done = loadtest(url + "/x", bodies, "--max-p99-ms", "20000")
    assert (done.returncode, done.stderr) == (0, "")
    assert "20 sent in" in done.stdout
    assert "20 answers of bundle sha256:aa" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Successful: the 99th percentile is")


def test_a_budget_that_is_not_kept_is_exit_code_3(url, bodies):
    done = loadtest(url + "/broken", bodies, "--json")
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert (document["verdict"], document["errors"], document["error_kinds"]) == ("Failed", 20, {"HTTP 500": 20})
    assert loadtest(url + "/x", bodies, "--max-p99-ms", "0.0001").returncode == 3


def test_no_rate_keeps_what_cannot_be_kept(url, bodies):
    done = penstock("loadtest", url + "/broken", "--bodies", bodies, "--seconds", "0.05", "--find-rate", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["rate"] == 0


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("http://models.example.com/x", "only http on this machine (127.0.0.1, localhost, ::1). Say --host-is-mine"),
        ("https://127.0.0.1/x", "only http, as in http://127.0.0.1:8080/v1/models/NAME:predict"),
        ("http://127.0.0.1:99999/x", "the port is not a number up to 65535"),
    ],
)
def test_where_it_may_not_go_it_does_not(bodies, where, says):
    done = loadtest(where, bodies)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_to_send_is_said_in_one_way(url, bodies, tmp_path):
    for more in ((), ("--bodies", bodies, "--bundle", str(tmp_path))):
        done = penstock("loadtest", url, *more)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "Say what to send" in done.stderr
    done = penstock("loadtest", url, "--bundle", str(tmp_path))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "is no release bundle" in done.stderr


def test_a_file_without_a_body(tmp_path, url):
    (tmp_path / "empty").write_text("\n")
    done = loadtest(url, str(tmp_path / "empty"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "holds no body" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Name a pipeline, or a folder with --bundle: it was neither."),
        (("flights", "--bundle", "."), "Name a pipeline, or a folder with --bundle: it was both."),
        (("--bundle", ".", "--follow"), "--follow wants a pipeline"),
        (("--bundle", "."), "is no release bundle: it has no manifest.json"),
        (("flights",), "no runs here yet"),
        (("flights", "--port", "70000"), "70000 is not in the range"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(tmp_path, arguments, says):
    done = penstock("--home", str(tmp_path / "home"), "serve", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert says in done.stderr
    assert not (tmp_path / "home").exists()
