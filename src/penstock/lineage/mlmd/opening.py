"""How a store is opened, and why it could not be: ML Metadata's own messages name neither cause nor remedy."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.lineage.address import StoreAddress
from penstock.lineage.errors import NoAnswer, StoreUnavailable, StoreVersion
from penstock.lineage.mlmd.holders import exclusive_holder, writer
from penstock.sdk import BadInput, PenstockError
from penstock.sdk.entry import PARTIAL

if TYPE_CHECKING:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

_GRPC_TLS = {"ca": "custom_ca", "cert": "server_cert", "key": "client_key"}
"""What our options are called in ML Metadata's configuration; its `server_cert` is the client's certificate."""
_PROBE_SECONDS = 3.0
_CALL_SECONDS = 60.0
_CAUSE_CHARACTERS = 300
_LEAST_BYTES = 1 << 16
_EXCLUSIVE_SECONDS = 3.0
"""How long a file may be closed to everybody [s]: what tidies up its log takes milliseconds."""


def open_store(address: StoreAddress) -> Any:
    """Open an `ml_metadata.MetadataStore`, making its tables and, where allowed, its database.

    Raises:
        RuntimeError: As ML Metadata raises it; see `explain_open`.
        BadInput: The file is something else than an SQLite database (caller).
        StoreUnavailable: The folder cannot be made (operator).
    """
    from ml_metadata import MetadataStore

    if address.scheme in ("grpc", "grpcs"):
        _reach(address)
        return MetadataStore(_client_config(address))
    if address.path is not None:
        _prepare_file(address.path)
        _wait_until_free(address.path)
        return MetadataStore(connection_config(address))
    try:
        return MetadataStore(connection_config(address))
    except RuntimeError:
        _reach(address)
        return MetadataStore(connection_config(address, create_database=True))


def connection_config(address: StoreAddress, *, create_database: bool = False) -> mlmd.ConnectionConfig:
    """ML Metadata's configuration for a direct connection.

    Args:
        address: Not gRPC.
        create_database: Whether a server is asked to make the database first: needs the right to do so.
    """
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    config = mlmd.ConnectionConfig(retry_options=mlmd.RetryOptions(max_num_retries=1))
    if address.path is not None:
        config.sqlite.filename_uri = str(address.path)
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return config
    # The MySQL client takes "localhost" for a Unix socket.
    host = "127.0.0.1" if address.host == "localhost" else address.host
    if address.scheme == "mysql":
        config.mysql.host, config.mysql.port, config.mysql.database = host, address.port, address.database
        config.mysql.user, config.mysql.password = address.user, address.password
        config.mysql.skip_db_creation = not create_database
        for name, value in address.tls:
            setattr(config.mysql.ssl_options, name.removeprefix("ssl_"), value)
    else:
        config.postgresql.host, config.postgresql.port = host, str(address.port)
        config.postgresql.dbname, config.postgresql.user = address.database, address.user
        config.postgresql.password = address.password
        config.postgresql.skip_db_creation = not create_database
        for name, value in address.tls:
            setattr(config.postgresql.ssloption, name, value)
    return config


def explain_open(address: StoreAddress, error: RuntimeError) -> PenstockError:
    """Why the store could not be opened, and what to do."""
    text = str(error)
    where = f"lineage store {address.shown}"
    if "greater than library version" in text:
        return StoreVersion(f"{where} was written by a newer version of ML Metadata", "Upgrade Penstock.")
    if "older than library version" in text:
        remedy = "Upgrade it once with ML Metadata's enable_upgrade_migration, after a backup."
        return StoreVersion(f"{where} was written by an older version of ML Metadata", remedy)
    if address.path is not None:
        return _explain_file(address.path, text)
    if "subset of tables" in text:
        remedy = f"A first start was cut short: drop the database {address.database!r} and run again."
        return StoreUnavailable(f"{where} has only some of its tables", remedy)
    remedy = "Check user, password, database and TLS options; the database must exist or the user may create it."
    if address.scheme == "mysql":
        remedy += " The user must log in by mysql_native_password."
    return StoreUnavailable(f"{where}: the server answers and refuses the connection ({_first_line(text)})", remedy)


_FILE_TROUBLE = (
    (("readonly database", "read-only"), "cannot be written", "Give this user the right to write the file and folder."),
    (("disk is full", "No space left"), "cannot be written: the disk is full", "Free some space and run again."),
    (("not a database", "malformed"), "is damaged", "Restore it from a backup, or move it away to begin anew."),
)


def explain_call(
    address: StoreAddress, error: Exception, *, busy: bool, away_seconds: float | None = None
) -> PenstockError:
    """Why a call failed for good; `away_seconds` says how long it was tried again where no server answered."""
    where, text = f"lineage store {address.shown}", str(error)
    for signs, what, remedy in _FILE_TROUBLE:
        if any(sign in text for sign in signs):
            return StoreUnavailable(f"{where} {what}", remedy)
    if away_seconds is not None and address.path is None:
        why = f"no server answers, and it was tried again for {away_seconds:.0f} s"
        return NoAnswer(f"{where}: {why}", "Start the server, or see why it is away.")
    if busy:
        holder = writer(address.path) if address.path else ""
        if holder:
            return StoreUnavailable(f"{where} stays locked by {holder}", "End it, or try again later.")
        remedy = "End the process that holds it (a database shell?), or try again."
        return StoreUnavailable(f"{where} stays locked or out of reach", remedy)
    return StoreUnavailable(f"{where}: {_last_line(text)}")


def _prepare_file(path: Path) -> None:
    """Where there is no file yet, make a whole one beside it and link it into place.

    ML Metadata makes its tables one by one: two processes that open a new file at once, or a kill, would leave some
    of them. The file keeps a write-ahead log, so that readers and one writer work at once and a commit syncs once
    instead of three times; ML Metadata cannot ask for that, but the mode stays with the file. Python's SQLite may set
    it only while nobody has the file open: closing a file that ML Metadata's own copy of SQLite has open in the same
    process would drop its locks (sqlite.org/howtocorrupt.html, section 2.2.1).
    """
    import sqlite3
    import tempfile

    from ml_metadata import MetadataStore

    try:
        if path.is_dir():
            raise BadInput(f"lineage store {path} is a folder", "Name a file in it.")
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}{PARTIAL}{os.getpid()}-", dir=path.parent) as folder:
            partial = Path(folder) / "lineage.sqlite"
            MetadataStore(connection_config(StoreAddress("sqlite", path=partial)))  # closed as soon as it is made
            with contextlib.closing(sqlite3.connect(partial)) as database:
                database.execute("PRAGMA journal_mode=WAL")
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(partial, path)
    except (OSError, sqlite3.Error) as error:
        remedy = "Choose another place, or give this user the right to write there."
        reason = getattr(error, "strerror", None) or str(error)
        if path.parent.is_file():
            reason = f"{path.parent} is not a folder"
        raise StoreUnavailable(f"lineage store {path} cannot be made: {reason}", remedy) from None


def _wait_until_free(path: Path) -> None:
    """Wait for who keeps everybody else out of the file: ML Metadata would wait for most of a minute, in silence."""
    end = time.monotonic() + _EXCLUSIVE_SECONDS
    while holder := exclusive_holder(path):
        if time.monotonic() > end:
            raise StoreUnavailable(f"lineage store {path} is locked by {holder}", "End it, or try again later.")
        time.sleep(0.05)


def _explain_file(path: Path, text: str) -> PenstockError:
    if "not a database" in text or "malformed" in text:
        remedy = "Name the right file, or move this one away."
        return BadInput(f"lineage store {path} is not an SQLite database, or damaged", remedy)
    if "locked" in text or "busy" in text.lower() or "aborted" in text:
        remedy = "End the process that holds it (a database shell?), or try again."
        return StoreUnavailable(f"lineage store {path} is locked by another process", remedy)
    if "disk is full" in text or "No space left" in text or _is_full(path.parent):
        return StoreUnavailable(
            f"lineage store {path} cannot be written: the disk is full", "Free some space and run again."
        )
    writable = os.access(path, os.W_OK) if path.exists() else os.access(path.parent, os.W_OK)
    if not writable or "readonly" in text or not os.access(path.parent, os.W_OK):
        remedy = "Give this user the right to write the file and its folder, or choose another place."
        return StoreUnavailable(f"lineage store {path} cannot be written", remedy)
    reason = _first_line(text).removeprefix("Error when executing query: ").partition(" query:")[0]
    remedy = "See that its disk works, and that files there may grow." if "disk I/O" in reason else ""
    return StoreUnavailable(f"lineage store {path} cannot be opened: {reason}", remedy)


def _is_full(folder: Path) -> bool:
    """Whether there is no room for the smallest of tables: SQLite may say no more than "disk I/O error"."""
    try:
        return shutil.disk_usage(folder).free < _LEAST_BYTES
    except OSError:
        return False


def _client_config(address: StoreAddress) -> mlmd.MetadataStoreClientConfig:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    config = mlmd.MetadataStoreClientConfig(host=address.host, port=address.port, client_timeout_sec=_CALL_SECONDS)
    if address.scheme == "grpcs":
        files = {name: _read_pem(address, name, path) for name, path in address.tls}
        config.ssl_config.SetInParent()
        for name, text in files.items():  # an empty text would not mean the system's certificates
            setattr(config.ssl_config, _GRPC_TLS[name], text)
    return config


def _read_pem(address: StoreAddress, name: str, path: str) -> str:
    """The text of a certificate or a key: ML Metadata's client takes texts, not paths."""
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not PEM"
        raise BadInput(f"lineage store {address.shown}: {name}={path} cannot be read: {why}") from None


def _reach(address: StoreAddress) -> None:
    """See whether anybody listens: ML Metadata says only that it has no connection."""
    try:
        socket.create_connection((address.host, address.port), timeout=_PROBE_SECONDS).close()
    except OSError as error:
        remedy = "Start the server, or correct host and port."
        reason = error.strerror or str(error)
        raise NoAnswer(f"lineage store {address.shown}: no server answers ({reason})", remedy) from None


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0][:_CAUSE_CHARACTERS]


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1][-_CAUSE_CHARACTERS:]
