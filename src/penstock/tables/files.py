"""Where the source files are: on this machine, inside a Python package, behind HTTP, or in a store that fsspec knows.

Finds, fingerprints and copies files; never looks inside them. Light, because a runner fingerprints at every run:
stores and httpx are imported only for addresses that need them.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from penstock.sdk import BadInput, PenstockError
from penstock.storage import StoreError, in_store, is_remote
from penstock.tables.databases import check_url, copy_answer, fingerprint_answer, is_database
from penstock.tables.secrets import refuse_secret, resolved
from penstock.tables.source import Source
from penstock.tables.spans import Spanned, has_spans, match_spans, select, span_digits, to_glob

if TYPE_CHECKING:
    import httpx

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq")
"""The names that count in a directory; `.gz` and `.zip` may follow."""

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 60
_AS_IT_IS = {"Accept-Encoding": "identity"}


@dataclass(frozen=True)
class SourceFile:
    """One file of a source."""

    source: str
    name: str
    """Its path below the source's own folder or fixed prefix; what the raw copy is called."""
    uri: str
    """Its address as a person would write it."""
    place: str
    """Its address as it is opened: a local path, or a URL."""
    span: str = ""
    version: str = ""
    query: str = ""
    """What is asked of the database at the address; the file is its answer."""


def find_files(name: str, source: Source) -> list[SourceFile]:
    """Find the files of a source, in the order in which they are read.

    Raises:
        BadInput: Nothing is there, or the address cannot be used (author of the configuration).
    """
    where = f"source {name!r}: {source.uri}"
    if source.query:
        check_url(source.uri, f"source {name!r}")
        return [SourceFile(name, "answer.parquet", source.uri, source.uri, query=source.query)]
    if is_database(source.uri):
        raise BadInput(f"source {name!r}: the address of a database needs a query", "Give 'query', a SELECT")
    refuse_secret(source.uri, f"source {name!r}")
    place = _find_place(source.uri, where)
    if has_spans(place.root):
        found = match_spans(place.root, place.list(to_glob(place.root)))
        try:
            bounds = (source.first_span, source.last_span, source.newest_spans)
            files = select(found, *bounds, digits=span_digits(place.root))
        except ValueError as error:
            raise BadInput(f"{where}: {error}") from None
    elif source.first_span or source.last_span or source.newest_spans:
        raise BadInput(f"{where}: a range of spans is asked for, but the address names none", "Write {YYYY}{MM}{DD}")
    else:
        files = [Spanned(found) for found in sorted(place.list(place.root))]
    if not files:
        raise BadInput(f"{where}: {_why_none(place.root)}", _meant(place.root))
    if urlsplit(place.root).scheme in ("http", "https"):
        return [SourceFile(name, _last_part(place.root), source.uri, place.root)]
    below = len(_fixed_prefix(place.root, files))
    return [SourceFile(name, f.name[below:], place.shown(f.name), f.name, f.span, f.version) for f in files]


def _last_part(url: str) -> str:
    """What a copy of a web address is called: by it, the format is told and what to unpack; parameters do not count."""
    last = urlsplit(url).path.rsplit("/", 1)[-1]
    return last if last.strip(".") else "data"


def _why_none(root: str) -> str:
    if has_spans(root) or any(mark in root for mark in "*?["):
        return "no file fits"
    if Path(root).is_dir():
        return (
            f"no table is in this directory: no name ends in {', '.join(SUFFIXES)}, nor in one of these and .gz or .zip"
        )
    return "no such file"


def _meant(root: str) -> str:
    """The nearest name in the folder where a file should be, or the folder that is not there."""
    path = Path(root)
    if "://" in root or path.is_dir() or has_spans(root):
        return ""
    if not os.access(path.parent, os.R_OK):
        return f"There is no folder {path.parent}" if str(path.parent) not in ("", ".") else ""
    near = get_close_matches(path.name, {*os.listdir(path.parent)} - {path.name}, n=1)  # noqa: PTH208 - names only
    return f"Did you mean {near[0]!r}?" if near else ""


