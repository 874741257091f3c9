"""Open a lineage store by its URL: the one door to every adapter."""

from __future__ import annotations

from penstock.lineage.address import parse_address, with_password
from penstock.lineage.port import LineageStore


def open_store(url: str, *, patience_seconds: float | None = None, wait: bool = False) -> LineageStore:
    """Open a lineage store, making it when it is not there yet.

    Safe to use from several threads; not across a fork: open it again in the child. Opening an existing SQLite
    store takes a few milliseconds after the first import of `ml_metadata` (about 0.1 s).

    Args:
        url: `sqlite:///folder/lineage.sqlite`, `mysql://user:password@host:3306/database`,
            `postgresql://user:password@host:5432/database`, `grpc://host:8080` or `grpcs://host:8443`, with TLS
            options as a query. A password that is not in it is read from the environment: see `address`.
            SQLite keeps a write-ahead log beside the file, which network file systems do not support: use a server
            there.
        patience_seconds: How long each call is tried again while the store is away [s]; 20 by default.
        wait: Whether opening waits that long, too, for a server that does not answer yet.

    Raises:
        BadInput: The URL is wrong, the file is not a lineage store, or the store was written by another version of
            ML Metadata (caller).
        StoreUnavailable: The server does not answer or refuses, the file cannot be written or stays locked (operator).
    """
    address = with_password(parse_address(url))
    from penstock.lineage.mlmd.connection import Connection
    from penstock.lineage.mlmd.store import MlmdStore

    known = {} if patience_seconds is None else {"patience_seconds": patience_seconds}
    return MlmdStore(Connection(address, wait=wait, **known))
