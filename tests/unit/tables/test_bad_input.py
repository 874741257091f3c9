"""What is no table, or not the one that was declared, is told in one line: the file, the place in it, the remedy."""

from __future__ import annotations

import gzip
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.sdk import BadInput
from penstock.tables import contents, parquet
from penstock.tables.contents import unpacked_limit
from penstock.tables.reading import read
from penstock.tables.sniffing import sniff
from penstock.tables.source import Source


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever is wrong, no temporary file stays."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def refused(path: Path | str, **declared) -> str:
    """What reading says; without a declaration, what looking at an unknown table says."""
    with pytest.raises(BadInput) as error:
        read(Source(uri=str(path), **declared)) if declared else sniff(str(path))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    return str(error.value).replace(str(Path(path).parent), "...")


UNKNOWN = [
    (b"", "t.csv: is empty. Give a table with rows"),
    (b"\n\n", "t.csv: is empty"),
    (b"a,b\n", "t.csv: has a header but no rows"),
    (b"a,b", "t.csv: has a header but no rows"),
    (bytes(range(256)) * 40, "t.csv: is no text: it has NUL bytes, the first as byte 0"),
    (b"a,b\n1,2\n3,\0\n", "t.csv: is no text: it has NUL bytes, the first as byte 10"),
    (b"a,b\n" + bytes(range(1, 32)) * 9 + b"\n", "t.csv: is no text: 79% of it are control characters"),
    (b"PK\x03\x04rest", "is no text but a zip archive or an office document. Give a zip a name that ends in .zip"),
    (b"PAR1rest", "t.csv: cannot be read as Parquet"),
    (b"SQLite format 3\0rest", "Give its url, sqlite:///path, and a query"),
    (b"%PDF-1.4 rest", "is no text but a PDF"),
    (b"\n<!DOCTYPE html>\n<title>a, b</title>\n", "t.csv: is no table but a web page. Give the address of the file"),
    (b"a,a\n1,2\n", "t.csv: the header names a column twice: 'a'. Rename one of them in the data"),
    (b"a,b\n1,2\n3\n4,5,6\n", "the header names 2 columns, but line 3 has 1, line 4 has 3. Mend these lines"),
    (b"a,b\n" + b"1,2\n" * 9 + b"3\n" * 7, "line 15 has 1, and 2 more lines"),
    (b'a,b\n1,2\n3,"x\ny"\n4\n', "but line 5 has 1"),
    (b"a,b\n1,2\n3,-inf\n4,inf\n", "t.csv: line 3: column 'b' has an infinite value, '-inf' (1 more)"),
    (b"a,b\n1,\n2,Infinity\n3,0\n", "t.csv: line 3: column 'b' has an infinite value, 'Infinity'"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), UNKNOWN, ids=[message[-40:] for _, message in UNKNOWN])
