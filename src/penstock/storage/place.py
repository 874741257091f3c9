"""What a place for files can do. Adapters are held to it by one contract suite, `tests/contract/storage`."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from penstock.artifacts.digest import digest_json
from penstock.sdk import PenstockError
from penstock.sdk.entry import PARTIAL

THREADS = 4
"""Files that are read or written at once."""
_CHUNK = 1 << 20
_WHOLE = ""
"""The name of the file of a place that is one file."""


class StoreError(PenstockError):
    """A place cannot be read or written, told in one line.

    Args:
        uri: The place.
        reason: Why, without the place.
        remedy: What to do about it.
    """

    def __init__(self, uri: str, reason: str, remedy: str = "") -> None:
        super().__init__(f"{uri}: {reason}", remedy)
        self.reason = reason


class NothingThere(StoreError):
    """No file is at the address."""


class Damaged(StoreError):
    """A file's content is not what the store itself knows of it."""


class Place(ABC):
    """A folder, or one file, under one address; nothing needs to be there yet.

    Args:
        uri: The address, as a person writes it.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    @property
    def address(self) -> str:
        """Where others find it: the address as it was given, or the absolute path."""
        return self.uri

    @abstractmethod
    def files(self) -> dict[str, int]:
        """Sizes by name below the folder, sorted [bytes]; the name is empty where the address is that of one file.

        What an unfinished write left does not count, and neither do folders nor the markers that some tools leave in
        their place in object stores.

        Raises:
            StoreError: The store does not let us look (operator).
        """

    @abstractmethod
    def open(self, name: str = _WHOLE) -> BinaryIO:
        """Open a file for reading; what passes is tried again while it is read.

        Raises:
            NothingThere: There is no such file (caller).
            StoreError: It cannot be read (operator).
        """

    @abstractmethod
    def is_published(self, last: str) -> bool:
        """Whether a publication is there, or whatever else stands in its way.

        Args:
            last: The file that was written last.
        """

    @abstractmethod
    def publish(self, folder: Path, *, last: str) -> None:
        """Put a folder's files here, so that a reader finds all of them or takes none for whole.

        On a file system the folder appears by one rename, after its bytes are on the disk. A store without rename gets
        the files under their final names, and `last` when all others are there: who reads there asks for it first.
        Interrupted, it leaves nothing that has `last`; done again, it completes what is missing.

        Args:
            folder: Its files; empty folders do not count.
            last: The name of the file by which readers tell that all is there.

        Raises:
            FileExistsError: Another publication was quicker (caller: compare with it).
            StoreError: It cannot be written (operator).
        """

    @abstractmethod
    def copy_from(self, source: Place) -> None:
        """Take over another place's files, inside the store where that is possible: they do not come by here.

        Raises:
            NothingThere: The other is empty (caller).
            StoreError: A file cannot be read or written (operator).
        """

    def read(self, name: str = _WHOLE) -> bytes:
        """Read a small file.

        Raises:
            NothingThere: There is no such file (caller).
            StoreError: It cannot be read (operator).
        """
        with self.open(name) as stream:
            return stream.read()

    def digests(self) -> dict[str, str]:
        """SHA-256 by file, sorted, in hexadecimal digits; the content streams by and is kept nowhere."""
        names = list(self.files())
        with ThreadPoolExecutor(THREADS) as pool:
            return dict(zip(names, pool.map(self._digest_file, names), strict=True))

    def digest(self) -> str:
        """The content digest, as `digest_tree` gives it for the same files on a disk.

        Raises:
            NothingThere: No file is here (caller).
            StoreError: A file cannot be read (operator).
        """
        digests = self.digests()
        if not digests:
            raise NothingThere(self.uri, "nothing is there")
        if list(digests) == [_WHOLE]:
            return f"sha256:{digests[_WHOLE]}"
        return digest_json(sorted([name, f"sha256:{digest}"] for name, digest in digests.items()))

    def fetch(self, target: Path) -> None:
        """Copy what is here to a local path that is free: all of it, or nothing appears.

        Raises:
            NothingThere: No file is here (caller).
            StoreError: It cannot be read, or the copy not be written (operator).
        """
        files = self.files()
        if not files:
            raise NothingThere(self.uri, "nothing is there")
        partial = partial_path(target)
        try:
            with told(str(target)):
                target.parent.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(lambda name: self._fetch_file(name, partial), files))
            with told(str(target)):
                partial.rename(target)
        finally:
            remove(partial)

    def _digest_file(self, name: str) -> str:
        with self.open(name) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]

    def _fetch_file(self, name: str, partial: Path) -> None:
        if ".." in PurePosixPath(name).parts:
            raise StoreError(self.uri, f"a file there has the name {name!r}, which leads out of its folder")
        path = partial / name if name else partial
        with self.open(name) as stream, told(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as copy:
                shutil.copyfileobj(stream, copy, _CHUNK)


def local_files(folder: Path) -> dict[str, Path]:
    """Files by their name below a folder, sorted, without what an unfinished write left; one file has no name."""
    if folder.is_file():
        return {_WHOLE: folder}
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    whole = {name.as_posix(): path for name, path in found.items() if not any(PARTIAL in p for p in name.parts)}
    return dict(sorted(whole.items()))


def partial_path(target: Path) -> Path:
    """A hidden name beside a path, for what is not finished: it says whose it is."""
    return target.with_name(f".{target.name}{PARTIAL}{socket.gethostname()}-{os.getpid()}")


def remove(path: Path) -> None:
    """Remove a file or a folder, whatever is there of it."""
    if path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def told(uri: str) -> Iterator[None]:
    """Tell what a file system may answer in one line.

    Raises:
        NothingThere: There is no such file.
        StoreError: Anything else.
    """
    try:
        yield
    except FileNotFoundError:
        raise NothingThere(uri, "nothing is there") from None
    except FileExistsError:
        raise
    except OSError as error:
        remedy = "Make space, or a larger volume" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise StoreError(uri, error.strerror or str(error), remedy) from error
