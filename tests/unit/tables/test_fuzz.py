"""Readers under bytes that nobody meant: one line of refusal or a table, never a traceback, a hang or much memory.

`PENSTOCK_FUZZ_EXAMPLES=20000 ci/test tests/unit/tables/test_fuzz.py` looks deeper than the tests do.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.sdk import PenstockError
from penstock.tables.reading import read
from penstock.tables.sniffing import sniff
from penstock.tables.source import Source

MEMORY = 64 << 20
"""By no example, most of a few hundred bytes, may Arrow's peak grow more [bytes]."""

profile = settings(
    max_examples=int(os.environ.get("PENSTOCK_FUZZ_EXAMPLES", "80")),
    deadline=5_000,  # milliseconds: what is not done by then hangs
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize="PENSTOCK_FUZZ_EXAMPLES" not in os.environ,
)

CSV = b'a,b,"c d",day\n' + b"".join(b'%d,"x ""y""",%d.5,0%d/02/2013\n' % (n, n, n % 9 + 1) for n in range(40))
JSON_LINES = b"".join(b'{"a": %d, "b": {"c": "x", "d": [1, null]}}\n' % n for n in range(20))


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", CSV)
    return out.getvalue()


def _parquet() -> bytes:
    out = io.BytesIO()
    columns = {"a": [1, 2, None] * 20, "b": ["x", "y", None] * 20, "c": [1.5] * 60, "d": [[1], [2], None] * 20}
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


WHOLE = {
    ".csv": CSV,
    ".csv.gz": gzip.compress(CSV, mtime=0),
    ".csv.zip": _zip(),
    ".jsonl": JSON_LINES,
    ".parquet": _parquet(),
}
PIECES = [
    *(letter.encode() for letter in ",;\t|\"\n\r'a10.-e {}[]:é"),
    *(
        b"\r\n",
        b"NA",
        b"inf",
        b"\xe9",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\0",
        b"\x80",
        b"99999999999999999999",
        b"true",
        b"\\N",
    ),
    *(b"2013-01-01", b"T00:00Z", b"01/02/2013", b"12:30", b'{"a": 1}'),
]


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file with a few places changed, lost, doubled or cut off."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["change", "lose", "add", "double", "cut"])):
            case "change":
                content[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "lose":
                del content[at : at + draw(st.integers(1, 30))]
            case "add":
                content[at:at] = draw(st.sampled_from(PIECES) | st.binary(max_size=8))
            case "double":
                content[at:at] = content[at : at + 40]
            case "cut":
                del content[at:]
    return bytes(content)


def look(path: Path, content: bytes) -> None:
    """Read a file that may be anything: what is found must read it again, to the same."""
    path.write_bytes(content)
    peak = pa.default_memory_pool().max_memory()
    try:
        found = sniff(str(path))
        assert read(found.source).select(found.table.column_names).equals(found.table)
    except PenstockError as error:
        assert "\n" not in str(error)
    assert pa.default_memory_pool().max_memory() - peak < MEMORY


@profile
@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=80).map(b"".join))
@example(b"a,b\n1,\xff\n")
@example(b'"')
@example(b'a\n"\n')
@example(b"\r\r\r")
@example(b"a" * 70_000 + b"\n" + b"b" * 2_000_000)
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    look(tmp_path / "t.csv", content)


@pytest.mark.parametrize("suffix", WHOLE)
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    look(tmp_path / f"t{suffix}", WHOLE[suffix])

    @profile
    @given(damaged(WHOLE[suffix]))
    def try_it(content: bytes) -> None:
        look(tmp_path / f"t{suffix}", content)

    try_it()


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=12)


@profile
@given(
    rows=st.integers(1, 4).flatmap(lambda size: st.lists(st.lists(CELLS, min_size=size, max_size=size), min_size=1)),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_any_texts_come_back_as_they_were_written(tmp_path, *, rows, delimiter, end, quoting, encoding) -> None:
    out = io.StringIO(newline="")
    names = [f"n{number}" for number in range(len(rows[0]))]
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([names, *rows])
    (tmp_path / "t.csv").write_bytes(out.getvalue().encode(encoding))
    types = dict.fromkeys(names, "string")
    source = Source(
        uri=f"{tmp_path}/t.csv",
        delimiter=delimiter,
        encoding=encoding.removesuffix("-sig"),
        types=types,
        quoted_nulls=True,
    )
    table = read(source)
    assert [list(row.values()) for row in table.to_pylist()] == [[cell or None for cell in row] for row in rows]
