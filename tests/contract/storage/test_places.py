"""What holds for every place where files can be."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from penstock.artifacts import digest_tree
from penstock.sdk import BadInput, PenstockError
from penstock.storage import NothingThere, StoreError, at, is_remote
from penstock.storage.patience import PATIENCE, Patience
from penstock.storage.place import local_files

LAST = "manifest.json"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in local_files(folder).items()}


def test_what_is_published_is_what_is_read(root: str, folder: Path, tmp_path: Path) -> None:
    place = at(f"{root}/one/")
    assert not place.is_published(LAST)
    assert place.files() == {}
    place.publish(folder, last=LAST)
    assert place.is_published(LAST)
    assert place.files() == {name: len(data) for name, data in contents(folder).items()}
    assert list(place.files()) == sorted(place.files())
    assert place.digest() == digest_tree(folder)
    assert place.digests()["a.txt"] == hashlib.sha256(b"a").hexdigest()
    assert place.read("deep/er/b.bin") == contents(folder)["deep/er/b.bin"]
    place.fetch(tmp_path / "back")
    assert contents(tmp_path / "back") == contents(folder)


def test_one_file_is_a_place_too(root: str, folder: Path, tmp_path: Path) -> None:
    at(f"{root}/one").publish(folder, last=LAST)
    place = at(f"{root}/one/deep/er/b.bin")
    assert list(place.files()) == [""]
    assert place.digest() == digest_tree(folder / "deep/er/b.bin")
    place.fetch(tmp_path / "b.bin")
    assert (tmp_path / "b.bin").read_bytes() == (folder / "deep/er/b.bin").read_bytes()


def test_names_that_begin_alike_are_not_below_each_other(root: str, folder: Path) -> None:
    at(f"{root}/one-more").publish(folder, last=LAST)
    assert at(f"{root}/one").files() == {}
    with pytest.raises(NothingThere):
        at(f"{root}/one").digest()


def test_nothing_there_is_told_and_leaves_nothing(root: str, tmp_path: Path) -> None:
    place = at(f"{root}/none")
    for use in (place.digest, place.read, lambda: place.fetch(tmp_path / "back")):
        with pytest.raises(NothingThere, match=f"{root}/none: nothing is there"):
            use()
    assert list(tmp_path.glob("*back*")) == []


def test_files_are_read_from_anywhere(root: str, folder: Path) -> None:
    at(f"{root}/one").publish(folder, last=LAST)
    whole = (folder / "deep/er/b.bin").read_bytes()
    with at(f"{root}/one").open("deep/er/b.bin") as stream:
        stream.seek(-1000, 2)
        assert stream.read() == whole[-1000:]
        stream.seek(9_000_000)
        assert stream.read(10) == whole[9_000_000:9_000_010]


@pytest.mark.parametrize("whole", [True, False])
def test_a_copy_is_the_same_content(root: str, folder: Path, tmp_path: Path, whole: bool) -> None:
    at(f"{root}/one").publish(folder, last=LAST)
    below = "" if whole else "/a.txt"
    at(f"{root}/two{below}").copy_from(at(f"{root}/one{below}"))
    assert at(f"{root}/two{below}").digest() == at(f"{root}/one{below}").digest()
    at(f"{root}/three{below}").copy_from(at(str(folder) + below))
    assert at(f"{root}/three{below}").digest() == digest_tree(Path(str(folder) + below))
    with pytest.raises(NothingThere):
        at(f"{root}/four").copy_from(at(f"{root}/none"))


def test_a_publication_again_is_harmless(root: str, folder: Path) -> None:
    place = at(f"{root}/one")
    place.publish(folder, last=LAST)
    if is_remote(root):
        place.publish(folder, last=LAST)
    else:
        with pytest.raises(FileExistsError):
            place.publish(folder, last=LAST)
    assert place.digest() == digest_tree(folder)


def test_what_an_unfinished_write_left_does_not_count(root: str, folder: Path) -> None:
    (folder / ".a.txt.partial-host-1").write_bytes(b"half")
    at(f"{root}/one").publish(folder, last=LAST)
    assert ".a.txt.partial-host-1" not in at(f"{root}/one").files()


@pytest.mark.store
def test_no_markers_stand_for_folders_and_those_of_others_do_not_count(bucket: str, s3_server, folder: Path) -> None:
    at(f"{bucket}/one").publish(folder, last=LAST)
    objects = s3_server.objects(bucket.removeprefix("s3://"))
    assert set(objects) == {f"one/{name}" for name in contents(folder)}
    fsspec.filesystem("s3").call_s3("put_object", Bucket=bucket.removeprefix("s3://"), Key="one/deep/", Body=b"")
    assert at(f"{bucket}/one").digest() == digest_tree(folder)


@pytest.mark.store
def test_a_large_file_goes_in_parts(bucket: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "weights").open("wb") as stream:
        stream.truncate(40 << 20)
    (source / LAST).write_bytes(b"{}")
    at(f"{bucket}/one").publish(source, last=LAST)
    tag = fsspec.filesystem("s3").info(f"{bucket}/one/weights")["ETag"].strip('"')
    assert tag.endswith("-3")  # S3's way to say how many parts
    assert at(f"{bucket}/one").digest() == digest_tree(source)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("nonsense://bucket/x", "nonsense"),
        ("s3://key:pa55word@bucket/x", "credentials do not belong into a URL"),
    ],
)
def test_addresses_that_cannot_be_used(uri: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        at(uri)
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_patience_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(PATIENCE, text)
    with pytest.raises(BadInput, match=f"{PATIENCE}: '{text}' is not a number of seconds"):
        Patience.from_environment()


@pytest.mark.store
def test_a_bucket_that_is_missing_is_told_and_not_made(bucket: str, s3_server, folder: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no bucket 'no-such-bucket'. Make it, or correct the address"):
        at("s3://no-such-bucket/x").publish(folder, last=LAST)
    with pytest.raises(StoreError, match="there is no bucket 'no-such-bucket'"):
        at("s3://no-such-bucket/x").files()
    assert not (s3_server.buckets / "no-such-bucket").exists()


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch):
    """fsspec without what it remembers of our credentials, before and after."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    yield monkeypatch
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.store
@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_access_that_is_denied_is_told_at_once_and_without_the_secret(
    bucket: str, strangers: pytest.MonkeyPatch, folder: Path, name: str
) -> None:
    strangers.setenv(name, "not-the-right-one")
    for use in (lambda p: p.files(), lambda p: p.read("x"), lambda p: p.publish(folder, last=LAST)):
        with pytest.raises(StoreError, match="access is denied") as caught:
            use(at(f"{bucket}/x", patience=Patience(seconds=60)))
        assert "Give the process credentials with the right to it" in str(caught.value)
        assert "not-the-right-one" not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.store
def test_a_store_that_is_not_there_is_told(strangers: pytest.MonkeyPatch, bucket: str, folder: Path) -> None:
    strangers.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    said = r"the store at http://127.0.0.1:9 cannot be reached \(EndpointConnectionError\), and was tried again for 1 s"
    with pytest.raises(PenstockError, match=said):
        at(f"{bucket}/x", patience=Patience(seconds=1)).publish(folder, last=LAST)


def test_the_libraries_of_stores_say_nothing_themselves() -> None:
    """In a process of its own: they warn when they are imported, and log what fails with its traceback."""
    script = (
        "import logging\nfrom penstock.storage import at\nat('gs://bucket/x')\nlogging.getLogger('gcsfs').error('x')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
