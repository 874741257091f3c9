"""A release appears whole at its destination or not at all, and is never written over."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest

from components.pusher.bundle import damage
from penstock.sdk import BadInput, PenstockError
from penstock.storage import at
from tests.components.pusher.conftest import make_inputs
from tests.components.pusher.test_pusher import files_of, push

REPOSITORY = Path(__file__).parents[3]


def visible(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_release_is_published_under_its_digest(inputs, tmp_path):
    releases = tmp_path / "deep" / "releases"
    pushed = push(inputs, tmp_path / "out", destination=str(releases))
    digits = pushed.metadata["release_digest"].removeprefix("sha256:")[:16]
    assert visible(releases) == [digits]
    assert pushed.metadata["published"] == str(releases / digits)
    assert files_of(releases / digits) == files_of(pushed.path)
    assert damage(at(str(releases / digits))) == ""
    model = releases / digits / "model/1/saved_model.pb"
    assert not model.samefile(inputs["model"].path / "saved_model/saved_model.pb")  # the cache may be swept


def test_the_same_release_again_is_nothing_to_do(inputs, tmp_path):
    releases = tmp_path / "releases"
    first = push(inputs, tmp_path / "one", destination=f"file://{releases}")
    before = {path: path.stat().st_mtime_ns for path in releases.rglob("*")}
    second = push(inputs, tmp_path / "two", destination=str(releases))
    assert second.metadata["published"] == first.metadata["published"]
    assert {path: path.stat().st_mtime_ns for path in releases.rglob("*")} == before


def break_file(release):
    (release / "model/1/saved_model.pb").write_bytes(b"something else")


def lose_file(release):
    (release / "model/features.json").unlink()


def lose_manifest(release):
    (release / "manifest.json").unlink()


def add_file(release):
    (release / "model/1/more").write_bytes(b"")


def forge_manifest(release):
    document = json.loads((release / "manifest.json").read_text())
    (release / "manifest.json").write_text(json.dumps({**document, "name": "other"}))


def spoil_manifest(release):
    (release / "manifest.json").write_text('{"files": 1}')


def be_a_file(release):
    shutil.rmtree(release)
    release.write_text("")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (break_file, "model/1/saved_model.pb is damaged"),
        (lose_file, "model/features.json is missing"),
        (lose_manifest, "it has no manifest.json"),
        (add_file, "model/1/more does not belong to it"),
        (forge_manifest, "does not match its own digest"),
        (spoil_manifest, "manifest.json cannot be read"),
        (be_a_file, "Not a directory"),
    ],
)
def test_what_is_there_and_is_not_this_release_is_left_alone(inputs, tmp_path, change, said):
    releases = tmp_path / "releases"
    release = Path(push(inputs, tmp_path / "one", destination=str(releases)).metadata["published"])
    change(release)
    before = {path: path.read_bytes() for path in releases.rglob("*") if path.is_file()}
    with pytest.raises(PenstockError, match=said):
        push(inputs, tmp_path / "two", destination=str(releases))
    assert {path: path.read_bytes() for path in releases.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "two/pushed_model").exists()


def test_another_release_intact_under_this_name_is_an_error(inputs, tmp_path):
    releases = tmp_path / "releases"
    first = Path(push(inputs, tmp_path / "one", destination=str(releases), name="a").metadata["published"])
    second = Path(push(inputs, tmp_path / "two", destination=str(releases), name="b").metadata["published"])
    shutil.rmtree(first)
    second.rename(first)
    with pytest.raises(PenstockError, match="it is another release"):
        push(inputs, tmp_path / "three", destination=str(releases), name="a")


def test_a_url_with_credentials_or_of_an_unknown_kind_is_refused(inputs, tmp_path):
    with pytest.raises(BadInput, match="credentials do not belong into a URL") as caught:
        push(inputs, tmp_path / "out", destination="s3://key:secret@bucket/releases")
    assert "secret" not in str(caught.value)
    with pytest.raises(BadInput, match="destination: nonsense://x"):
        push(inputs, tmp_path / "out", destination="nonsense://x")


def test_a_destination_that_cannot_be_written_is_one_line(inputs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PenstockError, match=r"cannot publish to .*file/releases: Not a directory"):
        push(inputs, tmp_path / "out", destination=str(tmp_path / "file/releases"))


@pytest.fixture
def store():
    memory = fsspec.filesystem("memory")
    yield memory
    memory.store.clear()


def test_an_object_store_gets_the_manifest_last_and_is_compared_after(inputs, tmp_path, store, monkeypatch):
    order = []
    put_file = type(store).put_file

    def record(self, source, target, **options):
        order.append(target.rsplit("/", 1)[1])
        return put_file(self, source, target, **options)

    monkeypatch.setattr(type(store), "put_file", record)
    pushed = push(inputs, tmp_path / "one", destination="memory://bucket/releases/")
    digits = pushed.metadata["release_digest"].removeprefix("sha256:")[:16]
    assert pushed.metadata["published"] == f"memory://bucket/releases/{digits}"
    assert (order[-1], len(order)) == ("manifest.json", len(files_of(pushed.path)))
    found = {name.split(f"{digits}/", 1)[1] for name in store.find(f"/bucket/releases/{digits}")}
    assert found == set(files_of(pushed.path))

    push(inputs, tmp_path / "two", destination="memory://bucket/releases")
    assert len(order) == len(files_of(pushed.path))
    store.pipe_file(f"/bucket/releases/{digits}/schema.pbtxt", b"other")
    with pytest.raises(PenstockError, match=r"is not this release: schema.pbtxt is damaged"):
        push(inputs, tmp_path / "three", destination="memory://bucket/releases")


def test_a_broken_upload_is_no_release_and_is_completed(inputs, tmp_path, store):
    pushed = push(inputs, tmp_path / "one", destination="memory://bucket/releases")
    digits = pushed.metadata["release_digest"].removeprefix("sha256:")[:16]
    store.rm(f"/bucket/releases/{digits}/manifest.json")
    store.rm(f"/bucket/releases/{digits}/model/1/saved_model.pb")
    push(inputs, tmp_path / "two", destination="memory://bucket/releases")
    assert store.cat_file(f"/bucket/releases/{digits}/model/1/saved_model.pb") == b"\x08\x01graph"
    assert store.exists(f"/bucket/releases/{digits}/manifest.json")


def command(inputs, folder, destination):
    """The pusher as KFP starts it."""
    artifacts = {
        name: {"artifacts": [{"uri": str(a.path), "metadata": {**a.metadata, "kind": a.kind}}]}
        for name, a in inputs.items()
    }
    document = {
        "inputs": {"parameterValues": {"destination": str(destination)}, "artifacts": artifacts},
        "outputs": {
            "artifacts": {"pushed_model": {"artifacts": [{"uri": str(folder / "pushed_model")}]}},
            "outputFile": str(folder / "executor_output.json"),
        },
    }
    return [sys.executable, "-m", "components.pusher.main", json.dumps(document)]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A model of 150 MB, so that there is a middle to be killed in."""
    folder = tmp_path_factory.mktemp("large")
    pb = folder / "model/saved_model/variables/weights"
    pb.parent.mkdir(parents=True)
    with pb.open("wb") as file:
        file.truncate(150_000_000)
    return make_inputs(folder)


