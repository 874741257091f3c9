"""Folders of this machine's file system, and of volumes that are mounted into it."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from pathlib import Path
from typing import BinaryIO

import psutil

from penstock.sdk.entry import PARTIAL
from penstock.storage.place import Place, local_files, partial_path, remove, told


class LocalPlace(Place):
    """A path.

    Args:
        uri: The address as it was given: the path, or `file://` and the path.
        path: The path.
    """

    def __init__(self, uri: str, path: Path) -> None:
        super().__init__(uri)
        self.path = path

    @property
    def address(self) -> str:
        """The absolute path."""
        return str(self.path)

    def files(self) -> dict[str, int]:
        """Sizes by name, sorted [bytes]."""
        with told(self.uri):
            return {name: path.stat().st_size for name, path in local_files(self.path).items()}

    def open(self, name: str = "") -> BinaryIO:
        """Open a file for reading."""
        with told(f"{self.uri}/{name}" if name else self.uri):
            return (self.path / name if name else self.path).open("rb")

    def is_published(self, last: str) -> bool:
        """Whether anything has the name."""
        return self.path.exists()

    def publish(self, folder: Path, *, last: str) -> None:
        """Copy under a hidden name, have it on the disk, rename."""
        with told(self.uri):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _sweep(self.path.parent)
            self._appear(local_files(folder))

    def copy_from(self, source: Place) -> None:
        """Copy another place's files here."""
        source.fetch(self.path)

    def _appear(self, files: dict[str, Path]) -> None:
        partial = partial_path(self.path)
        try:
            for name, path in files.items():
                copy = partial / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            _flush(partial)
            try:
                partial.rename(self.path)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.path)) from None
                raise
            _flush_folder(self.path.parent)
        finally:
            remove(partial)


def _flush(folder: Path) -> None:
    """Have the bytes on the disk before the name: a power cut must not leave a whole name with half its content."""
    for path in folder.rglob("*"):
        _flush_folder(path)


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what killed publications of this machine left behind."""
    host = socket.gethostname()
    for left in folder.glob(f".*{PARTIAL}{host}-*"):
        owner = left.name.rsplit("-", 1)[1]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            remove(left)
