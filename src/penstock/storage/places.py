"""From an address to the adapter for it: the one door."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from penstock.sdk import BadInput
from penstock.storage.patience import Patience
from penstock.storage.place import Place

if TYPE_CHECKING:
    from penstock.storage.remote import StorePlace


def is_remote(uri: str) -> bool:
    """Whether an address is in a store, and not on this machine's file system.

    Example:
        >>> is_remote("s3://bucket/releases"), is_remote("file:///srv/releases"), is_remote("releases")
        (True, False, False)
    """
    return "://" in uri and not uri.startswith("file://")


def at(uri: str, *, patience: Patience | None = None) -> Place:
    """The place at an address. Nothing is asked of a store yet.

    Args:
        uri: A path, `file://...`, `s3://bucket/key`, `gs://bucket/key`, or what else fsspec knows.
        patience: How long a store may be away; what the environment says when None.

    Raises:
        BadInput: The address holds credentials, or is of a kind that is not installed (caller).
    """
    if is_remote(uri):
        return in_store(uri, patience=patience)
    from penstock.storage.local import LocalPlace

    return LocalPlace(uri, Path(uri.removeprefix("file://")).absolute())


def in_store(uri: str, *, patience: Patience | None = None) -> StorePlace:
    """The place at an address of a store, with what only a store can say of it: tags, what fits a pattern.

    Raises:
        BadInput: As `at`.
    """
    parts = urlsplit(uri)
    if parts.username or parts.password:
        raise BadInput(f"{parts.scheme}://...@{parts.hostname}: credentials do not belong into a URL")
    from penstock.storage.remote import StorePlace

    return StorePlace(uri, patience or Patience.from_environment())