def test_killed_in_the_middle_nothing_is_visible_and_the_next_push_cleans_up(large, tmp_path):
    releases = tmp_path / "releases"
    process = subprocess.Popen(
        command(large, tmp_path, releases), cwd=REPOSITORY, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(releases.glob(".*/model/1/variables/weights")):
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    left = visible(releases)
    assert len(left) == 1
    assert ".partial-" in left[0]
    assert left[0].startswith(".")
    assert not (tmp_path / "pushed_model").exists()
    assert not (tmp_path / "executor_output.json").exists()

    subprocess.run(command(large, tmp_path, releases), cwd=REPOSITORY, check=True, timeout=60)
    (release,) = visible(releases)
    assert damage(at(str(releases / release))) == ""


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))


def test_a_file_that_cannot_be_written_whole_leaves_nothing(large, tmp_path):
    releases = tmp_path / "releases"
    done = subprocess.run(
        command(large, tmp_path, releases),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit_files,
    )
    assert (done.returncode, done.stderr) == (1, f"pusher: cannot publish to {releases}: File too large\n")
    assert visible(releases) == []
    assert visible(tmp_path) == ["releases"]


def test_a_full_disk_leaves_nothing(large, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        done = subprocess.run(
            command(large, tmp_path, disk / "releases"), cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        said = f"pusher: cannot publish to {disk / 'releases'}: No space left on device"
        assert done.stderr == f"{said}. Make space, or a larger volume\n"
        assert visible(disk / "releases") == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.store
def test_a_release_in_a_real_object_store(inputs, tmp_path, bucket, s3_server):
    pushed = push(inputs, tmp_path / "one", destination=f"{bucket}/releases")
    digits = pushed.metadata["release_digest"].removeprefix("sha256:")[:16]
    assert pushed.metadata["published"] == f"{bucket}/releases/{digits}"
    objects = s3_server.objects(bucket.removeprefix("s3://"))
    assert {n.removeprefix(f"releases/{digits}/"): d for n, d in objects.items()} == {
        name: (pushed.path / name).read_bytes() for name in files_of(pushed.path)
    }
    again = push(inputs, tmp_path / "two", destination=f"{bucket}/releases")
    assert again.metadata["published"] == pushed.metadata["published"]
    (s3_server.buckets / bucket.removeprefix("s3://") / "releases" / digits / "model/features.json").unlink()
    with pytest.raises(PenstockError, match=r"is not this release: model/features.json is missing"):
        push(inputs, tmp_path / "three", destination=f"{bucket}/releases")


@pytest.mark.store
def test_a_bucket_that_is_missing_is_one_line(large, tmp_path, bucket):
    ended = subprocess.run(
        command(large, tmp_path, "s3://no-such-bucket/x"), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    said = "pusher: cannot publish to s3://no-such-bucket/x: there is no bucket 'no-such-bucket'"
    assert (ended.returncode, ended.stderr) == (1, f"{said}. Make it, or correct the address\n")
    assert not (tmp_path / "executor_output.json").exists()
