"""A compiled pipeline knows the sources that it was made from."""

import pytest

from penstock.authoring.freshness import is_stale, mark


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pipeline.py").write_text("build = None\n")
    (tmp_path / "pipeline.yaml").write_text("name: x\n")
    (tmp_path / "schema.pbtxt").write_text("")
    (tmp_path / "compiled.yaml").write_text(f"# Generated\n{mark(tmp_path)}\nroot: {{}}\n")
    return tmp_path


def test_fresh_until_a_source_changes(folder):
    assert not is_stale(folder / "compiled.yaml")
    (folder / "README.md").write_text("about it")
    assert not is_stale(folder / "compiled.yaml")
    (folder / "schema.pbtxt").write_text("feature {}")
    assert is_stale(folder / "compiled.yaml")


def test_a_file_from_elsewhere_is_never_stale(folder, tmp_path_factory):
    alone = tmp_path_factory.mktemp("alone") / "compiled.yaml"
    alone.write_text((folder / "compiled.yaml").read_text())
    assert not is_stale(alone)
    (folder / "compiled.yaml").write_text("root: {}\n")
    assert not is_stale(folder / "compiled.yaml")
