"""Publishing a bundle where servers read it: whole or not at all, and never over another.

On a file system the bundle is copied under a hidden temporary name and renamed, so that it appears in one instant. An
object store has no rename: there the manifest goes last, and a release is what has a manifest.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from components.pusher.bundle import damage, files_of
from components.pusher.logic import MANIFEST
from penstock.artifacts import digest_bytes
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.entry import PARTIAL


def publish(bundle: Path, destination: str, name: str) -> str:
    """Publish a bundle as `<destination>/<name>`.

    What is there already is compared, never replaced: the same bundle, intact, is nothing to do.

    Args:
        bundle: The bundle's folder.
        destination: A folder, or a URL that fsspec knows.
        name: The folder's name at the destination, made from the digest.

    Returns:
        Where it is.

    Raises:
        BadInput: The destination cannot be one (caller).
        PenstockError: Something else, or a damaged bundle, is there; or it cannot be written (operator).
    """
    parts = urlsplit(destination)
    if parts.password or parts.username:
        raise BadInput(f"destination: {parts.scheme}://...@{parts.hostname}: credentials do not belong into a URL")
    try:
        if parts.scheme in ("", "file"):
            return _publish_folder(bundle, Path(parts.path if parts.scheme else destination).absolute(), name)
        return _publish_objects(bundle, destination, name)
    except OSError as error:
        raise PenstockError(f"cannot publish to {destination}: {error.strerror or error}") from error


def _publish_folder(bundle: Path, destination: Path, name: str) -> str:
    final = destination / name
    if final.exists():
        return _accept(final, bundle)
    destination.mkdir(parents=True, exist_ok=True)
    _sweep(destination)
    partial = destination / f".{name}{PARTIAL}{socket.gethostname()}-{os.getpid()}"
    try:
        for path in files_of(bundle):
            copy = partial / path.relative_to(bundle)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        _flush(partial)
        try:
            partial.rename(final)
        except OSError:
            if not final.exists():
                raise
            return _accept(final, bundle)  # another push of the same bundle was quicker
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return str(final)


def _accept(final: Path, bundle: Path) -> str:
    """What is there is this very bundle, or it is an error."""
    wrong = damage(final)
    if not wrong and (final / MANIFEST).read_bytes() != (bundle / MANIFEST).read_bytes():
        wrong = "it is another release"
    if wrong:
        raise PenstockError(f"{final} exists and is not this release: {wrong}", "Move it away; nothing was overwritten")
    return str(final)


def _flush(folder: Path) -> None:
    """Have the bytes on the disk before the name: a power cut must not leave a whole name with half its content."""
    for path in folder.rglob("*"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sweep(destination: Path) -> None:
    """Remove what killed pushes of this machine left behind."""
    host = socket.gethostname()
    for left in destination.glob(f".*{PARTIAL}{host}-*"):
        owner = left.name.rsplit("-", 1)[1]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _publish_objects(bundle: Path, destination: str, name: str) -> str:
    import fsspec

    try:
        store, root = fsspec.core.url_to_fs(destination.rstrip("/"))
    except (ValueError, ImportError) as error:
        raise BadInput(f"destination: {destination}: {error}") from None
    final, uri = f"{root}/{name}", f"{destination.rstrip('/')}/{name}"
    files = files_of(bundle)
    ordered = [path for path in files if path != bundle / MANIFEST]
    if store.exists(f"{final}/{MANIFEST}"):
        _compare_objects(store, final, uri, bundle, files)
        return uri
    for path in [*ordered, bundle / MANIFEST]:
        target = f"{final}/{path.relative_to(bundle).as_posix()}"
        store.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        store.put_file(str(path), target)
    return uri


def _compare_objects(store: Any, final: str, uri: str, bundle: Path, files: list[Path]) -> None:
    for path in files:
        relative = path.relative_to(bundle).as_posix()
        target = f"{final}/{relative}"
        same = store.exists(target) and digest_bytes(store.cat_file(target)) == digest_bytes(path.read_bytes())
        if not same:
            text = f"{uri} exists and is not this release: {relative} differs"
            raise PenstockError(text, "Move it away; nothing was overwritten")
