"""The local pages over HTTP: what they show, what they refuse, and that they change nothing."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.artifacts.digest import digest_tree
from penstock.lineage.address import sqlite_url
from penstock.lineage.open import open_store
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, State
from penstock.running.home import Home
from tests.unit.viewing.local_home import BEGIN, HOSTILE, PENSTOCK, RUNS, make_home, serving


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    home = tmp_path_factory.mktemp("ui") / "home"
    return home, make_home(home)


@pytest.fixture(scope="module")
def client(place: tuple[Path, dict[str, int]]) -> Iterator[httpx.Client]:
    with serving(place[0]) as (address, _), httpx.Client(base_url=address, follow_redirects=True) as found:
        yield found


@pytest.fixture
def model(place: tuple[Path, dict[str, int]]) -> str:
    return f"/artifacts/{place[1]['model']}"


def text(answer: httpx.Response) -> str:
    """What a page says, without its style, script and tags."""
    body = re.sub(r"<(style|script)>.*?</\1>", " ", answer.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def listed(answer: httpx.Response) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/runs/[^"]*">([^<]*)</a>', answer.text)


class TestList:
    def test_the_newest_come_first_in_pages_of_fifty(self, client: httpx.Client) -> None:
        first, last = client.get("/"), client.get("/", params={"page": 3})
        assert listed(first) == [f"run-{n:04d}" for n in range(RUNS - 1, RUNS - 51, -1)]
        assert listed(last) == [f"run-{n:04d}" for n in range(19, -1, -1)]
        assert "1–50 of 120 runs" in text(first) and "101–120 of 120 runs" in text(last)  # noqa: RUF001
        assert 'href="/?page=2" rel="next"' in first.text and 'rel="prev"' not in first.text
        assert 'href="/?page=2" rel="prev"' in last.text and 'rel="next"' not in last.text
        assert listed(client.get("/", params={"page": 99})) == listed(last)

    def test_pipeline_state_and_text_restrict_it(self, client: httpx.Client) -> None:
        assert "of 40 runs" in text(client.get("/?pipeline=churn"))
        assert listed(client.get("/?state=failed")) == ["run-0007"]
        assert listed(client.get("/?text=TRAIN_EPOCHS%3D4+run-000")) == ["run-0009", "run-0004"]
        assert "No run fits" in text(client.get("/?text=nobody+wrote+this"))
        assert "gate closed" in text(client.get("/?text=run-0008"))
        follow = re.search(r'href="([^"]*)" rel="next"', client.get("/?pipeline=flights&text=ann").text)
        assert follow and follow[1] == "/?pipeline=flights&amp;text=ann&amp;page=2"

    @pytest.mark.parametrize("query", ["page=0", "page=x", "page=" + "9" * 30, "state=broken"])
    def test_what_it_cannot_mean_is_told(self, client: httpx.Client, query: str) -> None:
        assert client.get(f"/?{query}").status_code == 404


class TestRun:
    def test_it_shows_tasks_verdicts_parameters_and_artifacts(
        self, client: httpx.Client, place: tuple[Path, dict[str, int]]
    ) -> None:
        page = client.get("/runs/run-0119")
        for told in (
            "ingest",
            "evaluate",
            "Failed",
            "0.75 is below 0.9",
            "train_epochs",
            "1 min 30 s",
            "by ann on laptop",
        ):
            assert told in text(page)
        assert f'href="/artifacts/{place[1]["model"]}"' in page.text
        assert 'href="/runs/run-0119/report"' in page.text

    def test_a_beginning_and_latest_lead_to_it(self, client: httpx.Client) -> None:
        assert str(client.get("/runs/latest").url).endswith("/runs/run-0119")
        assert str(client.get("/runs/run-0007").url).endswith("/runs/run-0007")

    def test_an_unknown_one_is_answered_with_the_nearest(self, client: httpx.Client) -> None:
        answer = client.get("/runs/run-9119")
        assert (answer.status_code, "Did you mean" in text(answer)) == (404, True)

    def test_its_report_is_one_sandboxed_page(self, client: httpx.Client) -> None:
        answer = client.get("/runs/run-0119/report")
        assert answer.status_code == 200 and "run-0119" in answer.text
        assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
        assert answer.text == client.get("/runs/run-0119/report").text

    def test_runs_are_laid_side_by_side(self, client: httpx.Client) -> None:
        page = client.get("/compare?run=run-0119&run=run-0118")
        assert "train_epochs" in text(page) and "pipeline_digest" not in text(page)
        assert "pipeline_digest" in text(client.get("/compare?run=run-0119&run=run-0118&all=1"))
        assert client.get("/compare/report?run=run-0119&run=run-0118").status_code == 200
        assert "1 runs are selected" in text(client.get("/compare?run=run-0119"))
        assert client.get("/compare?run=run-0119&run=nobody").status_code == 404

    def test_one_that_runs_moves_and_one_whose_process_died_has_failed(self, tmp_path: Path) -> None:
        make_home(tmp_path / "home")
        home = Home(tmp_path / "home")
        store = open_store(sqlite_url(tmp_path / "home" / "lineage.sqlite"))
        template = store.run("run-0000").model_copy(update={"state": State.RUNNING, "ended": None})
        with home.begin("flights", BEGIN) as folder, serving(tmp_path / "home") as (address, _):
            alive = template.model_copy(update={"run_id": folder.run_id, "started": BEGIN + timedelta(days=1)})
            died = template.model_copy(update={"run_id": "run-dead", "started": BEGIN + timedelta(days=2)})
            for run in (alive, died):  # both begin while it is being looked at
                store.start_run(run)
            page = httpx.get(f"{address}/?state=running")
            assert listed(page) == [folder.run_id] and "data-refresh-seconds" in page.text
            assert listed(httpx.get(f"{address}/?state=failed"))[0] == "run-dead"
            assert "data-refresh-seconds" in httpx.get(f"{address}/runs/{folder.run_id}").text
            started = {"run_id": folder.run_id, "pipeline": "flights", "state": State.RUNNING, "started": BEGIN}
            store.start(ExecutionRecord(task="slowly", component="c", **started))
            assert "slowly" in text(httpx.get(f"{address}/runs/{folder.run_id}"))
            assert store.run("run-dead").state is State.RUNNING  # looking writes nothing


class TestArtifact:
    def test_it_shows_where_it_came_from_and_what_was_made_of_it(
        self, client: httpx.Client, model: str, place: tuple[Path, dict[str, int]]
    ) -> None:
        page = client.get(model)
        graph = page.text[page.text.index("<svg") : page.text.index("</svg>")]
        assert re.findall(r'<a href="([^"#]*)', graph).count(model) == 1
        linked = set(re.findall(r'<a href="(/artifacts/\d+)"', graph))
        assert {f"/artifacts/{place[1][name]}" for name in ("examples", "blessing", "model")} <= linked
        assert "/runs/run-0119#task-train" in graph and "/runs/run-0119#task-evaluate" in graph
        assert "took examples" in text(page) and "made model_blessing" in text(page)

    def test_its_files_are_listed_without_links_and_pipes(self, client: httpx.Client, model: str) -> None:
        names = re.findall(rf'href="{model}/files/([^"]*)"', client.get(model).text)
        wanted = ["broken.parquet", "dot.png", "large.txt", "notes.txt", "rows.parquet", "view.html", "weights.bin"]
        assert names == [*wanted, "deep/er/task.json"]

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("notes.txt", "plain &lt;script&gt;"),
            ("deep/er/task.json", "{\n  &#34;b&#34;: [\n    1,\n    2\n  ],\n  &#34;a&#34;: &#34;ü&#34;\n}"),
            ("rows.parquet", "20 of 30 rows, 2 of 2 columns"),
            ("rows.parquet", "<td>19</td>"),
            ("weights.bin", "000010  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  ................"),
            ("large.txt", "the first 256 kB"),
            ("broken.parquet", "no Parquet file that can be read"),
            ("dot.png", '<img class="shown" src="'),
            ("view.html", 'sandbox="allow-scripts"'),
        ],
    )
    def test_each_sort_of_file_has_a_harmless_view(
        self, client: httpx.Client, model: str, name: str, shown: str
    ) -> None:
        answer = client.get(f"{model}/files/{name}")
        assert answer.status_code == 200
        assert shown in answer.text and HOSTILE not in answer.text

    def test_pages_and_pictures_are_handed_out_in_a_sandbox_and_nothing_else_is(
        self, client: httpx.Client, model: str
    ) -> None:
        for name, kind in (("view.html", "text/html; charset=utf-8"), ("dot.png", "image/png")):
            answer = client.get(f"{model}/raw/{name}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
            assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
            assert answer.headers["x-content-type-options"] == "nosniff"
        for name in ("notes.txt", "weights.bin", "rows.parquet"):
            assert client.get(f"{model}/raw/{name}").status_code == 404

    @pytest.mark.parametrize(
        "name",
        [
            "../../../../../lineage.sqlite",
            "..%2f..%2f..%2f..%2f..%2flineage.sqlite",
            "%2e%2e/%2e%2e/%2e%2e/%2e%2e/lineage.sqlite",
            "/etc/passwd",
            "%2fetc%2fpasswd",
            "password",
            "up/beside.txt",
            "deep",
            "pipe",
            "notes.txt%00.png",
            "no%20such",
            "",
        ],
    )
    @pytest.mark.parametrize("view", ["files", "raw"])
    def test_nothing_but_regular_files_within_it_is_opened(
        self, client: httpx.Client, model: str, name: str, view: str
    ) -> None:
        with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10) as raw:
            host = f"{client.base_url.host}:{client.base_url.port}"
            raw.sendall(f"GET {model}/{view}/{name} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 404")
        assert b"root:" not in answer and b"SQLite" not in answer

    def test_what_lies_elsewhere_is_named_and_not_opened(
        self, client: httpx.Client, place: tuple[Path, dict[str, int]]
    ) -> None:
        numbers = place[1]
        assert "lies outside the state folder" in text(client.get(f"/artifacts/{numbers['pushed']}"))
        assert client.get(f"/artifacts/{numbers['pushed']}/files/passwd").status_code == 404
        assert "lies in a store (s3://)" in text(client.get(f"/artifacts/{numbers['raw']}"))
        assert "its files are gone" in text(client.get(f"/artifacts/{numbers['examples']}"))
        assert client.get("/artifacts/99999").status_code == 404
        assert client.get("/artifacts/444444").status_code == 404  # the beginning of a digest


class TestGuard:
    @pytest.mark.parametrize("path", ["/", "/runs/run-0119", "/compare?run=run-0119&run=run-0118", "/nowhere"])
    def test_every_page_forbids_what_it_does_not_need(self, client: httpx.Client, path: str) -> None:
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy and "http" not in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers

    def test_nothing_of_a_run_is_taken_for_html(self, client: httpx.Client, model: str) -> None:
        for path in ("/", "/runs/run-0119", model, "/compare?run=run-0119&run=run-0118", f"/?text={HOSTILE}"):
            assert HOSTILE not in client.get(path).text
        assert HOSTILE not in client.get(f"/runs/{HOSTILE}").text

    @pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:{port}", "127.0.0.1", "127.0.0.1:1", ""])
    def test_another_host_is_refused(self, client: httpx.Client, host: str) -> None:
        answer = client.get("/", headers={"Host": host.format(port=client.base_url.port)})
        assert answer.status_code == 421 and "run-" not in answer.text

    def test_its_own_names_are_not(self, client: httpx.Client) -> None:
        for host in ("127.0.0.1", "localhost", "LOCALHOST"):
            assert client.get("/", headers={"Host": f"{host}:{client.base_url.port}"}).status_code == 200

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
    def test_it_can_only_be_read(self, client: httpx.Client, method: str) -> None:
        assert client.request(method, "/").status_code == 405

    def test_head_answers_without_a_body(self, client: httpx.Client) -> None:
        answer = client.head("/")
        assert (answer.status_code, answer.content) == (200, b"")

    @pytest.mark.parametrize(
        ("mode", "destination", "status"),
        [
            ("no-cors", "image", 403),
            ("no-cors", "script", 403),
            ("navigate", "iframe", 403),
            ("navigate", "document", 200),
        ],
    )
    def test_another_site_may_link_and_not_read(
        self, client: httpx.Client, mode: str, destination: str, status: int
    ) -> None:
        fetched = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
        assert client.get("/", headers=fetched).status_code == status

    def test_it_listens_on_the_loopback_interface_only(self, client: httpx.Client) -> None:
        port = f"{client.base_url.port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = [row[1] for row in rows if row[1].endswith(f":{port}") and row[3] == "0A"]
        assert listening == [f"0100007F:{port}"]


class TestProcess:
    def test_looking_changes_nothing(self, tmp_path: Path) -> None:
        numbers = make_home(tmp_path / "home")
        for pipe in (tmp_path / "home").rglob("pipe"):
            pipe.unlink()
        before = digest_tree(tmp_path / "home" / "runs")
        with serving(tmp_path / "home") as (address, _):
            for path in ("/", "/runs/latest", f"/artifacts/{numbers['model']}", "/runs/run-0119/report"):
                assert httpx.get(f"{address}{path}", follow_redirects=True).status_code == 200
        assert digest_tree(tmp_path / "home" / "runs") == before
        wanted = {"runs", "cache", "scratch", "alive", "lock", "lineage.sqlite"}
        assert {path.name.partition("-")[0] for path in (tmp_path / "home").iterdir()} == wanted

    def test_ctrl_c_ends_it_quietly(self, place: tuple[Path, dict[str, int]]) -> None:
        with serving(place[0]) as (address, process):
            assert httpx.get(address).status_code == 200
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
            assert (process.returncode, out, err) == (0, "", "")

    def test_a_port_in_use_is_one_line(self, place: tuple[Path, dict[str, int]]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            line = [sys.executable, "-c", PENSTOCK, "--home", str(place[0]), "ui", "--port", str(port)]
            done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
        told = f"penstock: port {port} on 127.0.0.1 is in use. Name another with --port, or 0 for any that is free\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def test_an_artifact_in_a_single_file(tmp_path: Path) -> None:
    numbers = make_home(tmp_path / "home")
    (tmp_path / "home" / "runs" / "report.html").write_text("<p>x</p>")
    store = open_store(sqlite_url(tmp_path / "home" / "lineage.sqlite"))
    whole = ArtifactRecord(
        kind="report", uri=str(tmp_path / "home/runs/report.html"), digest="sha256:" + "9" * 64, name="r"
    )
    execution = ExecutionRecord(
        run_id="run-0119", pipeline="flights", task="report", component="r", state=State.COMPLETE, started=BEGIN,
        outputs=(whole,),
    )  # fmt: skip
    number = store.record([execution])[0].outputs[0].id
    assert number not in numbers.values()
    with serving(tmp_path / "home") as (address, _):
        assert f'href="/artifacts/{number}/files/report.html"' in httpx.get(f"{address}/artifacts/{number}").text
        assert httpx.get(f"{address}/artifacts/{number}/raw/report.html").text == "<p>x</p>"


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from(["/", "/runs/", "/artifacts/", "/artifacts/7/files/", "/compare?run=", "/?"]),
    rest=st.text(max_size=60),
)
@example(start="/artifacts/", rest="9" * 30)
@example(start="/artifacts/", rest="-1")
@example(start="/?", rest="page=%FF&state=%00&text=%ED%A0%80")
@example(start="/compare?", rest="run=latest&" * 9)
def test_no_address_breaks_it(client: httpx.Client, start: str, rest: str) -> None:
    known = "?=&%" if "?" in start else "%"
    answer = client.get(start + quote(rest, safe=known) if rest.isascii() else start + quote(rest))
    assert answer.status_code in (200, 400, 404)
    assert "Traceback" not in answer.text
