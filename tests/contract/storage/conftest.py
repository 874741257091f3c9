"""One suite, every kind of place: a folder of this machine, fsspec's memory, a real S3 server."""

from __future__ import annotations

import itertools
from pathlib import Path

import fsspec
import pytest

_NUMBERS = itertools.count()


@pytest.fixture(params=["local", "memory", pytest.param("s3", marks=pytest.mark.store)])
def kind(request: pytest.FixtureRequest) -> str:
    """Which kind of place the test runs on."""
    return str(request.param)


@pytest.fixture
def root(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address under which nothing is yet."""
    if kind == "local":
        return str(tmp_path / "places")
    if kind == "memory":
        request.addfinalizer(fsspec.filesystem("memory").store.clear)
        return f"memory://bucket/{next(_NUMBERS)}"
    return f"{request.getfixturevalue('bucket')}/places"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to publish: nested, with an empty file and one that takes several ranges to read."""
    source = tmp_path / "source"
    files = {"a.txt": b"a", "deep/er/b.bin": bytes(range(256)) * 40_000, "empty": b"", "manifest.json": b"{}"}
    for name, content in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (source / "no files").mkdir()
    return source
