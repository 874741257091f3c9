"""One suite, every backend: SQLite, MariaDB and PostgreSQL (real servers, started here), ML Metadata over gRPC."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent import futures
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

PASSWORD = "p@ss/w:rd#%?'\""  # noqa: S105 - of servers that live as long as the tests
WAIT_SECONDS = 60
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(connect: Callable[[], Any], process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connect().close()
            return
        except Exception as error:
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"the server did not start ({error}); its log:\n{log.read_text()[-2000:]}", pytrace=False)
            time.sleep(0.05)


@contextlib.contextmanager
def _serving(command: list[str], log: Path, stop: signal.Signals, user: str | None = None) -> Iterator[Any]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, user=user, cwd=log.parent)
    try:
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


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
        data, port = folder / "data", _free_port()
        made = [install, "--no-defaults", *user, f"--datadir={data}", "--skip-test-db"]
        made.append("--auth-root-authentication-method=normal")
        subprocess.run(made, check=True, capture_output=True, timeout=WAIT_SECONDS)
        command = [daemon, "--no-defaults", *user, f"--datadir={data}", f"--port={port}", "--bind-address=127.0.0.1"]
        command += [f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--skip-name-resolve"]

        def connect() -> Any:
            return pymysql.connect(host="127.0.0.1", port=port, user="root")

        with _serving(command, folder / "log", signal.SIGKILL) as process:
            _wait_for(connect, process, folder / "log")
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
        data, port = folder / "data", _free_port()
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

        with _serving(command, folder / "log", signal.SIGQUIT, owner) as process:
            _wait_for(connect, process, folder / "log")
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
def grpc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """ML Metadata's gRPC protocol over its own library and SQLite: what its server image speaks."""
    import threading

    import grpc
    from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store as library
    from ml_metadata.proto import metadata_store_pb2 as mlmd
    from ml_metadata.proto import metadata_store_service_pb2 as service

    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path_factory.mktemp("grpc") / "lineage.sqlite")
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    opened = library.CreateMetadataStore(config.SerializeToString(), mlmd.MigrationOptions().SerializeToString())
    lock = threading.Lock()

    def handler(name: str) -> Any:
        def serve(request: bytes, context: Any) -> bytes:
            with lock:
                answer, message, code = getattr(library, name)(opened, request)
            if code:
                status = next(status for status in grpc.StatusCode if status.value[0] == code)
                context.abort(status, message.decode())
            return bytes(answer)

        return grpc.unary_unary_rpc_method_handler(serve)

    methods = service.DESCRIPTOR.services_by_name["MetadataStoreService"].methods
    handlers = {method.name: handler(method.name) for method in methods}
    server = grpc.server(futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("ml_metadata.MetadataStoreService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield lambda _: f"grpc://127.0.0.1:{port}"
    server.stop(None)
