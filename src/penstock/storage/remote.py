"""Folders of object stores, and of whatever else fsspec knows: no rename, no folders, and no lock.

Atomicity there is a matter of order. The files of a publication are written under their final names, which nobody
reads before the last one is there; object stores show an object whole or not at all, multi-part uploads included.

Source:
    Amazon S3 User Guide, "Amazon S3 data consistency model" and "Uploading and copying objects using multipart
    upload"; kubeflow/pipelines, issue 13476: zero-byte directory markers break the download of artifacts.
"""

from __future__ import annotations

import io
import logging
import os
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from penstock.sdk import BadInput
from penstock.sdk.entry import PARTIAL
from penstock.storage.patience import Patience
from penstock.storage.place import THREADS, NothingThere, Place, StoreError, local_files

_PART_BYTES = 16 << 20
"""One part of a large file: files of twice that size and more go in parts, several at once."""
_RANGE_BYTES = 8 << 20
"""How much of a file is asked for at once."""
_CONNECT_SECONDS, _READ_SECONDS = 5, 60
_ONCE = {"retries": {"mode": "standard", "total_max_attempts": 1}}
"""botocore's own retries know no patience in seconds: ours take their place."""
_OPTIONS: dict[str, dict[str, Any]] = {
    protocol: {"config_kwargs": {**_ONCE, "connect_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}}
    for protocol in ("s3", "s3a")
}
_IN_PARTS = ("s3", "s3a", "gs", "gcs")


class StorePlace(Place):
    """A prefix of an object store.

    Args:
        uri: Its address.
        patience: How long the store may be away.

    Raises:
        BadInput: Nothing that is installed knows such an address (caller).
    """

    def __init__(self, uri: str, patience: Patience) -> None:
        super().__init__(uri)
        self.patience = patience
        self._store  # noqa: B018 - an address of an unknown kind is told at once

    def files(self) -> dict[str, int]:
        """Sizes by name, sorted [bytes]."""
        found = self._call(self._find)
        names = {name.removeprefix(self._root).removeprefix("/"): info for name, info in found.items()}
        return {n: int(i["size"] or 0) for n, i in sorted(names.items()) if not n.endswith("/") and PARTIAL not in n}

    def open(self, name: str = "") -> BinaryIO:
        """Open a file for reading, a range at a time."""
        return cast(BinaryIO, io.BufferedReader(_Ranges(self, name, self._size(name)), _RANGE_BYTES))

    def is_published(self, last: str) -> bool:
        """Whether the file that is written last is there."""
        try:
            self._size(last)
        except NothingThere:
            return False
        return True

    def publish(self, folder: Path, *, last: str) -> None:
        """Upload all files, and the last one when all others are there."""
        files = local_files(folder)
        ending = files.pop(last)
        self._put_all(files)
        self._put(ending, last)

    def copy_from(self, source: Place) -> None:
        """Copy another place's files here, inside the store where both are in the same one."""
        files = source.files()
        if not files:
            raise NothingThere(source.uri, "nothing is there")
        if not isinstance(source, StorePlace) or source._store is not self._store:
            with tempfile.TemporaryDirectory(prefix="penstock-copy-") as folder:
                source.fetch(Path(folder) / "all")
                self._put_all(local_files(Path(folder) / "all"))
            return
        inside = source
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda name: self._copy(inside, name), files))

    def tag(self, name: str = "") -> str:
        """What the store says changes with the content; empty where it says nothing."""
        info = self._info(name)
        return str(info.get("ETag") or info.get("etag") or info.get("md5Hash") or "")

    def addresses(self) -> list[str]:
        """The canonical addresses of the files here, or of those that fit the address if it is a pattern, sorted."""

        def look() -> dict[str, Any]:
            self._store.invalidate_cache()
            pattern = any(mark in self._root for mark in "*?[")
            found: dict[str, Any] = (self._store.glob if pattern else self._store.find)(self._root, detail=True)
            return found

        found = self._call(look)
        return sorted(self._store.unstrip_protocol(n) for n, info in found.items() if info["type"] != "directory")

    @property
    def canonical(self) -> str:
        """The address as `addresses` writes it."""
        return str(self._store.unstrip_protocol(self._root))

    @cached_property
    def _store(self) -> Any:
        import fsspec

        protocol = self.uri.partition("://")[0]
        _keep_quiet()
        try:
            if "::" in self.uri:  # an address inside another, as zip://a.csv::s3://bucket/b.zip
                return fsspec.core.url_to_fs(self.uri)[0]
            return fsspec.filesystem(protocol, **_OPTIONS.get(protocol, {}))
        except (ValueError, ImportError) as error:
            raise BadInput(f"{self.uri}: {error}") from None

    @cached_property
    def _root(self) -> str:
        return str(self._store._strip_protocol(self.uri)).rstrip("/")

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _uri(self, name: str) -> str:
        return f"{self.uri}/{name}" if name else self.uri

    def _call(self, work: Any, name: str = "") -> Any:
        return self.patience.call(work, self._uri(name))

    def _find(self) -> dict[str, Any]:
        self._store.invalidate_cache()
        found: dict[str, Any] = self._store.find(self._root, detail=True)
        return found

    def _info(self, name: str) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            self._store.invalidate_cache()
            found: dict[str, Any] = self._store.info(self._path(name))
            return found

        info: dict[str, Any] = self._call(ask, name)
        if info["type"] == "directory":
            raise NothingThere(self._uri(name), "nothing is there")
        return info

    def _size(self, name: str) -> int:
        return int(self._info(name)["size"] or 0)

    def _range(self, name: str, start: int, end: int) -> bytes:
        data: bytes = self._call(lambda: self._store.cat_file(self._path(name), start=start, end=end), name)
        return data

    def _put_all(self, files: dict[str, Path]) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda item: self._put(item[1], item[0]), files.items()))

    def _put(self, source: Path, name: str) -> None:
        options = {"chunksize": _PART_BYTES} if self.uri.partition("://")[0] in _IN_PARTS else {}
        self._call(lambda: self._store.put_file(str(source), self._path(name), **options), name)

    def _copy(self, source: StorePlace, name: str) -> None:
        self._call(lambda: self._store.cp_file(source._path(name), self._path(name)), name)


def _keep_quiet() -> None:
    """Have the stores' libraries tell us by errors alone: we say it in one line, they log it with tracebacks.

    gcsfs's support of hierarchical buckets, which asks a second API for each bucket, is left to who switches it on.
    """
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
    for name in ("gcsfs", "s3fs"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


class _Ranges(io.RawIOBase):
    """A file, read a range at a time: a store that goes away in between is waited for, and nothing is read twice."""

    def __init__(self, place: StorePlace, name: str, size: int) -> None:
        self._place, self._name, self._size = place, name, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readall(self) -> bytes:
        pieces = []
        while piece := self.read(_RANGE_BYTES):
            pieces.append(piece)
        return b"".join(pieces)

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        data = self._place._range(self._name, self._at, end)
        if not data:
            raise StoreError(self._place._uri(self._name), "it was cut short while it was read")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