def fingerprint(file: SourceFile) -> str:
    """What changes when the content changes: a digest, or the strong entity tag that a remote store keeps."""
    if file.query:
        return fingerprint_answer(file.place, file.query, f"source {file.source!r}: {file.uri}")
    tag = _entity_tag(file)
    if tag:
        return tag
    with open_file(file) as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def copy_file(file: SourceFile, target: Path) -> tuple[int, str]:
    """Copy a file byte for byte, or a database's answer as Parquet.

    Returns:
        Its size [bytes] and its SHA-256, of what was written.

    Raises:
        PenstockError: It could not be read to the end, or the copy not be written (operator).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sha, size = hashlib.sha256(), 0
    try:
        if file.query:
            copy_answer(file.place, file.query, target, f"source {file.source!r}: {file.uri}")
            with target.open("rb") as answer:
                return target.stat().st_size, hashlib.file_digest(answer, "sha256").hexdigest()
        with target.open("wb") as copy:
            for chunk in _chunks(file):
                sha.update(chunk)
                copy.write(chunk)
                size += len(chunk)
    except OSError as error:  # the source is not to blame: what goes wrong with it is told as such by now
        raise PenstockError(
            f"source {file.source!r}: the copy of {file.uri} cannot be written: {error.strerror}"
        ) from error
    return size, sha.hexdigest()


def _chunks(file: SourceFile) -> Iterator[bytes]:
    with open_file(file) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


@contextmanager
def open_file(file: SourceFile) -> Iterator[BinaryIO]:
    """Open a file for reading, wherever it is."""
    scheme = urlsplit(file.place).scheme
    where = f"source {file.source!r}: {file.uri}"
    try:
        if scheme in ("http", "https"):
            with _download(file.place, where) as stream:
                yield stream
        elif is_remote(file.place):
            with in_store(file.place).open() as stream:
                yield stream
        else:
            with Path(file.place).open("rb") as stream:
                yield stream
    except StoreError as error:
        raise PenstockError(f"{where} cannot be read: {error.reason}", error.remedy) from error
    except OSError as error:
        raise PenstockError(f"{where} cannot be read: {error}") from error


@dataclass(frozen=True)
class _Place:
    """Where to look, and how what is found is told to a person."""

    root: str
    """What to list: a path or a URL, perhaps a pattern."""
    list: Callable[[str], list[str]]
    hidden: str = ""
    """What addresses of files begin with, and what stands for it when they are shown."""
    instead: str = ""

    def shown(self, name: str) -> str:
        return self.instead + name.removeprefix(self.hidden)


def _find_place(uri: str, where: str) -> _Place:
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        if has_spans(uri) or "*" in parts.path:
            raise BadInput(
                f"{where}: a web server does not list its files, so it can have neither patterns nor spans",
                "Give the address of one file, or of a store that lists them (s3://, gs://)",
            )
        return _Place(resolved(uri, where), lambda url: [url])
    if parts.scheme == "package":
        folder = str(_package_folder(parts.netloc, where))
        return _Place(
            folder + uri.removeprefix(f"package://{parts.netloc}"), _list_local, folder, f"package://{parts.netloc}"
        )
    if parts.scheme == "file":
        return _Place(uri.removeprefix("file://"), _list_local, instead="file://")
    if is_remote(uri):
        try:
            return _Place(in_store(uri).canonical, _list_remote)
        except BadInput as error:
            raise BadInput(f"{where.removesuffix(uri)}{error.message}", error.remedy) from None
    return _Place(uri, _list_local)


def _package_folder(package: str, where: str) -> Path:
    """Find where a package is installed, without importing it."""
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(f"{where}: the Python package {package!r} is not installed", f"pip install {package}")
    return Path(next(iter(spec.submodule_search_locations)))


def _list_local(pattern: str) -> list[str]:
    path = Path(pattern)
    if path.is_file():
        return [pattern]
    if path.is_dir():
        folder = pattern.rstrip("/")
        return [
            f"{folder}/{p.relative_to(path).as_posix()}" for p in path.rglob("*") if p.is_file() and _counts(p.name)
        ]
    if "**" in pattern.split("/"):
        return _list_deep(pattern)
    return [name for name in glob.glob(pattern) if Path(name).is_file()]  # noqa: PTH207 - any root


def _list_deep(pattern: str) -> list[str]:
    """Files in folders of any depth; unlike glob, never through a link, which may lead back to where it is."""
    root = pattern[: pattern.rfind("/", 0, min(at for mark in "*?[" if (at := pattern.find(mark)) >= 0)) + 1]
    below = [p.relative_to(root or ".") for p in Path(root or ".").glob(pattern[len(root) :]) if p.is_file()]
    return [f"{root}{name.as_posix()}" for name in below if not any(part.startswith(".") for part in name.parts)]


def _list_remote(pattern: str) -> list[str]:
    found = in_store(pattern).addresses()
    is_folder = found != [pattern] and not any(mark in pattern for mark in "*?[")
    return [name for name in found if _counts(name)] if is_folder else found


def _counts(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return last.removesuffix(".gz").removesuffix(".zip").endswith(SUFFIXES) and not last.startswith((".", "_"))


def _fixed_prefix(root: str, files: list[Spanned]) -> str:
    """The folder under which the names of the files are told."""
    if len(files) == 1 and files[0].name == root:
        return root[: root.rfind("/") + 1]
    first = min((at for mark in "*?[{" if (at := root.find(mark)) >= 0), default=-1)
    return root[: root.rfind("/", 0, first) + 1] if first >= 0 else root.rstrip("/") + "/"


def _entity_tag(file: SourceFile) -> str:
    scheme = urlsplit(file.place).scheme
    if scheme in ("http", "https"):
        import httpx

        try:
            response = httpx.head(file.place, follow_redirects=True, timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise PenstockError(f"source {file.source!r}: {file.uri} cannot be reached: {error}") from error
        tag = response.headers.get("etag", "") if response.is_success else ""
        return "" if tag.startswith("W/") else tag
    if is_remote(file.place):
        try:
            return in_store(file.place).tag()
        except StoreError as error:
            text = f"source {file.source!r}: {file.uri} cannot be read: {error.reason}"
            raise PenstockError(text, error.remedy) from error
    return ""


@contextmanager
def _download(url: str, where: str) -> Iterator[BinaryIO]:
    """Fetch into a temporary file, so that a broken connection never leaves half a copy."""
    import tempfile

    import httpx
    from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

    @retry(
        retry=retry_if_exception_type(httpx.TransportError),
        stop=stop_after_attempt(3),
        wait=wait_exponential(multiplier=0.2, max=5),
        reraise=True,
    )
    def fetch(into: BinaryIO) -> None:
        into.seek(0)
        into.truncate()
        with httpx.stream("GET", url, headers=_AS_IT_IS, follow_redirects=True, timeout=_TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            for chunk in response.iter_raw(_CHUNK):
                into.write(chunk)
        into.seek(0)

    with tempfile.TemporaryFile() as body:
        try:
            fetch(body)
        except httpx.HTTPStatusError as error:
            if error.response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
                raise BadInput(f"{where}: no such file: {_answer(error.response)}", "Mend the address") from None
            raise OSError(_answer(error.response)) from None
        except httpx.HTTPError as error:
            raise OSError(str(error)) from error
        yield body


def _answer(response: httpx.Response) -> str:
    """What the server says, without the address, which httpx's own words repeat with what was put into it."""
    return f"the server answers {response.status_code} {response.reason_phrase}".rstrip()
