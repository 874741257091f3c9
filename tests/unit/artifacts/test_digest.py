"""A digest names content: bytes and relative names, nothing else."""

import hashlib
import os

import pytest

from penstock.artifacts import digest_bytes, digest_file, digest_tree
from penstock.artifacts.digest import digest_json


def test_a_file_is_digested_as_its_bytes(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(b"penstock")
    assert digest_file(file) == "sha256:" + hashlib.sha256(b"penstock").hexdigest() == digest_tree(file)


def test_equal_folders_have_equal_digests_wherever_they_are(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "x").write_text("1")
        (tmp_path / name / "y").write_text("2")
    os.utime(tmp_path / "two" / "y", (0, 0))
    assert digest_tree(tmp_path / "one") == digest_tree(tmp_path / "two")


@pytest.mark.parametrize("change", ["content", "name", "extra"])
def test_any_change_shows(tmp_path, change):
    (tmp_path / "a").write_text("1")
    before = digest_tree(tmp_path)
    if change == "content":
        (tmp_path / "a").write_text("2")
    elif change == "name":
        (tmp_path / "a").rename(tmp_path / "b")
    else:
        (tmp_path / "b").write_text("")
    assert digest_tree(tmp_path) != before


def test_names_and_contents_cannot_be_shifted_into_each_other(tmp_path):
    for folder, name, content in (("one", "ab", "c"), ("two", "a", "bc")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(content)
    assert digest_tree(tmp_path / "one") != digest_tree(tmp_path / "two")


def test_nothing_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        digest_tree(tmp_path / "absent")


def test_json_is_digested_in_canonical_form():
    assert digest_json({"a": [1, "é"]}) == digest_bytes('{"a":[1,"é"]}'.encode())
    with pytest.raises(ValueError, match="Out of range"):
        digest_json(float("nan"))
