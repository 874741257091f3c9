"""One suite, every backend: SQLite, MariaDB and PostgreSQL (real servers, started here), ML Metadata over gRPC."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from penstock.artifacts import Consequence, Decision, Reason, Verdict
from penstock.artifacts.digest import digest_bytes
from penstock.lineage.address import parse_address, sqlite_url
from penstock.lineage.open import open_store
from penstock.lineage.port import LineageStore
from penstock.lineage.records import ArtifactRecord, ExecutionRecord, RunRecord, State
from tests.servers.processes import WAIT_SECONDS, free_port, wait_until_ready

PASSWORD = "p@ss/w:rd#%?'\""  # noqa: S105 - of servers that live as long as the tests
BACKENDS = [
    "sqlite",
    pytest.param("mariadb", marks=pytest.mark.server),
    pytest.param("postgresql", marks=pytest.mark.server),
    "grpc",
]


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Which kind of store the test runs on."""
    return str(request.param)


@pytest.fixture(scope="session")
def server(backend: str, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Gives the URL of a database of that name on this backend."""
    if backend == "sqlite":
        folder = request.getfixturevalue("tmp_path_factory").mktemp("lineage")
        return lambda name: sqlite_url(folder / f"{name}.sqlite")
    urls: Callable[[str], str] = request.getfixturevalue(f"{backend}_server")
    return urls


@pytest.fixture(scope="session")
def url(server: Callable[[str], str]) -> str:
    """The URL of the store that most tests share; they keep apart by the pipeline's name."""
    return server("shared")


@pytest.fixture(scope="session")
def store(url: str) -> LineageStore:
    """The shared store."""
    return open_store(url)


@pytest.fixture
def pipeline(request: pytest.FixtureRequest) -> str:
    """A pipeline of this test's own."""
    return f"{request.node.originalname}-{next(_NUMBERS)}"


@pytest.fixture
def make(pipeline: str) -> Make:
    """Makes records of this test's pipeline."""
    return Make(pipeline)


SERVERS: dict[str, Server] = {}
"""The processes of the servers that run, by backend."""
_NUMBERS = itertools.count()
BEGIN = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


class Make:
    """Records with every field filled in, each artifact unique to the test unless it is asked for twice."""

    def __init__(self, pipeline: str) -> None:
        self.pipeline = pipeline
        self.decision = Decision(
            verdict=Verdict.FAILED,
            consequence=Consequence.STOP,
            reasons=(
                Reason(
                    rule="min_auc",
                    subject="carrier=HA",
                    verdict=Verdict.FAILED,
                    text='Only 0.1 + 0.2, "said" the gate\\n; DROP TABLE Execution; -- 100 % $1 ü 日本',
                    evidence={"estimate": 0.1 + 0.2, "interval": [1e-9, 1e300], "rows": 2**40, "none": None},
                ),
            ),
        )

    def digest(self, content: str) -> str:
        """The digest that stands for some content of this test."""
        return digest_bytes(f"{self.pipeline}/{content}".encode())

    def artifact(self, kind: str, content: str, name: str = "", **metadata: Any) -> ArtifactRecord:
        """One artifact; equal arguments are equal artifacts."""
        uri = f"/artifacts/{self.pipeline}/{kind}/{content}"
        return ArtifactRecord(kind=kind, uri=uri, digest=self.digest(content), name=name, metadata=metadata)

    def run(self, run_id: str, **fields: Any) -> RunRecord:
        """One run that has just started."""
        known: dict[str, Any] = {
            "pipeline_digest": self.digest("pipeline"),
            "penstock_version": "0.1.0",
            "state": State.RUNNING,
            "started": BEGIN,
            "parameters": {"epochs": 2, "rate": 1e-7, "names": ["a", "b"], "pattern": "^\\d+$"},
            "user": "ann",
            "host": "laptop.example.com",
        }
        return RunRecord(run_id=f"{self.pipeline}/{run_id}", pipeline=self.pipeline, **{**known, **fields})

    def execution(self, run_id: str, task: str, **fields: Any) -> ExecutionRecord:
        """One execution that is done."""
        known: dict[str, Any] = {
            "component": task,
            "state": State.COMPLETE,
            "started": BEGIN,
            "ended": BEGIN + timedelta(seconds=1.25),
            "seconds": 1.2345678901,
            "cpu_seconds": 2.000000001,
            "peak_memory_bytes": 5 * 2**30,
            "rows": 336_776,
            "parameters": {"epochs": 2, "nested": {"deep": [1, 2.5, None, True, "\\"]}},
            "cache_key": self.digest(f"key {task}"),
            "component_version": "1",
            "code_digest": self.digest(f"code {task}"),
            "image_digest": self.digest("environment"),
        }
        return ExecutionRecord(
            run_id=f"{self.pipeline}/{run_id}", pipeline=self.pipeline, task=task, **{**known, **fields}
        )

    def evaluation(self, run_id: str, model: str, verdict: str = "Successful", **fields: Any) -> ExecutionRecord:
        """One execution of an evaluator that judges a model."""
        blessing = self.artifact(
            "model_blessing", f"{model}-{verdict}", "blessing", verdict=verdict, model_digest=self.digest(model)
        )
        given = self.artifact("model", model, "model")
        return self.execution(run_id, "evaluate", inputs=(given,), outputs=(blessing,), **fields)


def _binary(name: str, package: str) -> str:
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/sbin"), Path("/usr/bin")]
    found = shutil.which(name) or next((str(p / name) for p in places if (p / name).exists()), None)
    if found is None:
        if os.environ.get("PENSTOCK_TEST_SERVERS") == "none":
            pytest.skip(f"{name} is not installed, and PENSTOCK_TEST_SERVERS=none says not to mind")
        pytest.fail(
            f"{name} is not installed: apt-get install {package} (or PENSTOCK_TEST_SERVERS=none)", pytrace=False
        )
    return found


class Server:
    """A server that can be killed and started again, with the same port and data.

    Args:
        command: What runs it.
        log: Where it writes.
        connect: Gives something to close once it answers.
        stop: The signal that ends it.
        user: Who runs it.
    """

    def __init__(
        self,
        command: list[str],
        log: Path,
        *,
        connect: Callable[[], Any],
        stop: signal.Signals = signal.SIGKILL,
        user: str | None = None,
    ) -> None:
        self._command, self._log, self._connect, self._stop, self._user = command, log, connect, stop, user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as stream:
            self._process = subprocess.Popen(
                self._command, stdout=stream, stderr=stream, user=self._user, cwd=self._log.parent
            )

        def is_ready() -> bool:
            self._connect().close()
            return True

        wait_until_ready(self._process, self._log, is_ready)

    def stop(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.send_signal(self._stop)
            try:
                self._process.wait(WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(WAIT_SECONDS)
            self._process = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextlib.contextmanager
def _folder(owner: str | None = None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="penstock-server-"))
    try:
        if owner:
            shutil.chown(folder, owner)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Callable[[str], str]]:
    """A private MariaDB."""
    import pymysql

    daemon = _binary("mariadbd", "mariadb-server")
    install = _binary("mariadb-install-db", "mariadb-server")
    user = ["--user=root"] if os.geteuid() == 0 else []
    with _folder() as folder:
        data, port = folder / "data", free_port()
        made = [install, "--no-defaults", *user, f"--datadir={data}", "--skip-test-db"]
        made.append("--auth-root-authentication-method=normal")
        subprocess.run(made, check=True, capture_output=True, timeout=WAIT_SECONDS)
        command = [daemon, "--no-defaults", *user, f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1"]
        command += [f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--skip-name-resolve"]

        def connect() -> Any:
            return pymysql.connect(host="127.0.0.1", port=port, user="root")

        with Server(command, folder / "log", connect=connect) as server:
            SERVERS["mariadb"] = server
            with contextlib.closing(connect()) as administrator, administrator.cursor() as cursor:
                cursor.execute("CREATE USER penstock@'%%' IDENTIFIED BY %s", (PASSWORD,))
                cursor.execute("GRANT ALL ON *.* TO penstock@'%'")
            yield lambda name: f"mysql://penstock:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/{name}"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Callable[[str], str]]:
    """A private PostgreSQL; it refuses to run as root."""
    import psycopg

    owner = "postgres" if os.geteuid() == 0 else None
    postgres, initdb = _binary("postgres", "postgresql"), _binary("initdb", "postgresql")
    with _folder(owner) as folder:
        data, port = folder / "data", free_port()
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        made = [
            initdb,
            f"--pgdata={data}",
            "--username=penstock",
            "--auth=scram-sha-256",
            f"--pwfile={folder}/password",
        ]
        made += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, timeout=WAIT_SECONDS, user=owner, cwd=folder)
        command = [postgres, "-D", str(data), "-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1"]

        def connect() -> Any:
            return psycopg.connect(host="127.0.0.1", port=port, user="penstock", password=PASSWORD, dbname="postgres")

        with Server(command, folder / "log", connect=connect, stop=signal.SIGQUIT, user=owner) as server:
            SERVERS["postgresql"] = server
            yield lambda name: f"postgresql://penstock:{quote(PASSWORD, safe='')}@localhost:{port}/{name}"


@pytest.fixture
def close_connections(backend: str, server: Callable[[str], str]) -> Callable[[], None]:
    """Closes every other connection to the server, as a restart or a timeout does."""
    address = parse_address(server("any"))
    known: dict[str, Any] = {"host": "127.0.0.1", "port": address.port}
    known |= {"user": address.user, "password": address.password}

    def close() -> None:
        import psycopg
        import pymysql

        if backend == "postgresql":
            with psycopg.connect(dbname="postgres", **known) as administrator:
                others = "FROM pg_stat_activity WHERE usename = 'penstock' AND pid <> pg_backend_pid()"
                administrator.execute(f"SELECT pg_terminate_backend(pid) {others}")
            return
        with pymysql.connect(**known) as connection, connection.cursor() as cursor:
            others = "FROM information_schema.processlist WHERE user = 'penstock' AND id <> CONNECTION_ID()"
            cursor.execute(f"SELECT id {others}")
            for (number,) in cursor.fetchall():
                cursor.execute("KILL %s", (number,))

    return close


@pytest.fixture(scope="session")
def grpc_server() -> Iterator[Callable[[str], str]]:
    """ML Metadata's gRPC protocol over its own library and SQLite: what its server image speaks."""
    with _folder() as folder:
        port = free_port()
        with grpc_process(port, folder) as server:
            SERVERS["grpc"] = server
            yield lambda _: f"grpc://127.0.0.1:{port}"


def grpc_process(port: int, folder: Path, *tls: Path) -> Server:
    """ML Metadata's gRPC server as a process of its own; see `tests/servers/mlmd.py`."""
    program = Path(__file__).parents[2] / "servers" / "mlmd.py"
    command = [sys.executable, str(program), str(port), str(folder / "lineage.sqlite"), *map(str, tls)]
    return Server(command, folder / "log", connect=lambda: socket.create_connection(("127.0.0.1", port), timeout=1))


@pytest.fixture
def process(backend: str, server: Callable[[str], str]) -> Server:
    """The server's own process, to be restarted."""
    return SERVERS[backend]
