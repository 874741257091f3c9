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
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
WAIT_SECONDS = 20.0


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
        self.port = _free_port()
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
        end = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    text = self._log.read_text(errors="replace")[-2000:]
                    pytest.fail(f"the S3 server did not start ({error}); its log:\n{text}", pytrace=False)
                time.sleep(0.02)

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
    server, folder = make_s3_server()
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


def make_s3_server() -> tuple[S3Server, Path]:
    """A server that is not running yet, and the folder to remove after it."""
    found = subprocess.run(
        [REPOSITORY / "ci" / "tools", "s3"], capture_output=True, text=True, check=False, timeout=1800
    )
    if found.returncode:
        if os.environ.get("PENSTOCK_TEST_SERVERS") == "none":
            pytest.skip("there is no S3 server, and PENSTOCK_TEST_SERVERS=none says not to mind")
        pytest.fail(f"ci/tools s3: {found.stderr.strip()} (or PENSTOCK_TEST_SERVERS=none)", pytrace=False)
    folder = Path(tempfile.mkdtemp(prefix="penstock-s3-"))
    return S3Server(Path(found.stdout.strip()), folder), folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
