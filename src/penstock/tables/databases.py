"""The answer of a database to a query, as one Parquet file: read only, row by row, and without a secret in any file.

SQLAlchemy and a driver are imported only where there is a query. Memory: `_BATCH` rows at a time, however long the
answer is.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.sdk import BadInput, PenstockError
from penstock.tables.answers import as_array, join_types
from penstock.tables.names import refuse_twice
from penstock.tables.secrets import refuse_secret, resolved

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import URL, Connection
    from sqlalchemy.exc import DBAPIError

_BATCH = 10_000
_DATABASES = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql", "duckdb", "snowflake", "bigquery")
_READ_ONLY = {"sqlite": "PRAGMA query_only = ON", "mysql": "SET SESSION TRANSACTION READ ONLY"}
"""What keeps a query from changing anything; PostgreSQL has an option of the connection for it."""


def is_database(address: str) -> bool:
    """Whether an address is the URL of a database, which makes no sense without a query."""
    return address.partition("://")[0].partition("+")[0] in _DATABASES and "://" in address


def check_url(url: str, where: str) -> None:
    """Refuse a URL that holds a secret, without telling it.

    Raises:
        BadInput: It does, or is none (author of the configuration).
    """
    if "://" not in url:
        raise BadInput(f"{where}: a query needs the SQLAlchemy URL of a database", "Such as sqlite:///PATH")
    refuse_secret(url, where, database=True)


def fingerprint_answer(url: str, query: str, where: str) -> str:
    """Digest all rows of an answer, in their order.

    Raises:
        BadInput: The query fails, or gives no table (author of the configuration).
        PenstockError: The database cannot be reached, or breaks off (operator).
    """
    sha = hashlib.sha256()
    for names, rows in _batches(url, query, where):
        sha.update(repr(names).encode())
        sha.update(repr([tuple(row) for row in rows]).encode())
    return f"sha256:{sha.hexdigest()}"


def copy_answer(url: str, query: str, target: Path, where: str, *, most: int = 0) -> None:
    """Write an answer as Parquet.

    Columns are int64, float64, bool, date32, timestamp, or text where the database gives something else or several
    kinds. The whole answer decides, not its first rows.

    Args:
        url: The database.
        query: What to ask it.
        target: The file to write.
        where: Names the source in messages.
        most: Stop once there are so many rows [rows]; 0: all of them.

    Raises:
        BadInput: The query fails, or gives no table (author of the configuration).
        PenstockError: The database cannot be reached, or breaks off (operator).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with tempfile.TemporaryFile() as spool:
        schema, count, taken = pa.schema([]), 0, 0
        for names, rows in _batches(url, query, where):
            columns = [as_array([row[at] for row in rows], f"{where}: column {n!r}") for at, n in enumerate(names)]
            batch = pa.record_batch(columns, names)
            schema = _joined(schema, batch.schema) if count else batch.schema
            with pa.ipc.new_stream(spool, batch.schema) as stream:
                stream.write_batch(batch)
            count, taken = count + 1, taken + batch.num_rows
            if most and taken >= most:
                break
        spool.seek(0)
        with pq.ParquetWriter(target, schema) as writer:
            for _ in range(count):
                with pa.ipc.open_stream(spool) as stream:
                    writer.write_table(stream.read_all().cast(schema))


def _joined(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(a.name, join_types(a.type, b.type)) for a, b in zip(one, other, strict=True)])


def _batches(url: str, query: str, where: str) -> Iterator[tuple[list[str], Sequence[Sequence[Any]]]]:
    """The names of the columns, and some rows; at least once, if only to tell the names."""
    from sqlalchemy.exc import DBAPIError

    with _connected(url, where) as connection:
        try:
            # As it is written: no parameters, so neither `:name` nor `%` means anything.
            result = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
            names = list(result.keys()) if result.returns_rows else []
            if not names:
                raise BadInput(f"{where}: the query gives no table", "Write a SELECT")
            refuse_twice(names, f"{where}: the query")
            empty = True
            for rows in result.partitions(_BATCH):
                empty = False
                yield names, rows
            if empty:
                yield names, []
        except DBAPIError as error:
            if error.connection_invalidated:
                raise PenstockError(f"{where}: the database broke off: {_line(error)}") from None
            raise BadInput(f"{where}: the query fails: {_line(error)}") from None


@contextmanager
def _connected(text: str, where: str) -> Iterator[Connection]:
    """Connect; to SQLite, MySQL, MariaDB and PostgreSQL so that nothing can be changed."""
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

    url = _resolved(text, where)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise BadInput(f"{where}: no such file")  # SQLite would make one
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    except (NoSuchModuleError, ArgumentError) as error:
        raise BadInput(f"{where}: no database that SQLAlchemy knows: {error}") from None
    except ImportError as error:
        raise BadInput(f"{where}: its driver is not installed: {error}", "Install it, or name another one") from None
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise PenstockError(f"{where}: the database cannot be reached: {_line(error)}") from None
    with connection:
        options: dict[str, Any] = {"stream_results": True, "yield_per": _BATCH}
        backend = "mysql" if engine.dialect.name in ("mysql", "mariadb") else engine.dialect.name
        if backend == "postgresql":
            options["postgresql_readonly"] = True
        connection = connection.execution_options(**options)
        if backend in _READ_ONLY:
            connection.exec_driver_sql(_READ_ONLY[backend])
        yield connection


def _resolved(text: str, where: str) -> URL:
    """Put the values of environment variables in the place of their names."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    check_url(text, where)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise BadInput(f"{where}: is no SQLAlchemy URL", "Such as postgresql+psycopg://USER@HOST/DATABASE") from None

    def fill(value: str | None) -> str | None:
        return None if value is None else resolved(value, where)

    query = {key: fill(value) or "" if isinstance(value, str) else value for key, value in url.query.items()}
    secret = None if url.password is None else fill(str(url.password))
    return url.set(
        username=fill(url.username), password=secret, host=fill(url.host), database=fill(url.database), query=query
    )


def _line(error: DBAPIError) -> str:
    """What the driver says, in one line; SQLAlchemy's own words would repeat the query."""
    return " ".join(str(error.orig).split())
