"""Answers of real databases: SQLite everywhere, PostgreSQL and MariaDB where they are installed."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy

from penstock.sdk import BadInput, PenstockError
from penstock.tables.answers import as_array, join_types
from penstock.tables.databases import copy_answer, fingerprint_answer
from penstock.tables.files import find_files, fingerprint
from penstock.tables.reading import read
from penstock.tables.sniffing import sniff
from penstock.tables.source import Source
from tests.contract.lineage.conftest import mariadb_server, postgresql_server  # noqa: F401 - fixtures

SERVERS = [pytest.param(name, marks=pytest.mark.server) for name in ("postgresql", "mariadb")]


@pytest.fixture
def trips(tmp_path: Path) -> str:
    """A database of 25,000 trips, in whose last one an amount is no number."""
    with closing(sqlite3.connect(tmp_path / "trips.sqlite")) as connection:
        connection.execute("CREATE TABLE trips (id INTEGER, day TEXT, amount, note TEXT)")
        rows = [(n, f"2013-01-{n % 28 + 1:02d}", n / 4 if n % 2 else None, "100%") for n in range(24_999)]
        connection.executemany("INSERT INTO trips VALUES (?, ?, ?, ?)", [*rows, (24_999, "2013-02-01", "much", ":x")])
        connection.commit()
    return f"sqlite:///{tmp_path}/trips.sqlite"


def test_an_answer_is_read_in_the_types_that_all_its_rows_have(trips: str) -> None:
    numbers = sniff(trips, query="SELECT * FROM trips WHERE id < 24999 ORDER BY id")
    assert numbers.table.num_rows == 24_999
    assert numbers.source.types == {"id": "int", "day": "date", "amount": "float", "note": "string"}
    assert numbers.table.slice(1, 1).to_pylist() == [
        {"id": 1, "day": dt.date(2013, 1, 2), "amount": 0.25, "note": "100%"}
    ]
    assert read(numbers.source).equals(numbers.table)
    texts = sniff(trips, query="SELECT amount FROM trips ORDER BY id")
    assert texts.table.column("amount").type == pa.string()
    assert texts.table.column("amount")[24_999].as_py() == "much"


def test_a_query_is_taken_by_the_letter(trips: str) -> None:
    source = Source(uri=trips, query="SELECT count(*) AS n FROM trips WHERE note LIKE '%:x' OR note = ':x'")
    assert read(source).to_pydict() == {"n": [1]}


def test_a_query_can_change_nothing(trips: str) -> None:
    for query in ("DELETE FROM trips", "INSERT INTO trips VALUES (1, 2, 3, 4) RETURNING id", "DROP TABLE trips"):
        with pytest.raises(BadInput, match="the query fails: attempt to write a readonly database"):
            read(Source(uri=trips, query=query))
    assert read(Source(uri=trips, query="SELECT count(*) AS n FROM trips")).to_pydict() == {"n": [25_000]}


def test_the_fingerprint_follows_the_answer(trips: str) -> None:
    def digest(query: str) -> str:
        [file] = find_files("t", Source(uri=trips, query=query))
        return fingerprint(file)

    first = digest("SELECT * FROM trips ORDER BY id")
    assert digest("SELECT * FROM trips WHERE id >= 0 ORDER BY id") == first
    with closing(sqlite3.connect(trips.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE trips SET note = 'other' WHERE id = 24000")
        connection.commit()
    assert digest("SELECT * FROM trips ORDER BY id") != first


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nope FROM trips", "the query fails: no such column: nope"),
        ("SELEKT", 'the query fails: near "SELEKT": syntax error'),
        ("SELECT id, id FROM trips", "the query names a column twice: 'id'. Rename one"),
        ("PRAGMA query_only", ""),
        ("SELECT x'ff00' AS b", "column 'b': holds bytes that are no text. Leave it out of the query, or cast it"),
        ("SELECT * FROM trips LIMIT 0", "has no rows"),
    ],
)
def test_queries_that_give_no_table(trips: str, query: str, message: str) -> None:
    if not message:
        assert sniff(trips, query=query).table.num_rows == 1
        return
    with pytest.raises(BadInput) as error:
        sniff(trips, query=query)
    assert message in str(error.value)


SECRET = "pa55word"  # noqa: S105 - to see that it is never told
URLS = [
    (
        f"postgresql+psycopg://ann:{SECRET}@db.example.com/d",
        BadInput,
        "the URL of the postgresql+psycopg database holds",
    ),
    (f"postgresql+psycopg://ann:{SECRET}/#?@db.example.com/d", BadInput, "holds a secret. Write ${NAME} in its place"),
    (f"postgresql+psycopg://ann@db.example.com/d?password={SECRET}", BadInput, "holds a secret"),
    (f"mysql+pymysql://ann@db.example.com/d?passwd={SECRET}", BadInput, "pymysql database holds a secret"),
    (f"mssql+pyodbc:///?odbc_connect=UID%3Dann%3BPWD%3D{SECRET}", BadInput, "mssql+pyodbc database holds a secret"),
    ("postgresql+psycopg://ann:${PENSTOCK_TEST_NONE}@h/d", BadInput, "variable 'PENSTOCK_TEST_NONE' is not set"),
    ("nosuch://h/d", BadInput, "no database that SQLAlchemy knows"),
    ("oracle+cx_oracle://h/d", BadInput, "its driver is not installed"),
    ("trips.sqlite", BadInput, "a query needs the SQLAlchemy URL of a database"),
    ("sqlite:////nowhere/t.sqlite", BadInput, "no such file"),
    ("postgresql+psycopg://ann:${PENSTOCK_TEST_SECRET}@127.0.0.1:1/d", PenstockError, "cannot be reached"),
    ("mysql+pymysql://ann:${PENSTOCK_TEST_SECRET}@127.0.0.1:1/d", PenstockError, "cannot be reached"),
]


@pytest.mark.parametrize(("url", "kind", "message"), URLS, ids=[message[-30:] for *_, message in URLS])
def test_addresses_that_lead_to_no_database(url: str, kind: type, message: str, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PENSTOCK_TEST_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind) as error:
        read(Source(uri=url, query="SELECT 1 AS x"))
    assert message in str(error.value)
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_values_of_any_kind_become_one_type() -> None:
    noon = dt.datetime(2013, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    cases: list[tuple[list[Any], str, list[Any]]] = [
        ([None, None], "null", [None, None]),
        ([True, None], "bool", [True, None]),
        ([True, 2], "int64", [1, 2]),
        ([1, Decimal("2.5")], "double", [1.0, 2.5]),
        ([2**63], "string", ["9223372036854775808"]),
        ([dt.date(2013, 1, 1)], "date32[day]", [dt.date(2013, 1, 1)]),
        ([dt.datetime(2013, 1, 1, 12)], "timestamp[us]", [dt.datetime(2013, 1, 1, 12)]),
        ([noon], "timestamp[us, tz=UTC]", [dt.datetime(2013, 1, 1, 10, tzinfo=dt.UTC)]),
        ([dt.time(1, 2), None], "string", ["01:02:00", None]),
        ([b"ok", "x", 1], "string", ["ok", "x", "1"]),
        ([{"b": 1, "a": [2]}], "string", ['{"a":[2],"b":1}']),
    ]
    for values, kind, expected in cases:
        array = as_array(values, "")
        assert (str(array.type), array.to_pylist()) == (kind, expected)


def test_what_two_types_have_in_common() -> None:
    null, whole, number, text = pa.null(), pa.int64(), pa.float64(), pa.string()
    assert [join_types(null, whole), join_types(whole, number), join_types(number, text)] == [whole, number, text]
    assert join_types(pa.date32(), pa.timestamp("us")) == pa.timestamp("us")
    assert join_types(pa.date32(), whole) == text


def test_an_answer_without_rows_still_names_its_columns(trips: str, tmp_path: Path) -> None:
    copy_answer(trips, "SELECT id, note FROM trips LIMIT 0", tmp_path / "a.parquet", "t")
    assert pq.read_table(tmp_path / "a.parquet").column_names == ["id", "note"]


@pytest.fixture(scope="session", params=SERVERS)
def database(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """The kind of a real server, and the URL of a database of orders there, its password in the environment."""
    urls: Callable[[str], str] = request.getfixturevalue(f"{request.param}_server")
    driver = "postgresql+psycopg" if request.param == "postgresql" else "mysql+pymysql"
    server = sqlalchemy.make_url(urls("orders")).set(drivername=driver)
    admin = server.set(database="postgres" if request.param == "postgresql" else "mysql")
    with sqlalchemy.create_engine(admin, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE orders")
    with sqlalchemy.create_engine(server).begin() as connection:
        stamp = "timestamptz" if request.param == "postgresql" else "datetime(6)"
        connection.exec_driver_sql(
            f"CREATE TABLE orders (id bigint, amount decimal(9, 2), paid boolean, day date, at {stamp}, name text)"
        )
        rows = [(n, Decimal(n) / 4, n % 2 == 0, "2013-01-31", "2013-01-31 12:00:00.25", f"ü{n}") for n in range(12_000)]
        statement = "INSERT INTO orders VALUES (%s, %s, %s, %s, %s, %s)"
        connection.exec_driver_sql(statement, rows)
        connection.exec_driver_sql("INSERT INTO orders (id) VALUES (12000)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PENSTOCK_TEST_PASSWORD", str(server.password))
        host = f"{server.host}:{server.port}"
        yield request.param, f"{driver}://penstock:${{PENSTOCK_TEST_PASSWORD}}@{host}/orders"


def test_an_answer_of_a_real_server(database: tuple[str, str]) -> None:
    kind, url = database
    source = Source(uri=url, query="SELECT * FROM orders WHERE name IS NULL OR name LIKE 'ü%' ORDER BY id")
    table = read(source)
    assert table.num_rows == 12_001
    paid = True if kind == "postgresql" else 1
    at = dt.datetime(2013, 1, 31, 12, 0, 0, 250_000, tzinfo=dt.UTC)
    first = {"id": 2, "amount": 0.5, "paid": paid, "day": dt.date(2013, 1, 31), "at": at, "name": "ü2"}
    if kind == "postgresql":  # in the zone of the session that wrote it
        first.pop("at")
        assert table.column("at").type == pa.timestamp("us", tz="UTC")
    assert first.items() <= table.slice(2, 1).to_pylist()[0].items()
    assert set(table.slice(12_000, 1).to_pylist()[0].values()) == {12_000, None}
    [file] = find_files("t", source)
    assert "PASSWORD}" in file.uri
    assert fingerprint_answer(url, source.query, "") == fingerprint(file)


def test_no_real_server_is_changed_by_a_query(database: tuple[str, str]) -> None:
    _, url = database
    for query in ("DELETE FROM orders", "DELETE FROM orders RETURNING id", "SELECT nope FROM orders"):
        with pytest.raises(BadInput, match="the query fails: "):
            read(Source(uri=url, query=query))
    assert read(Source(uri=url, query="SELECT count(*) AS n FROM orders")).to_pydict() == {"n": [12_001]}


def test_a_wrong_password_is_told_without_it(database: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_TEST_PASSWORD", SECRET)
    with pytest.raises(PenstockError, match="the database cannot be reached") as error:
        read(Source(uri=database[1], query="SELECT 1 AS x"))
    assert SECRET not in str(error.value)
