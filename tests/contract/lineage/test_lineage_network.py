"""A lineage on the network: servers that are restarted in the middle, TLS, passwords from Secrets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from penstock.lineage.address import parse_address
from penstock.lineage.errors import NoAnswer, StoreUnavailable
from penstock.lineage.open import open_store
from penstock.lineage.records import State
from penstock.sdk import BadInput
from tests.contract.lineage.conftest import PASSWORD, Server, grpc_process
from tests.servers.certificates import Authority
from tests.servers.processes import free_port

ROOT = Path(__file__).parents[3]
AWAY_SECONDS = 2.0
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def only_servers(backend: str) -> None:
    """A file has no server."""
    if backend == "sqlite":
        pytest.skip("a file has no server")


class TestServersThatAreRestarted:
    """What is written around a restart, and while the server is away, is there afterwards."""

    def test_between_two_writes(self, process: Server, url: str, make: Any) -> None:
        store = open_store(url)
        store.start_run(make.run("r"))
        execution = make.execution("r", "train", state=State.RUNNING)
        number = store.start(execution)
        process.stop()
        process.start()
        ended = execution.model_copy(update={"id": number, "state": State.COMPLETE})
        store.finish(ended)
        assert [e.state for e in store.run(execution.run_id).executions] == [State.COMPLETE]

    def test_while_writing(self, process: Server, url: str, make: Any) -> None:
        store = open_store(url, patience_seconds=60)
        failure: list[BaseException] = []

        def write() -> None:
            try:
                for number in range(60):
                    store.record([make.execution("r", f"t-{number}", outputs=(make.artifact("model", f"{number}"),))])
            except BaseException as error:
                failure.append(error)

        writer = threading.Thread(target=write)
        store.start_run(make.run("r"))
        writer.start()
        time.sleep(0.3)
        process.stop()
        time.sleep(AWAY_SECONDS)
        process.start()
        writer.join(120)
        assert not failure
        found = store.run(make.run("r").run_id).executions
        assert sorted(e.task for e in found) == sorted(f"t-{number}" for number in range(60))
        assert all(len(e.outputs) == 1 for e in found)

    def test_one_that_stays_away_is_told_in_one_line(self, process: Server, url: str, make: Any) -> None:
        store = open_store(url, patience_seconds=1)
        process.stop()
        try:
            with pytest.raises(StoreUnavailable) as caught:
                store.start_run(make.run("r"))
        finally:
            process.start()
        assert "no server answers" in str(caught.value)
        assert ", and it was tried again for 1 s. " in str(caught.value)
        assert "\n" not in str(caught.value)
        assert PASSWORD not in str(caught.value)

    def test_one_that_is_not_up_yet_is_waited_for_when_asked(self, process: Server, url: str, make: Any) -> None:
        process.stop()
        with pytest.raises(NoAnswer):
            open_store(url)
        timer = threading.Timer(AWAY_SECONDS, process.start)
        timer.start()
        store = open_store(url, patience_seconds=60, wait=True)
        timer.join()
        store.start_run(make.run("r"))


def test_a_password_comes_from_a_secret(
    backend: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Any
) -> None:
    if backend == "grpc":
        pytest.skip("its clients show certificates")
    with pytest.raises(StoreUnavailable):
        open_store(bare(url))
    monkeypatch.setenv("PENSTOCK_LINEAGE_PASSWORD_FILE", str(tmp_path / "password"))
    with pytest.raises(BadInput, match=r"PENSTOCK_LINEAGE_PASSWORD_FILE: .*password cannot be read: No such file"):
        open_store(bare(url))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    open_store(bare(url)).start_run(make.run("by-file"))
    monkeypatch.delenv("PENSTOCK_LINEAGE_PASSWORD_FILE")
    monkeypatch.setenv("PENSTOCK_LINEAGE_PASSWORD", PASSWORD)
    open_store(bare(url)).start_run(make.run("by-variable"))


@pytest.fixture(scope="module")
def secure() -> Iterator[tuple[str, Callable[[str], str]]]:
    """A gRPC server with TLS that wants certificates: its URL, and the options for a client of some name."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-tls-"))
    authority, port = Authority(folder), free_port()
    with grpc_process(port, folder, *authority.issue("server"), authority.ca):

        def options(name: str) -> str:
            certificate, key = authority.issue(name)
            return f"?ca={authority.ca}&cert={certificate}&key={key}"

        yield f"grpcs://127.0.0.1:{port}", options
    shutil.rmtree(folder)


