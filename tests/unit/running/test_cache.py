from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.artifacts import Decision, digest_bytes, digest_tree
from penstock.lineage.records import ArtifactRecord
from penstock.provenance.artifacts import digests_of
from penstock.running.cache import Cache, CacheEntry
from penstock.sdk.executor import RuntimeArtifact


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    (tmp_path / "cache").mkdir()
    with ThreadPoolExecutor(2) as pool:
        yield Cache(tmp_path / "cache", pool)


@pytest.fixture
def entry(tmp_path: Path) -> CacheEntry:
    output = tmp_path / "out"
    (output / "part").mkdir(parents=True)
    (output / "part" / "a").write_text("content")
    record = ArtifactRecord(kind="model", uri=str(output), digest=digest_tree(output), name="model", metadata={"n": 1})
    decision = Decision(verdict="Successful", consequence="proceed")
    return CacheEntry(
        key="sha256:ab",
        run_id="r",
        execution=4,
        outputs=(record,),
        parameters={"gate": "open"},
        decision=decision,
        seconds=1,
    )


def refuse(why: str) -> None:
    raise AssertionError(why)


def test_finds_what_was_put(cache: Cache, entry: CacheEntry) -> None:
    assert cache.find("sha256:ab", refuse) is None
    cache.put(entry)
    assert cache.find("sha256:ab", refuse) == entry
    assert cache.find("sha256:ac", refuse) is None


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda out: (out / "part" / "a").write_text("other"), "its output 'model' was changed"),
        (lambda out: (out / "b").write_text("more"), "its output 'model' was changed"),
        (lambda out: (out / "part" / "a").rename(out / "a"), "its output 'model' was changed"),
        (shutil.rmtree, "its output 'model' is gone"),
    ],
)
def test_notices_damage(cache: Cache, entry: CacheEntry, damage: Callable[[Path], object], why: str) -> None:
    cache.put(entry)
    damage(Path(entry.outputs[0].uri))
    told: list[str] = []
    assert cache.find("sha256:ab", told.append) is None
    assert told == [why]


def test_an_entry_under_the_wrong_name_is_not_taken(cache: Cache, entry: CacheEntry, tmp_path: Path) -> None:
    cache.put(entry)
    (tmp_path / "cache" / "ab.json").rename(tmp_path / "cache" / "ac.json")
    told: list[str] = []
    assert cache.find("sha256:ac", told.append) is None
    assert told == ["its cache entry is of other work"]


def test_digests_are_computed_only_where_none_is_carried(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    artifacts = [
        RuntimeArtifact(uri="/nowhere", metadata={"digest": "sha256:1"}),
        RuntimeArtifact(uri=str(tmp_path / "file")),
        RuntimeArtifact(uri="s3://bucket/not-here"),
    ]
    assert digests_of(artifacts) == ("sha256:1", digest_bytes(b"x"), "s3://bucket/not-here")