def test_what_is_no_table(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert message.lower() in refused(tmp_path / "t.csv").lower()


DECLARED = [
    (b"a;b\n1;2\n3;4\n", {"delimiter": ","}, "has one column, 'a;b', with the same number of semicolons in every line."
     " Declare delimiter: ';'"),
    (b"a\tb\n1\t2\n", {"nulls": ["x"]}, "Declare delimiter: '\\t'"),
    (b"a,b\n1,2\n", {"types": {"amount": "int"}}, "types: the source 'data': has no column 'amount'. It has a, b"),
    (b"amuont,b\n1,2\n", {"types": {"amount": "int"}}, "has no column 'amount'. Did you mean 'amuont'?"),
    (b"a,b\n1,2\n", {"columns": {"x": "c"}}, "t.csv: has no column 'c'"),
    (b"a,b\n1,2\n", {"columns": {"b": "a"}}, "t.csv: columns 'a' and 'b' would both be called 'b'"),
    (b"a\n1\n", {"fields": {"x": {"column": "c", "path": ["k"]}}}, "t.csv: has no column 'c'"),
    (b"a\n{}\nnope\n", {"fields": {"x": {"column": "a", "path": ["k"]}}}, "column 'a': line 3 is no JSON: 'nope'"),
    (b"a\n1\n\n2\nx\n", {"types": {"a": "int"}}, "column 'a' does not fit type 'int': line 5 has 'x'"),
    (b'a,b\n"1\n2",3\n4,x\n', {"types": {"b": "float"}}, "column 'b' does not fit type 'float': line 4 has 'x'"),
    (b"a\n1\n9223372036854775808\n", {"types": {"a": "int"}}, "line 3 has '9223372036854775808'"),
    (b"a\ntrue\nmaybe\n", {"types": {"a": "bool"}}, "column 'a' does not fit type 'bool': line 3 has 'maybe'"),
    (b"a\n31/01/2013\n31/02/2013\n", {"formats": {"a": "%d/%m/%Y"}},
     "does not fit type 'date', written as '%d/%m/%Y': line 3 has '31/02/2013'"),
    (b"a\n2013-01-31\n31.01.2013\n", {"types": {"a": "date"}},
     "type 'date': line 3 has '31.01.2013'. If that is how they are written,"
     " say so in 'formats'"),
    (b"a\n2013-01-31T01:00Z\n2013-01-31T01:00\n", {"types": {"a": "timestamp"}},
     "type 'timestamp': some of its times have a zone, some none"),
    (b'a\n"1.234,5"\n"1,234.5"\n', {"formats": {"a": "1.234,5"}},
     "does not fit type 'float', written as '1.234,5': line 3 has '1,234.5'"),
    (b"a\n1\ninf\n", {"types": {"a": "float"}}, "column 'a': line 3 has an infinite value (1 in all)"),
    (b"a,b\n1,2\n3,caf\xe9\n", {"nulls": ["x"]},
     "t.csv: line 3, byte 13: byte 0xe9 is not UTF-8. Declare its encoding"),
    (b"a,b\n1,\x81\n", {"encoding": "cp1252"}, "t.csv: byte 6: is not cp1252. Declare the encoding that it has"),
    (b"a,b\n1,2", {"encoding": "utf-16"}, "t.csv: "),
    (b"\xff\xfea\0,\0b\0", {"nulls": ["x"]}, "t.csv: line 1, byte 3: has a NUL byte. Declare encoding: utf-16"),
    (b'{"a": 1}\n[2]\n', {"format": "json_lines"}, "t.csv: line 2: is no JSON object, so it names no columns"),
    (b'{"a": 1}\n{"a": \n', {"format": "json_lines"}, "t.csv: line 2: is no JSON: "),
    (b"[" * 100_000, {"format": "json_lines"}, "t.csv: line 1: is no JSON: "),
    (b"PAR1 and nothing", {"format": "parquet"}, "t.csv: cannot be read as Parquet: "),
]  # fmt: skip


@pytest.mark.parametrize(("content", "declared", "message"), DECLARED, ids=[message[-40:] for *_, message in DECLARED])
def test_what_is_not_as_declared(tmp_path: Path, content: bytes, declared: dict, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert message in refused(tmp_path / "t.csv", **declared)


def test_paths_that_lead_to_no_table(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.csv").endswith("no.csv: no such file")
    assert refused(tmp_path / "*.csv").endswith("*.csv: no file fits")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.md").write_text("none")
    assert "folder: no table is in this directory: no name ends in .csv" in refused(tmp_path / "folder")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    assert refused(tmp_path / "loop.csv").endswith("loop.csv: no such file")
    assert "a query needs the SQLAlchemy URL" in refused(tmp_path / "t.csv", query="SELECT 1")
    assert "the address of a database needs a query" in refused("sqlite:///x.db")


def test_a_misspelt_file_or_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "churn.csv").write_text("x\n1\n")
    assert refused(tmp_path / "chrun.csv").endswith("chrun.csv: no such file. Did you mean 'churn.csv'?")
    assert refused(tmp_path / "dta" / "churn.csv").endswith("no such file. There is no folder ...")


def test_a_title_above_the_header_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("Report,,\na,b,c\n1,2,3\n")
    assert "the header leaves 2 columns without a name. Name them; if the line is a title, delete it" in refused(
        tmp_path / "t.csv"
    )


def test_links_that_go_round_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "t.csv").write_text("x\n1\n")
    for name in ("one", "two"):
        (tmp_path / "a" / name).symlink_to(tmp_path / "a", target_is_directory=True)
    for address in (str(tmp_path), f"{tmp_path}/**/*.csv"):
        assert sniff(address).table.to_pydict() == {"x": [1]}


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n1\n")
    (tmp_path / "t.csv").chmod(0)
    assert refused(tmp_path / "t.csv").endswith("t.csv: cannot be read: Permission denied")


def test_a_disk_that_gives_errors() -> None:
    assert refused("/proc/self/mem").endswith("mem: cannot be read: Input/output error")


def test_files_that_are_cut_off(tmp_path: Path) -> None:
    whole = gzip.compress(b"x,y\n" + b"1,2\n" * 1000)
    (tmp_path / "t.csv.gz").write_bytes(whole[:-10])
    assert "t.csv.gz: cannot be unpacked: " in refused(tmp_path / "t.csv.gz")
    (tmp_path / "bad.csv.gz").write_bytes(whole[:20] + bytes([whole[20] ^ 255]) + whole[21:])
    assert "bad.csv.gz: cannot be unpacked: " in refused(tmp_path / "bad.csv.gz")
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.writestr("t.csv", "x\n1\n")
    (tmp_path / "cut.csv.zip").write_bytes((tmp_path / "t.csv.zip").read_bytes()[:-30])
    assert "cut.csv.zip: cannot be unpacked: " in refused(tmp_path / "cut.csv.zip")
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "t.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-30])
    assert "cut.parquet: cannot be read as Parquet: " in refused(tmp_path / "cut.parquet")


def test_archives_with_a_password_or_without_a_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.csv", "x\n1\n")
    content = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag that says so, in both headers
        content[content.index(signature) + at] |= 1
    path.write_bytes(bytes(content))
    assert "t.csv.zip: is protected by a password. Unpack it" in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.md", "none")
    assert "t.csv.zip: the zip holds no .csv" in refused(path)


def test_what_unpacks_without_end_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_LEAST_LIMIT", 1 << 20)
    size = 4 << 20
    zeros = gzip.compress(b"0," * (size // 2))
    (tmp_path / "t.csv.gz").write_bytes(zeros)
    assert unpacked_limit(len(zeros)) < size
    assert "t.csv.gz: unpacks to more than" in refused(tmp_path / "t.csv.gz")
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("t.csv", b"0," * (size // 2))
    assert "t.csv.zip: unpacks to more than" in refused(tmp_path / "t.csv.zip")


def test_parquet_that_swells_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"x": [0] * 3_000_000}), tmp_path / "t.parquet", compression="zstd")
    assert (tmp_path / "t.parquet").stat().st_size < 3_000
    assert sniff(f"{tmp_path}/t.parquet").table.num_rows == 3_000_000
    monkeypatch.setattr(parquet, "_LEAST_LIMIT", 2_000_000)
    assert "says that it holds 3,000,000 values, over 1,000 times its size" in refused(tmp_path / "t.parquet")


def test_files_of_a_folder_that_do_not_belong_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    assert "b.csv: compared with the first file, it lacks 'y' and has 'z' besides" in refused(tmp_path)
    (tmp_path / "b.csv").write_text("y,x\n3,4\n")
    assert sniff(str(tmp_path)).table.to_pydict() == {"x": [1, 4], "y": [2, 3]}


def test_files_of_one_table_have_one_format(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    pq.write_table(pa.table({"x": [2]}), tmp_path / "b.parquet")
    assert "b.parquet: is parquet, where the first file, .../" in refused(tmp_path)
    assert sniff(f"{tmp_path}/*.csv").table.to_pydict() == {"x": [1]}
    with pytest.raises(BadInput, match=r"a\.csv: no column is left"):
        sniff(f"{tmp_path}/a.csv", without=["x"])


def test_files_of_one_table_have_one_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\nplain\n")
    (tmp_path / "b.csv").write_bytes("x\ncafé\n".encode("cp1252"))
    (tmp_path / "c.csv").write_text("x\nplain\n")
    found = sniff(str(tmp_path))
    assert (found.source.encoding, found.table.column("x").to_pylist()) == ("cp1252", ["plain", "café", "plain"])
    (tmp_path / "c.csv").write_bytes("x\ncafé\n".encode())
    assert "c.csv: is utf-8, where files before it are cp1252. Save all files" in refused(tmp_path)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"encoding": "utf8000"}, "'utf8000' is no encoding of text that Python knows"),
        ({"encoding": "hex"}, "'hex' is no encoding of text"),
        ({"formats": {"a": "dd/mm/yyyy"}}, "the format 'dd/mm/yyyy' of 'a' has no directive"),
        ({"formats": {"a": "%d/%m/%Q"}}, "has %Q; there are %Y %y %m"),
        ({"formats": {"a": "%d/%m"}}, "must say year, month and day, each once"),
        ({"formats": {"a": "%Y-%m-%d %I:%M"}}, "must say hours by %H, or by %I with %p"),
        ({"formats": {"a": "%d/%m/%Y"}, "types": {"a": "int"}}, "column 'a' has the format of a timestamp, '%d/%m/%Y'"),
        ({"formats": {"a": "1,234.5"}, "types": {"a": "date"}}, "column 'a' has the format of a float, '1,234.5'"),
        ({"columns": {"a": "b"}, "fields": {"a": {"column": "b", "path": ["k"]}}}, "in 'columns' and in 'fields': a"),
        ({"fields": {"a": {"column": "b", "path": []}}}, "path"),
        ({"query": "SELECT 1", "newest_spans": 3}, "the answer to a query has no spans"),
        ({"query": "SELECT 1", "format": "csv"}, "has no format of its own"),
    ],
)
def test_declarations_that_make_no_sense(declared: dict, message: str) -> None:
    with pytest.raises(ValueError) as error:
        Source(uri="x", **declared)
    assert message in str(error.value)
