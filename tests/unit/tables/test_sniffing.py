"""An unknown table is read as a person would read it, and what was found reads it again, to the same values."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import http.server
import json
import threading
import zipfile
from functools import partial
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.sdk import BadInput
from penstock.tables import sniffing, unknown_texts
from penstock.tables.reading import read
from penstock.tables.sniffing import Sniffed, sniff


def sniffed(folder: Path, content: str | bytes, name: str = "table.csv", **options) -> Sniffed:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    found = sniff(f"{folder}/{name}", **options)
    assert read(found.source).select(found.table.column_names).equals(found.table)
    return found


@pytest.mark.parametrize(
    ("values", "kind", "form", "first"),
    [
        (["1", "2"], "int", "", 1),
        (["1.5", "2"], "float", "", 1.5),
        (["true", "False"], "bool", "", True),
        (["yes", "no"], "string", "", "yes"),
        (["t", "f"], "string", "", "t"),
        (["007", "8"], "string", "", "007"),
        (["9223372036854775808", "1"], "string", "", "9223372036854775808"),
        (['"1,234.5"', '"2,345,678"'], "float", "1,234.5", 1234.5),
        (['"1,234,567"', "8"], "int", "1,234.5", 1_234_567),
        (['"1.234,5"', '"0,25"'], "float", "1.234,5", 1234.5),
        (['"0,25"', '"12,5"'], "float", "1.234,5", 0.25),
        (['"1,234"', '"5,678"'], "string", "", "1,234"),  # one thousand two hundred, or one and a bit
        (["1 234", "567"], "int", "1 234,5", 1234),
        (["1\u00a0234", "567"], "int", "1 234,5", 1234),
        (["1'234.5", "6"], "float", "1'234.5", 1234.5),
        (["2013-01-31"], "date", "", dt.date(2013, 1, 31)),
        (["31/01/2013", "01/02/2013"], "date", "%d/%m/%Y", dt.date(2013, 1, 31)),
        (["01/31/2013", "01/02/2013"], "date", "%m/%d/%Y", dt.date(2013, 1, 31)),
        (["01/02/2013", "03/04/2013"], "string", "", "01/02/2013"),  # nobody can tell
        (["01/01/2013", "02/02/2013"], "string", "", "01/01/2013"),  # nor here, once a third is in March
        (["5 May 2013", "16 May 2013"], "date", "%d %b %Y", dt.date(2013, 5, 5)),
        (["31.1.13", "1.2.13"], "date", "%d.%m.%y", dt.date(2013, 1, 31)),
        (["31-Jan-2013"], "date", "%d-%b-%Y", dt.date(2013, 1, 31)),
        (['"March 5, 2013"'], "date", "%B %d, %Y", dt.date(2013, 3, 5)),
        (["31/02/2013", "01/03/2013"], "string", "", "31/02/2013"),  # in no calendar
        ([f"201301{day}" for day in range(10, 30)], "date", "%Y%m%d", dt.date(2013, 1, 10)),
        ([f"201301{day}" for day in range(15, 35)], "int", "", 20130115),
        (["2013-01-31T17:30:00+02:00"], "timestamp", "", dt.datetime(2013, 1, 31, 15, 30, tzinfo=dt.UTC)),
        (["1/31/2013 5:30 PM"], "timestamp", "%m/%d/%Y %I:%M %p", dt.datetime(2013, 1, 31, 17, 30, tzinfo=dt.UTC)),
        (["31.01.2013 17:30:05"], "timestamp", "%d.%m.%Y %H:%M:%S", dt.datetime(2013, 1, 31, 17, 30, 5, tzinfo=dt.UTC)),
    ],
)  # fmt: skip
def test_what_a_column_is(tmp_path: Path, values, kind, form, first) -> None:
    found = sniffed(tmp_path, "name,x\n" + "".join(f"row{n},{value}\n" for n, value in enumerate(values)))
    assert (found.source.types["x"], found.source.formats.get("x", "")) == (kind, form)
    assert found.table.column("x")[0].as_py() == first


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        ("2013-02-28", "2013-02-31"),
        ("28/02/2013 10:30", "31/02/2013 10:30"),
        ("28/02/2013 10:30", "28/02/2013"),
        ("Feb 28, 2013", "soon"),
        ("28", "soon"),
    ],
)
def test_a_few_values_that_make_a_column_a_text_are_told(tmp_path: Path, usual: str, odd: str) -> None:
    lines = [f'{n},"{usual}"' for n in range(300)] + [f'300,"{odd}"', f'301,"{odd}"']
    found = sniffed(tmp_path, "n,when\n" + "\n".join([*lines, "302,"]) + "\n")
    assert found.source.types["when"] == "string"
    [note] = found.notes
    told = f"is text, but nearly all are numbers or dates; source 'data': {tmp_path}/table.csv: line 302 has {odd!r}"
    assert note.text == f"{told} (1 more)"


def test_texts_and_dates_half_and_half_are_no_dates(tmp_path: Path) -> None:
    rows = "".join(f"{n},{'2013-02-28' if n % 3 else 'soon'}\n" for n in range(300))
    assert sniffed(tmp_path, f"n,when\n{rows}").notes == ()


def test_ambiguous_ways_to_write_are_told_and_left_as_text(tmp_path: Path) -> None:
    found = sniffed(tmp_path, 'day,n\n01/02/2013,"1,234"\n03/04/2013,"5,678"\n')
    texts = {note.column: note.text for note in found.notes}
    assert texts["day"].startswith("may be written as %d/%m/%Y or %m/%d/%Y; it is read as text")
    assert texts["n"].startswith("may be written as 1,234.5 or 1.234,5")


def test_the_last_row_counts(tmp_path: Path) -> None:
    lines = [f"{n},01/02/2013,{n}\n" for n in range(40_000)]
    found = sniffed(tmp_path, "id,day,x\n" + "".join(lines) + "1,31/12/2013,n0ne\n")
    assert found.source.formats == {"day": "%d/%m/%Y"}
    assert found.source.types["x"] == "string"
    [note] = [note for note in found.notes if note.column == "x"]
    assert note.text.endswith("table.csv: line 40,002 has 'n0ne'")


@pytest.mark.parametrize("spelling", ["NA", "N/A", "null", "NULL", "None", "nan", "-", "?", "missing", "\\N", "#N/A"])
def test_spellings_of_missing_values(tmp_path: Path, spelling: str) -> None:
    found = sniffed(tmp_path, f"name,x\na,1\nb,{spelling}\nc,\n")
    assert found.table.column("x").to_pylist() == [1, None, None]
    assert set(found.source.nulls) == {"", spelling}


def test_a_spelling_that_may_be_a_word_is_missing_only_where_several_columns_have_it(tmp_path: Path) -> None:
    alone = sniffed(tmp_path, "cover,n\nNone,1\nfull,2\n")
    assert alone.table.column("cover").to_pylist() == ["None", "full"]
    both = sniffed(tmp_path, "cover,place\nNone,None\nfull,home\n")
    assert both.table.to_pydict() == {"cover": [None, "full"], "place": [None, "home"]}
    sure = sniffed(tmp_path, "cover,n\nNA,1\nfull,2\n")
    assert sure.table.column("cover").to_pylist() == [None, "full"]


def test_missing_values_in_quotes_are_missing_too(tmp_path: Path) -> None:
    found = sniffed(tmp_path, '"x","name"\n"1","a"\n"","NA"\n"3",""\n')
    assert found.table.to_pydict() == {"x": [1, None, 3], "name": ["a", None, None]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    rows = [["name", "x", "text"], ["a", "1", '"one, two; three"'], ["b", "2", '"four| five\tsix\nseven"']]
    found = sniffed(tmp_path, "".join(delimiter.join(row) + "\n" for row in rows), "table.txt")
    assert found.source.delimiter == delimiter
    assert found.table.column("text").to_pylist() == ["one, two; three", "four| five\tsix\nseven"]


def test_words_are_no_columns(tmp_path: Path) -> None:
    assert sniffed(tmp_path, "full name\nAnn Lee\nBob Lee Smith\n").table.column_names == ["full name"]
    assert sniffed(tmp_path, "first name;age of\nAnn Lee;1 2\n").source.delimiter == ";"


def test_decimal_commas_are_no_delimiters(tmp_path: Path) -> None:
    found = sniffed(tmp_path, "a;b;c\n1,5;2,25;x\n3,5;4,75;y\n")
    assert found.source.delimiter == ";"
    assert found.table.slice(0, 1).to_pylist() == [{"a": 1.5, "b": 2.25, "c": "x"}]


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
     ("utf-16-be", "utf-16-be"), ("utf-32", "utf-32"), ("cp1252", "cp1252"), ("latin-1", "cp1252")],
)  # fmt: skip
def test_encodings(tmp_path: Path, encoding: str, named: str) -> None:
    text = "Größe,n\ncafé,1\nnaïve façade,2\n"
    found = sniffed(tmp_path, text.encode(encoding))
    assert found.source.encoding == named
    assert found.table.to_pydict() == {"Größe": ["café", "naïve façade"], "n": [1, 2]}
    told = [note.text for note in found.notes]
    assert (told == []) == (named in ("utf-8", "utf-16"))


def test_damaged_utf8_is_not_taken_for_another_encoding(tmp_path: Path) -> None:
    text = "name,x\n" + "Zoë,1\nJosé,2\nMüller,3\n" * 30
    with pytest.raises(BadInput, match=r"line 92: byte 0xff is not UTF-8, as the rest is. Mend such lines"):
        sniffed(tmp_path, text.encode() + b"\xff\xfe,4\n")


def test_a_handful_of_letters_does_not_show_a_script(tmp_path: Path) -> None:
    found = sniffed(tmp_path, b"name,x\n" + b"Ann,1\nBob,2\n" * 30 + b"\xe9\xe8\xe0,3\n")
    assert (found.source.encoding, found.table.column("name")[-1].as_py()) == ("cp1252", "éèà")


def test_an_encoding_of_another_script(tmp_path: Path) -> None:
    words = ["Москва и область", "Санкт-Петербург", "Нижний Новгород", "Екатеринбург", "Казань и Набережные Челны"]
    text = "город,число\n" + "".join(f"{word},{n}\n" for n, word in enumerate(words * 5))
    found = sniffed(tmp_path, text.encode("cp1251"))
    assert found.table.column("город")[0].as_py() == "Москва и область"


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("name,x\na,1\nb,2\n", True),
        ("a,1\nb,2\nc,3\n", False),
        ("1,2,3\n4,5,6\n", False),
        ("x\n1\n2\n", True),
        ("country,2019,2020\nA,1,2\nB,3,4\n", True),
        ('"","142.24","144.78"\n"9.4",0,1\n"9.5",2,3\n', True),
        ("red,small\nblue,large\nred,large\nblue,small\nred,small\n", False),
        ("colour,size\nblue,large\nred,large\n", True),
        ("id,day\n1,2013-01-01\n2,2013-01-02\n", True),
        ("5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n6.0,2.2,4.0,1.0,virginica\n", False),
    ],
)
def test_headers(tmp_path: Path, text: str, header: bool) -> None:
    found = sniffed(tmp_path, text)
    assert found.source.header is header
    assert found.table.num_rows == text.count("\n") - header
    if not header:
        assert found.table.column_names[0] == "column_1"
        assert "column_1" in found.notes[0].text


def test_spaces_around_values(tmp_path: Path) -> None:
    found = sniffed(tmp_path, "age, work, hours\n39, State-gov, 40\n50, ?, 13\n38, Private, ?\n")
    assert found.source.strip
    assert found.source.nulls == ("", "?")
    assert found.table.column_names == ["age", "work", "hours"]
    assert found.table.column(1).to_pylist() == ["State-gov", None, "Private"]
    assert found.table.column(2).to_pylist() == [40, 13, None]


def test_names_of_any_kind(tmp_path: Path) -> None:
    names = ["", "a b", 'say "hi"', "x.y", "größe", "日本", "A", "a", "two\nlines", "semi;colon"]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    found = sniffed(tmp_path, f"{header}\n" + ",".join("1" * len(names)) + "\n")
    assert found.table.column_names == names
    assert set(found.source.types.values()) == {"int"}


def test_json_inside_a_column(tmp_path: Path) -> None:
    rows = [{"n": 1, "who": {"name": "Ann", "born": "2001-02-03"}, "tags": ["a"]}, {"n": None, "zip": "007"}]
    text = "id,extra\n" + "".join('{},"{}"\n'.format(n, json.dumps(r).replace('"', '""')) for n, r in enumerate(rows))
    found = sniffed(tmp_path, text)
    assert found.table.to_pydict() == {
        "id": [0, 1],
        "extra.n": [1, None],
        "extra.who.name": ["Ann", None],
        "extra.who.born": [dt.date(2001, 2, 3), None],
        "extra.tags": ['["a"]', None],
        "extra.zip": [None, "007"],
    }
    assert found.source.fields["extra.who.name"].path == ("who", "name")
    renamed = found.source.renamed({"ann": "extra.who.name", "more": "extra", "key": "id"})
    assert read(renamed, ["key", "ann"]).to_pydict() == {"key": [0, 1], "ann": ["Ann", None]}


def test_packed_files_and_folders_of_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x,day\n1,31/01/2013\n"))
    with zipfile.ZipFile(tmp_path / "b.csv.zip", "w") as archive:
        archive.writestr("b.csv", "day,x\n01/02/2013,NA\n")
        archive.writestr("readme.txt", "not data")
    found = sniff(str(tmp_path))
    assert found.table.to_pydict() == {"x": [1, None], "day": [dt.date(2013, 1, 31), dt.date(2013, 2, 1)]}
    assert read(found.source).equals(found.table)


def test_much_text_is_looked_at_in_groups_of_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.csv", f"a,b,c,d,e\n{number},2,x,NA,{number}.5\n")
    whole = sniff(f"{tmp_path}/t.csv.zip")
    monkeypatch.setattr(sniffing, "_TEXT_AT_ONCE", 20)
    monkeypatch.setattr(unknown_texts, "_KEPT", 30)
    parts = sniff(f"{tmp_path}/t.csv.zip")
    assert parts.table.to_pydict()["e"] == [0.5, 1.5, 2.5]
    assert (parts.source, parts.table) == (whole.source, whole.table)


def test_parquet_keeps_its_types_and_texts_become_dates_only(tmp_path: Path) -> None:
    table = pa.table({"n": [1], "zip": ["10001"], "day": ["2013-01-31"], "nested": [{"a": 1, "b": ["x"]}]})
    pq.write_table(table, tmp_path / "t.parquet")
    found = sniff(f"{tmp_path}/t.parquet")
    assert found.table.to_pylist() == [
        {"n": 1, "zip": "10001", "day": dt.date(2013, 1, 31), "nested.a": 1, "nested.b": '["x"]'}
    ]
    assert read(found.source).select(found.table.column_names).equals(found.table)


def test_json_lines(tmp_path: Path) -> None:
    found = sniffed(tmp_path, '{"a": 1, "b": "x"}\n\n{"b": "y", "c": {"d": 2.5}}\n', "t.jsonl")
    assert found.table.to_pydict() == {"a": [1, None], "b": ["x", "y"], "c.d": [None, 2.5]}


def test_tables_that_are_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"x;day\n1,5;31.01.2013\n"))
    handler = partial(QuietHandler, directory=str(tmp_path))
    store = fsspec.filesystem("memory")
    store.put(f"{tmp_path}/t.csv.gz", "/lake/day/t.csv.gz")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            for address in (
                f"http://127.0.0.1:{server.server_port}/t.csv.gz",
                "memory://lake",
                "memory://lake/**/*.gz",
            ):
                found = sniff(address)
                assert found.table.to_pydict() == {"x": [1.5], "day": [dt.date(2013, 1, 31)]}
                assert found.source.uri == address
                assert read(found.source).equals(found.table)
        finally:
            server.shutdown()
            store.rm("/lake", recursive=True)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_content_tells_what_a_name_does_not(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "download")
    assert sniff(f"{tmp_path}/download").source.format == "parquet"
    assert sniffed(tmp_path, '{"x": 1}\n', "log.txt").source.format == "json_lines"
    assert sniffed(tmp_path, "x,y\n1,2\n", "data.dat").source.format == "csv"


def test_columns_may_be_left_out(tmp_path: Path) -> None:
    found = sniffed(tmp_path, "a,b\n1,inf\n2,3\n", without=["b"])
    assert found.table.column_names == ["a"]
    with pytest.raises(BadInput, match=r"has no column 'bb'\. Did you mean 'b'\?"):
        sniff(f"{tmp_path}/table.csv", without=["bb"])


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    sniffed(tmp_path, "a,b\n1,2\n", progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (2, 2)


def test_what_is_given_is_not_guessed(tmp_path: Path) -> None:
    content = "a~b\n1~caf\u00e9\n2~x,y,z\n".encode("cp850")
    found = sniffed(tmp_path, content, encoding="cp850", delimiter="~")
    assert found.table.to_pydict() == {"a": [1, 2], "b": ["caf\u00e9", "x,y,z"]}
    assert (found.source.encoding, found.source.delimiter, found.notes) == ("cp850", "~", ())
    with pytest.raises(BadInput, match=r"line 2, byte 9: byte 0x82 is not UTF-8\. Declare its encoding"):
        sniff(f"{tmp_path}/table.csv", encoding="utf-8", delimiter="~")


def test_an_encoding_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^encoding: .*'nonsuch' is no encoding of text that Python knows"):
        sniffed(tmp_path, "a\n1\n", encoding="nonsuch")


def test_what_others_read_as_csv_is_not_limited(tmp_path: Path) -> None:
    """Python has one limit of the size of a field for the whole process; importlib.metadata, too, reads CSV."""
    before = csv.field_size_limit()
    sniffed(tmp_path, "a,b\n1,2\n")
    assert csv.field_size_limit() >= before