class TestTls:
    """Encrypted, and both sides know who the other is."""

    @pytest.fixture(autouse=True)
    def once(self, backend: str) -> None:
        """It has a server of its own: not once a backend."""
        if backend != "grpc":
            pytest.skip("its own server")

    def test_a_client_with_a_certificate_is_let_in(self, secure: tuple[str, Callable[[str], str]], make: Any) -> None:
        url, options = secure
        open_store(url + options("client")).start_run(make.run("r"))
        assert [run.run_id for run in open_store(url + options("other")).runs(make.pipeline)] == [make.run("r").run_id]

    def test_who_is_not_known_is_kept_out(
        self, secure: tuple[str, Callable[[str], str]], tmp_path: Path, make: Any
    ) -> None:
        url, options = secure
        strange = Authority(tmp_path)
        certificate, key = strange.issue("stranger")
        ca = options("client").partition("&")[0]
        for wrong in (ca, f"{ca}&cert={certificate}&key={key}", f"?ca={strange.ca}", ""):
            with pytest.raises(StoreUnavailable) as caught:
                open_store(url + wrong, patience_seconds=1).start_run(make.run("r"))
            assert "\n" not in str(caught.value)
            assert url in str(caught.value)

    def test_a_file_that_is_missing_is_told(self, secure: tuple[str, Callable[[str], str]]) -> None:
        with pytest.raises(BadInput, match=r"lineage store grpcs://127.0.0.1:\d+: ca=/none cannot be read: No such fi"):
            open_store(f"{secure[0]}?ca=/none")

    def test_its_address(self) -> None:
        address = parse_address("grpcs://mlmd.example.com?ca=/ca.crt")
        assert (address.scheme, address.port, address.tls) == ("grpcs", 8443, (("ca", "/ca.crt"),))
        assert address.shown == "grpcs://mlmd.example.com:8443"
        with pytest.raises(BadInput, match="does not know the option 'sslmode'; known: ca, cert, key"):
            parse_address("grpcs://mlmd.example.com?sslmode=require")


def bare(url: str) -> str:
    """The URL without its password."""
    return url.replace(f":{quote(PASSWORD, safe='')}@", "@")


@pytest.mark.parametrize("how", ["url", "profile"])
def test_the_command_line_asks_any_lineage(url: str, make: Any, tmp_path: Path, how: str) -> None:
    record = make.execution("asked", "train", outputs=(make.artifact("model", f"asked-{how}", "model"),))
    open_store(url).record([record])
    profile = tmp_path / "profile.yaml"
    profile.write_text(f"kind: cluster\nlineage: {bare(url)!r}\n")
    named = url if how == "url" else str(profile)

    def penstock(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-c",
            "from penstock.cli.main import main; main()",
            "--home",
            str(tmp_path / "none"),
            "--lineage",
            named,
        ]
        environment = {**os.environ, "PENSTOCK_LINEAGE_PASSWORD": PASSWORD}
        return subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False, timeout=120, env=environment
        )

    shown = penstock("runs", "show", record.run_id, "--json")
    assert shown.returncode == 0, shown.stderr
    assert record.outputs[0].digest in shown.stdout
    assert penstock("trace", record.outputs[0].digest).returncode == 0
    refused = penstock("runs", "remove", record.run_id)
    assert (refused.returncode, "--lineage is for questions" in refused.stderr) == (2, True)
    refused = penstock("run", "flights")
    assert (refused.returncode, "--lineage is for commands that ask: runs, trace" in refused.stderr) == (2, True)
    assert not (tmp_path / "none").exists()


def test_the_serving_environment_speaks_to_every_server(url: str, make: Any) -> None:
    """ML Metadata was made for another protobuf than the one that KServe needs."""
    python = ROOT / ".venv-serving" / "bin" / "python"
    if not python.exists():
        pytest.fail(f"{python} is missing: make setup", pytrace=False)
    record = make.execution("serving", "infra", outputs=(make.artifact("infra_blessing", "b", "blessing", n=1),))
    code = f"""
        import google.protobuf
        assert int(google.protobuf.__version__.split(".")[0]) >= 6
        from penstock.lineage.open import open_store
        from penstock.lineage.records import ExecutionRecord
        store = open_store({url!r})
        [stored] = store.record([ExecutionRecord.model_validate_json({record.model_dump_json()!r})])
        assert store.run(stored.run_id).executions == (stored,)
        assert store.finished(stored.cache_key, limit=3) == [stored]
        """
    done = subprocess.run(
        [python, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    [stored] = open_store(url).run(record.run_id).executions
    assert stored.outputs[0].metadata == {"n": 1}
    assert sys.executable != str(python)
