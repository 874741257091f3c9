"""What is said when a store cannot be opened or used: cause and remedy in one line, and never the password."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from penstock.lineage.address import parse_address, sqlite_url
from penstock.lineage.errors import StoreUnavailable, StoreVersion
from penstock.lineage.mlmd import connection, holders, opening
from penstock.lineage.mlmd.opening import explain_open
from penstock.lineage.open import open_store
from penstock.sdk import BadInput, PenstockError

SERVERS = [pytest.param(name, marks=pytest.mark.server) for name in ("mariadb", "postgresql")]
servers = pytest.mark.parametrize("backend", SERVERS, scope="session", indirect=True)
only_sqlite = pytest.mark.parametrize("backend", ["sqlite"], scope="session", indirect=True)


def in_another_process(path: Path, statements: str) -> None:
    """Change a store behind our back; two copies of SQLite must not share a file in one process."""
    script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])"
    subprocess.run([sys.executable, "-c", script, str(path), statements], check=True)


def refusal(url: str, kind: type[PenstockError] = StoreUnavailable) -> str:
    """What is said of a store that does not open."""
    with pytest.raises(kind) as raised:
        open_store(url)
    assert "\n" not in str(raised.value)
    assert raised.value.remedy
    return str(raised.value)


@pytest.fixture(params=["writes"])
def locked(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A store that another process is writing to, or keeps for itself, and never ends."""
    path = tmp_path / "lineage.sqlite"
    make = "import sys; from penstock.lineage.open import open_store; open_store(sys.argv[1])"
    subprocess.run([sys.executable, "-c", make, sqlite_url(path)], check=True)  # nobody here has it open
    script = """
        import sqlite3, sys
        holder = sqlite3.connect(sys.argv[1], isolation_level=None)
        if sys.argv[2] == "keeps":
            holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN IMMEDIATE")
        print("held", flush=True)
        sys.stdin.read()
        """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    command += [str(path), request.param]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield path
        process.communicate()


