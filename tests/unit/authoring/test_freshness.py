"""A compiled pipeline knows the sources that it was made from."""

import pytest

from penstock import __version__
from penstock.authoring.freshness import check_seal, is_stale, mark, seal
from penstock.sdk import BadInput


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
    (folder / "release.yaml").write_text("kind: ModelRelease")
    assert not is_stale(folder / "compiled.yaml")
    (folder / "schema.pbtxt").write_text("feature {}")
    assert is_stale(folder / "compiled.yaml")


def test_a_file_from_elsewhere_is_never_stale(folder, tmp_path_factory):
    alone = tmp_path_factory.mktemp("alone") / "compiled.yaml"
    alone.write_text((folder / "compiled.yaml").read_text())
    assert not is_stale(alone)
    (folder / "compiled.yaml").write_text("root: {}\n")
    assert not is_stale(folder / "compiled.yaml")


def sealed(path, content, line=None):
    path.write_text(f"# Generated\n# sources: x\n{line or seal(content)}\n{content}")
    return path


def test_what_was_compiled_passes_and_an_edit_by_hand_does_not(tmp_path):
    compiled = sealed(tmp_path / "compiled.yaml", "root: {}\n")
    check_seal(compiled)
    for edited in ("root: {a: 1}\n", "root: {}\n# a note\n", "root: {}", ""):
        compiled.write_text("".join(compiled.read_text().splitlines(keepends=True)[:3]) + edited)
        with pytest.raises(BadInput, match=f"was edited by hand.*penstock compile {tmp_path.name}"):
            check_seal(compiled)


def test_a_pipeline_of_another_version_is_not_run(tmp_path):
    line = seal("root: {}\n").replace(__version__, "0.0.1")
    compiled = sealed(tmp_path / "compiled.yaml", "root: {}\n", line)
    with pytest.raises(BadInput, match=f"by Penstock 0.0.1, and this is {__version__}. Make it again"):
        check_seal(compiled)


def test_nothing_is_asked_of_a_file_from_elsewhere(tmp_path):
    (tmp_path / "c.yaml").write_text("# somebody else's\nroot: {}\n")
    check_seal(tmp_path / "c.yaml")
    (tmp_path / "c.yaml").write_text("")
    check_seal(tmp_path / "c.yaml")
