"""The beginning of a file, in every form that a source may have: what is read of it is what the whole begins with."""

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.ingest.heads import write_heads
from penstock.sdk import BadInput
from penstock.tables.files import find_files
from penstock.tables.reading import read_source
from penstock.tables.source import Source

ROWS = 80_000
CSV = "id,word\n" + "".join(f'{n},"a ""{n}""\nb"\n' for n in range(ROWS))


def heads(tmp_path: Path, uri: Path, **more: object) -> tuple[pa.Table, list[Path]]:
    source = Source(uri=str(uri), **more)
    written = write_heads(find_files("t", source), source, tmp_path / "heads")
    return read_source("t", source, written, None), [path for _, path in written]


def write(path: Path, kind: str) -> Path:
    if kind == "csv":
        path.write_text(CSV)
    elif kind == "csv.gz":
        path.write_bytes(gzip.compress(CSV.encode(), 1))
    elif kind == "csv.zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("readme.txt", "about the table")
            archive.writestr("t.csv", CSV)
    elif kind == "jsonl":
        path.write_text("".join(f'{{"id": {n}, "word": "a \\"{n}\\"\\nb"}}\n' for n in range(ROWS)))
    else:
        words = [f'a "{n}"\nb' for n in range(ROWS)]
        pq.write_table(pa.table({"id": list(range(ROWS)), "word": words}), path)
    return path


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "csv.zip", "jsonl", "parquet"])
def test_the_beginning_is_whole_rows_of_the_beginning(tmp_path: Path, kind: str) -> None:
    table, (path,) = heads(tmp_path, write(tmp_path / f"t.{kind}", kind))
    assert 1000 <= table.num_rows < ROWS
    assert table.column("id").to_pylist() == list(range(table.num_rows))
    assert table.column("word")[-1].as_py() == f'a "{table.num_rows - 1}"\nb'
    assert path.stat().st_size <= 1 << 20


@pytest.mark.parametrize("names", [("a.data", "b.data"), ("readme.txt", "t.tab"), ("t.txt",)])
def test_the_beginning_of_a_zip_is_of_what_is_read_of_it(tmp_path: Path, names: tuple[str, ...]) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for name in names:
            archive.writestr(name, f"id,word\n1,{name}\n")
    table, _ = heads(tmp_path, tmp_path / "t.zip")
    whole = read_source("t", Source(uri="t.zip"), [("t.zip", tmp_path / "t.zip")], None)
    assert table.to_pylist() == whole.to_pylist()[:1]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes(CSV.replace("a ", "ä ").encode(encoding))
    table, _ = heads(tmp_path, tmp_path / "t.csv", encoding=encoding)
    assert table.num_rows > 1000
    assert table.column("word")[-1].as_py() == f'ä "{table.num_rows - 1}"\nb'


def test_a_short_file_is_its_own_beginning(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,word\n1,a\n2,b")
    table, (path,) = heads(tmp_path, tmp_path / "t.csv")
    assert table.num_rows == 2
    assert path.read_text() == "id,word\n1,a\n2,b"


def test_of_many_files_some_are_looked_at_the_first_and_the_last_among_them(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for n in range(30):
        (tmp_path / "t" / f"{n:02d}.csv").write_text(f"id\n{n}\n")
    table, paths = heads(tmp_path, tmp_path / "t")
    assert len(paths) == 8
    seen = table.column("id").to_pylist()
    assert (seen[0], seen[-1]) == (0, 29)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv.gz", b"no gzip", "cannot be unpacked"),
        ("t.csv.gz", gzip.compress(b"id\n1\n", mtime=0)[:-9], "cannot be unpacked"),
        ("t.csv.gz", gzip.compress(b"id\n1\n" * 999, mtime=0)[:14] + bytes(20), "cannot be unpacked"),
        ("t.csv.zip", b"no zip", "cannot be unpacked"),
        ("t.parquet", b"no Parquet", "cannot be read as Parquet"),
        ("t.csv", b"id,word\n1,\xff\n" * 9, "is not UTF-8"),
        ("t.csv", b"", "is empty"),
    ],
)
def test_what_is_no_table_is_told_in_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=message) as caught:
        heads(tmp_path, tmp_path / name)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
