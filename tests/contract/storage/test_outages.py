"""A store that goes away in the middle of a write or a read, and comes back, or does not."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from penstock.artifacts import digest_tree
from penstock.storage import StoreError, at
from penstock.storage.patience import Patience
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.store
LAST = "manifest.json"
OUTAGE_SECONDS = float(os.environ.get("PENSTOCK_TEST_OUTAGE_SECONDS", "4"))
"""How long the store is away; 30 in a run that has the time."""


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder with a file of three parts, and small ones after it."""
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "large").write_bytes(os.urandom(1 << 20) * 48)
    for number in range(200):
        (folder / f"small-{number:03}").write_bytes(os.urandom(2_000))
    (folder / LAST).write_bytes(b"{}")
    return folder


def wait_until(begun, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not begun():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def stored(server: S3Server, bucket: str) -> list[str]:
    root = server.buckets / bucket.removeprefix("s3://") / "one"
    return [path.name for path in root.rglob("*") if path.is_file()] if root.exists() else []


@pytest.fixture
def restarted(s3_server: S3Server):
    """Whatever a test does to the server, the next one finds it running."""
    yield s3_server
    s3_server.kill()
    s3_server.start()


def test_a_write_outlasts_an_outage_in_its_middle(bucket: str, restarted: S3Server, many: Path, capfd) -> None:
    place = at(f"{bucket}/one", patience=Patience(seconds=OUTAGE_SECONDS + 30))
    failure: list[BaseException] = []

    def publish() -> None:
        try:
            place.publish(many, last=LAST)
        except BaseException as error:
            failure.append(error)

    writer = threading.Thread(target=publish)
    writer.start()
    wait_until(lambda: len(stored(restarted, bucket)) > 20)
    restarted.kill()
    assert LAST not in stored(restarted, bucket)
    time.sleep(OUTAGE_SECONDS)
    assert writer.is_alive()
    restarted.start()
    writer.join(60)
    assert not failure
    assert place.digest() == digest_tree(many)
    told = capfd.readouterr().err
    assert "cannot be reached" in told
    assert "trying again for up to" in told


def test_a_write_whose_store_never_comes_back_is_one_line_and_nothing_whole(
    bucket: str, restarted: S3Server, many: Path
) -> None:
    place = at(f"{bucket}/one", patience=Patience(seconds=2))
    failure: list[BaseException] = []

    def publish() -> None:
        try:
            place.publish(many, last=LAST)
        except BaseException as error:
            failure.append(error)

    writer = threading.Thread(target=publish)
    writer.start()
    wait_until(lambda: len(stored(restarted, bucket)) > 20)
    restarted.kill()
    writer.join(60)
    assert isinstance(failure[0], StoreError)
    assert "\n" not in str(failure[0])
    assert f"the store at {restarted.endpoint} cannot be reached" in str(failure[0])
    assert "and was tried again for 2 s" in str(failure[0])
    restarted.start()
    assert not place.is_published(LAST)
    place.publish(many, last=LAST)  # what is there of it is completed
    assert place.digest() == digest_tree(many)


def test_a_read_outlasts_an_outage_in_its_middle(bucket: str, restarted: S3Server, many: Path, tmp_path: Path) -> None:
    place = at(f"{bucket}/one", patience=Patience(seconds=OUTAGE_SECONDS + 30))
    place.publish(many, last=LAST)
    with place.open("large") as stream:
        begun = stream.read(1000)
        restarted.kill()
        timer = threading.Timer(OUTAGE_SECONDS / 2, restarted.start)
        timer.start()
        rest = stream.read()
        timer.join()
    assert begun + rest == (many / "large").read_bytes()


def test_a_writer_that_is_killed_leaves_nothing_whole(bucket: str, restarted: S3Server, many: Path) -> None:
    code = f"""
        from pathlib import Path
        from penstock.storage import at
        at({f"{bucket}/one"!r}).publish(Path({str(many)!r}), last={LAST!r})
        """
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env={**os.environ, "PYTHONPATH": "src"})
    wait_until(lambda: len(stored(restarted, bucket)) > 20)
    writer.kill()
    writer.wait(30)
    place = at(f"{bucket}/one")
    assert 0 < len(place.files()) < 202
    assert not place.is_published(LAST)
    place.publish(many, last=LAST)
    assert place.digest() == digest_tree(many)
