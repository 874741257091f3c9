"""Open a lineage store by its URL: the one door to every adapter."""

from __future__ import annotations

from penstock.lineage.address import parse_address
from penstock.lineage.port import LineageStore


def open_store(url: str) -> LineageStore:
    """Open a lineage store, making it when it is not there yet.

    Safe to use from several threads; not across a fork: open it again in the child. Opening an existing SQLite
    store takes a few milliseconds after the first import of `ml_metadata` (about 0.1 s).

    Args:
        url: `sqlite:///folder/lineage.sqlite`, `mysql://user:password@host:3306/database`,
            `postgresql://user:password@host:5432/database` (both with TLS options as a query) or `grpc://host:8080`.
            SQLite keeps a write-ahead log beside the file, which network file systems do not support: use a server
            there.

    Raises:
        BadInput: The URL is wrong, the file is not a lineage store, or the store was written by another version of
            ML Metadata (caller).
        StoreUnavailable: The server does not answer or refuses, the file cannot be written or stays locked (operator).
    """
    address = parse_address(url)
    from penstock.lineage.mlmd.connection import Connection
    from penstock.lineage.mlmd.store import MlmdStore

    return MlmdStore(Connection(address))
