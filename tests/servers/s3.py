"""A real S3 server for tests: versitygw over a temporary folder, on a free loopback port, with credentials of its own.

The fixtures `s3_server` and `bucket` are there for every test; mark those that use them with `store`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.processes import WAIT_SECONDS, free_port, wait_until_ready
from tests.servers.tools import tools


class S3Server:
    """The server, and what a client must know of it.

    Args:
        program: The folder that `ci/tools s3` prints.
        folder: Where buckets and the log are kept; they outlive a `kill`.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program / "versitygw"
        self._log = folder / "log"
        self.buckets = folder / "buckets"
        """One folder a bucket, one file an object: what is really stored."""
        self._sidecar = folder / "sidecar"
        self.buckets.mkdir()
        self._sidecar.mkdir()
        self.port = free_port()
        self.access_key, self.secret_key = secrets.token_hex(8), secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process must have in its environment to be let in: the variables of every S3 client."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it and wait until it answers; again after a `kill`, with the same port and content."""
        command = [str(self._program), "--port", f"127.0.0.1:{self.port}", "--quiet", "posix"]
        command += ["--sidecar", str(self._sidecar), str(self.buckets)]
        known = {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key, "VGW_REGION": "us-east-1"}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env={"PATH": os.environ["PATH"], "HOME": str(self.buckets), **known}
            )
        wait_until_ready(self._process, self._log, self._answers)

    def _answers(self) -> bool:
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        return True

    def kill(self) -> None:
        """End it at once, as a machine that goes down does; what it had stored stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(WAIT_SECONDS)
            self._process = None

    def make_bucket(self, name: str = "") -> str:
        """Make a bucket by the S3 protocol; returns its name."""
        import s3fs

        name = name or f"bucket-{secrets.token_hex(4)}"
        store = s3fs.S3FileSystem(
            key=self.access_key, secret=self.secret_key, endpoint_url=self.endpoint, skip_instance_cache=True
        )
        store.mkdir(name)
        return name

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Every object of a bucket as it is stored, without the server's own files."""
        root = self.buckets / bucket
        files = (path for path in sorted(root.rglob("*")) if path.is_file())
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in files if ".sgwtmp" not in p.parts}


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A running server; whoever kills it starts it again."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-s3-"))
    server = S3Server(tools("s3"), folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket, and an environment that lets this process in: `s3://bucket-1a2b3c4d`."""
    import s3fs

    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # which knows of another environment
    return f"s3://{s3_server.make_bucket()}"