@only_sqlite
class TestFiles:
    def test_the_folder_is_made(self, backend: str, tmp_path: Path, make: Any) -> None:
        path = tmp_path / "new" / "and newer" / "lineage?#%.sqlite"
        open_store(sqlite_url(path)).start_run(make.run("r"))
        assert sorted(p.name.removeprefix(path.name) for p in path.parent.iterdir()) == ["", "-shm", "-wal"]
        assert [r.run_id for r in open_store(sqlite_url(path)).runs()] == [f"{make.pipeline}/r"]

    def test_a_folder_is_no_store(self, backend: str, tmp_path: Path) -> None:
        assert "is a folder" in refusal(sqlite_url(tmp_path), BadInput)

    def test_another_file_is_no_store_and_stays_as_it_is(self, backend: str, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("not a database\n" * 1000)
        assert "is not an SQLite database" in refusal(sqlite_url(path), BadInput)
        assert path.read_text() == "not a database\n" * 1000

    def test_a_place_below_a_file(self, backend: str, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "is not a folder" in refusal(sqlite_url(tmp_path / "file" / "lineage.sqlite"))

    def test_a_newer_version(self, backend: str, tmp_path: Path) -> None:
        path = tmp_path / "lineage.sqlite"
        open_store(sqlite_url(path))
        in_another_process(path, "UPDATE MLMDEnv SET schema_version = 99")
        assert "newer version of ML Metadata. Upgrade Penstock" in refusal(sqlite_url(path), StoreVersion)

    def test_an_older_version(self, backend: str, tmp_path: Path) -> None:
        path = tmp_path / "lineage.sqlite"
        open_store(sqlite_url(path))
        in_another_process(path, "UPDATE MLMDEnv SET schema_version = 8")
        assert "older version of ML Metadata" in refusal(sqlite_url(path), StoreVersion)

    def test_a_locked_store_can_be_read_and_says_so_on_writing(
        self, backend: str, locked: Path, make: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.5)
        monkeypatch.setattr(connection, "SILENT_SECONDS", 0.1)
        store = open_store(sqlite_url(locked))
        assert store.runs() == []
        with pytest.raises(StoreUnavailable, match=r"stays locked by process \d+ \(python.*\)\. End it, or try again"):
            store.start_run(make.run("r"))
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 1
        assert re.fullmatch(r"penstock: waiting .* lineage store .*: process \d+ \(python.*\) holds it", told[0])

    @pytest.mark.parametrize("locked", ["keeps"], indirect=True)
    def test_a_store_that_somebody_keeps_for_himself_names_him(
        self, backend: str, locked: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(opening, "_EXCLUSIVE_SECONDS", 0.1)
        assert re.search(r"is locked by process \d+ \(python.*\)\. End it, or try", refusal(sqlite_url(locked)))

    def test_nobody_holds_a_store_that_only_we_have_open(self, backend: str, tmp_path: Path, make: Any) -> None:
        store = open_store(sqlite_url(tmp_path / "lineage.sqlite"))
        store.start_run(make.run("r"))
        assert holders.writer(tmp_path / "lineage.sqlite") == holders.exclusive_holder(tmp_path / "none") == ""

    def test_a_full_disk(self, backend: str, tmp_path: Path) -> None:
        said = RuntimeError("Error when executing query: database or disk is full query: CREATE TABLE")
        told = str(explain_open(parse_address(sqlite_url(tmp_path / "lineage.sqlite")), said))
        assert told.startswith(f"lineage store {tmp_path}/lineage.sqlite cannot be written: the disk is full. Free")

    def test_a_disk_that_does_not_write(self, backend: str, tmp_path: Path) -> None:
        said = RuntimeError("Error when executing query: disk I/O error query: COMMIT;")
        told = str(explain_open(parse_address(sqlite_url(tmp_path / "lineage.sqlite")), said))
        assert told.endswith(
            "cannot be opened: disk I/O error. See that its disk works, and that files there may grow."
        )

    def test_ml_metadata_says_nothing_by_itself(self, backend: str) -> None:
        script = """
            from penstock.lineage.mlmd.connection import _hush
            _hush()  # in a process where nobody has logged yet
            from absl import logging
            for module in ("/x/ml_metadata/store.py", "/x/other/store.py"):
                source = compile("logging.error('by %s', __name__)", module, "exec")
                exec(source, dict(logging=logging, __name__=module))
            """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
        )
        assert done.stderr.count("by /x/other") == 1
        assert "ml_metadata" not in done.stderr

    def test_a_store_that_must_not_be_written(self, backend: str) -> None:
        with tempfile.TemporaryDirectory(prefix="penstock-") as folder:  # others cannot enter pytest's own folders
            self.check_without_rights(Path(folder))

    def check_without_rights(self, folder: Path) -> None:
        path, hidden = folder / "lineage.sqlite", folder / "hidden"
        hidden.mkdir()
        open_store(sqlite_url(path))
        path.chmod(0o444)
        folder.chmod(0o555)
        hidden.chmod(0o000)
        script = """
            import os, sqlite3, sys, tempfile
            import ml_metadata.metadata_store, tenacity
            from penstock.lineage.mlmd import store
            from penstock.lineage.open import open_store
            from penstock.lineage.records import RunRecord
            from penstock.sdk import PenstockError
            run = dict(run_id="r", pipeline="p", pipeline_digest="", penstock_version="", state="running")
            run = RunRecord(**run, started="2026-03-01T12:00:00Z")
            if os.geteuid() == 0:  # the interpreter's folder need not be open to anybody else
                os.setgid(65534)
                os.setuid(65534)
            for url in sys.argv[1:]:
                try:
                    open_store(url).start_run(run)
                except PenstockError as error:
                    print(type(error).__name__, error)
            """
        urls = [sqlite_url(folder / name) for name in ("lineage.sqlite", "new.sqlite", "new/new.sqlite", "hidden/x")]
        command = [sys.executable, "-c", textwrap.dedent(script), *urls]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd="/").stdout
        lines = said.splitlines()
        assert len(lines) == 4, said
        assert all(line.startswith("StoreUnavailable lineage store") for line in lines), said
        assert all("ive this user the right" in line for line in lines), said
        folder.chmod(0o755)


@servers
class TestServers:
    def test_nobody_listens(self, backend: str, server: Callable[[str], str]) -> None:
        scheme = server("x").partition(":")[0]
        said = refusal(f"{scheme}://ann:s3cret@127.0.0.1:9/lineage")
        assert said == (
            f"lineage store {scheme}://ann@127.0.0.1:9/lineage: no server answers (Connection refused). "
            "Start the server, or correct host and port."
        )

    def test_a_wrong_password(
        self,
        backend: str,
        server: Callable[[str], str],
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        caplog.set_level(logging.DEBUG)
        logging.getLogger("absl").setLevel(logging.DEBUG)
        scheme, _, rest = server("shared").partition("://")
        said = refusal(f"{scheme}://penstock:s3cret@{rest.rpartition('@')[2]}")
        assert "the server answers and refuses the connection" in said
        assert "Check user, password" in said
        assert "s3cret" not in said + caplog.text + "".join(capfd.readouterr())

    def test_the_password_is_in_no_log(
        self,
        backend: str,
        server: Callable[[str], str],
        make: Any,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        caplog.set_level(logging.DEBUG)
        logging.getLogger("absl").setLevel(logging.DEBUG)
        url = server("logged")
        store = open_store(url)
        store.start_run(make.run("r"))
        password = url.partition("penstock:")[2].partition("@")[0]
        assert len(password) > 10
        written = caplog.text + "".join(capfd.readouterr()) + repr(store)
        assert password not in written
        assert quote(written, safe="").find(password) == -1

    def test_a_connection_that_was_closed_is_made_anew(
        self, backend: str, server: Callable[[str], str], make: Any, close_connections: Callable[[], None]
    ) -> None:
        store = open_store(server("shared"))
        store.start_run(make.run("before"))
        close_connections()
        store.start_run(make.run("after"))
        assert {run.run_id.rpartition("/")[2] for run in store.runs(make.pipeline)} == {"before", "after"}
