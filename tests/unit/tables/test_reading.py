"""Types: declared, or found from all values, and never hanging on how a file is cut."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.sdk import BadInput
from penstock.tables.reading import read_source
from penstock.tables.source import Source
from penstock.tables.values import infer_type


def read(folder: Path, *texts: str, columns=None, **source) -> pa.Table:
    files = []
    for index, text in enumerate(texts):
        (folder / f"{index}.csv").write_text(text, encoding="utf-8")
        files.append((f"{index}.csv", folder / f"{index}.csv"))
    return read_source("trips", Source(uri="x", **source), files, columns)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (["1", "-2", None, "0"], "int"),
        (["9223372036854775807"], "int"),
        (["9223372036854775808"], "string"),  # one more than an int64 holds
        (["1.5", "2", "-3e4"], "float"),
        (["12345678901234567.0"], "string"),  # more digits than a float holds
        (["007", "8"], "string"),
        (["+1"], "string"),
        (["true", "False"], "bool"),
        (["true", "1"], "string"),
        (["2013-01-31"], "date"),
        (["2013-02-31"], "string"),
        (["2013-01-31T05:00:00Z", "2013-01-31 06:00:00Z"], "timestamp"),
        (["2013-01-31T05:00:00", "2013-01-31 06:00"], "timestamp"),
        (["0x1F"], "string"),
        (["nan", "inf"], "string"),
        (["", "1"], "string"),
        ([None, None], "string"),
        ([], "string"),
    ],
)
def test_the_narrowest_type_that_keeps_every_value(values, name) -> None:
    assert infer_type(pa.array(values, pa.string())) == name


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_any_int64_is_an_int(values) -> None:
    assert infer_type(pa.array([str(value) for value in values])) == "int"


def test_a_type_is_found_from_the_last_row_too(tmp_path: Path) -> None:
    table = read(tmp_path, "x\n" + "1\n" * 400_000 + "one\n")
    assert table.schema.field("x").type == pa.string()
    assert table.column("x")[400_000].as_py() == "one"


def test_several_files_are_one_column_of_one_type(tmp_path: Path) -> None:
    table = read(tmp_path, "x,y\n1,a\n", "y,x\nb,2.5\n")
    assert table.to_pydict() == {"x": [1.0, 2.5], "y": ["a", "b"]}


def test_declared_types_hold(tmp_path: Path) -> None:
    text = "code,amount,at,day,yes\n1,2,2013-01-01 05:00:00,2013-01-01,true\n"
    types = {"code": "string", "amount": "float", "at": "timestamp", "day": "date", "yes": "bool"}
    assert [str(field.type) for field in read(tmp_path, text, types=types).schema] == [
        "string", "double", "timestamp[us, tz=UTC]", "date32[day]", "bool",
    ]  # fmt: skip


def test_a_zone_in_the_text_is_kept_in_mind(tmp_path: Path) -> None:
    table = read(tmp_path, "at\n2013-01-01T05:00:00+02:00\n")
    assert table.column("at")[0].as_py().isoformat() == "2013-01-01T03:00:00+00:00"


def test_missing_values_are_those_that_are_declared(tmp_path: Path) -> None:
    text = "x,y\n1,NA\n,b\nNA,\n"
    assert read(tmp_path, text).to_pydict() == {"x": ["1", None, "NA"], "y": ["NA", "b", None]}
    assert read(tmp_path, text, nulls=["", "NA"]).to_pydict() == {"x": [1, None, None], "y": [None, "b", None]}


def test_quotes_commas_newlines_and_a_byte_order_mark(tmp_path: Path) -> None:
    table = read(tmp_path, '\ufeffname,n\n"a, ""b""\nc",1\nd,2\n')
    assert table.to_pydict() == {"name": ['a, "b"\nc', "d"], "n": [1, 2]}


def test_another_delimiter(tmp_path: Path) -> None:
    assert read(tmp_path, "a;b\n1;2\n", delimiter=";").to_pydict() == {"a": [1], "b": [2]}


def test_compressed_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x\n1\n"))
    with zipfile.ZipFile(tmp_path / "b.csv.zip", "w") as archive:
        archive.writestr("2.csv", "x\n3\n")
        archive.writestr("1.csv", "x\n2\n")
        archive.writestr("readme.txt", "not data")
    files = [(name, tmp_path / name) for name in ("a.csv.gz", "b.csv.zip")]
    assert read_source("t", Source(uri="x"), files, None).to_pydict() == {"x": [1, 2, 3]}


def test_parquet_comes_down_to_few_types(tmp_path: Path) -> None:
    import datetime as dt
    import decimal

    table = pa.table(
        {
            "i": pa.array([1], pa.int8()),
            "f": pa.array([1.5], pa.float32()),
            "d": pa.array([decimal.Decimal("1.25")]),
            "c": pa.array(["a"]).dictionary_encode(),
            "t": pa.array([dt.datetime(2013, 1, 1)], pa.timestamp("ns")),
            "nan": pa.array([float("nan")]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    read_back = read_source("t", Source(uri="x"), [("a", tmp_path / "a.parquet")], None)
    assert [str(field.type) for field in read_back.schema] == [
        "int64", "double", "double", "string", "timestamp[us, tz=UTC]", "double",
    ]  # fmt: skip
    assert read_back.column("nan").null_count == 1  # a missing value has one form


def test_whole_numbers_beyond_int64_are_texts(tmp_path: Path) -> None:
    pq.write_table(pa.table({"hash": pa.array([2**64 - 1, 1], pa.uint64())}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"hash": pa.array([2**63 - 1, 1], pa.uint64())}), tmp_path / "b.parquet")
    assert read_source("t", Source(uri="x"), [("a", tmp_path / "a.parquet")], None).to_pydict() == {
        "hash": ["18446744073709551615", "1"]
    }
    assert read_source("t", Source(uri="x"), [("b", tmp_path / "b.parquet")], None).to_pydict() == {
        "hash": [2**63 - 1, 1]
    }


def test_bytes_are_texts_if_they_are_utf8_and_left_out_where_nobody_asks_for_them(tmp_path: Path) -> None:
    table = pa.table({"spark": [b"caf\xc3\xa9"], "photo": [b"\xff\xd8"], "x": [1]})
    pq.write_table(table, tmp_path / "a.parquet")
    files = [("a", tmp_path / "a.parquet")]
    assert read_source("t", Source(uri="x"), files, None).to_pydict() == {"spark": ["café"], "x": [1]}
    with pytest.raises(BadInput, match="column 'photo'"):
        read_source("t", Source(uri="x"), files, ["photo"])


def test_a_text_in_parquet_stays_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"zip": ["10001"]}), tmp_path / "a.parquet")
    assert read_source("t", Source(uri="x"), [("a", tmp_path / "a.parquet")], None).to_pydict() == {"zip": ["10001"]}


@pytest.mark.parametrize(
    ("texts", "columns", "source", "message"),
    [
        (["tip\n1\n"], ["top"], {}, "source 'trips': 0.csv: has no column 'top'. Did you mean 'tip'?"),
        (["a\n1\n", "b\n1\n"], ["a"], {}, "source 'trips': 1.csv: has no column 'a'"),
        (["a\nx\n"], None, {"types": {"a": "int"}}, "0.csv: column 'a' does not fit type 'int': line 2 has 'x'"),
        (["a\nx\n"], None, {"types": {"a": "date"}}, "0.csv: column 'a' does not fit type 'date': line 2 has 'x'"),
        (["a,a\n1,2\n"], None, {}, "0.csv: the header names a column twice: 'a'"),
        (["a,b\n1\n"], None, {}, "0.csv: cannot be read as CSV"),
        ([""], None, {}, "source 'trips': 0.csv: is empty"),
        (["PAR1"], None, {"format": "parquet"}, "0.csv: cannot be read as Parquet"),
        (["a\n1\n"], None, {"types": {"b": "int"}}, "types: the source 'trips': has no column 'b'"),
    ],
)
def test_what_cannot_be_read_is_told_with_file_and_column(tmp_path: Path, texts, columns, source, message) -> None:
    with pytest.raises(BadInput) as error:
        read(tmp_path, *texts, columns=columns, **source)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_broken_archives_are_told(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "a.csv.zip"):
        (tmp_path / name).write_bytes(b"broken")
        with pytest.raises(BadInput, match=f"{name}: cannot be unpacked"):
            read_source("t", Source(uri="x"), [(name, tmp_path / name)], None)


def test_columns_that_change_type_between_parquet_files_are_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": ["1"]}), tmp_path / "b.parquet")
    files = [(name, tmp_path / name) for name in ("a.parquet", "b.parquet")]
    with pytest.raises(BadInput, match="column 'x': is int64 in one file and string in another"):
        read_source("t", Source(uri="x"), files, None)
    declared = read_source("t", Source(uri="x", types={"x": "int"}), files, None)
    assert declared.to_pydict() == {"x": [1, 1]}
