import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.sdk import BadInput
from penstock.strict_yaml import read_yaml


def read(tmp_path: Path, text: str):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return read_yaml(path)


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = "[NO, on, 12:30, 2013-10-01, 1e-3, 1_000, 010, 0o10, 0x1F, .5, -3, '3', ~, null, True, .inf, +1.5e3, '']"
    assert read(tmp_path, text).value == [
        "NO", "on", "12:30", "2013-10-01", 0.001, "1_000", 10, 8, 31, 0.5, -3, "3", None, None, True,
        float("inf"), 1500.0, "",
    ]  # fmt: skip


def test_every_part_has_its_line(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nb:\n  - x\n  - y: 2\n    z: 3\n")
    path = tmp_path / "x.yaml"
    assert document.place(("b", 1, "z")) == f"{path}:5"
    assert document.place(("b", 0)) == f"{path}:3"
    assert document.place(("b", 1, "missing")) == f"{path}:4"
    assert document.place(("nowhere",)) == f"{path}:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"x.yaml:3: a: this key is there twice, first on line 1"),
        ("t:\n  a: {k: 1,\n    k: 2}\n", r"x.yaml:3: k: this key is there twice, first on line 2"),
        ("a: &x 1\nb: *x\n", r"x.yaml:1: anchors, aliases and tags are not used here"),
        ("a: 1\nb: !!python/name:os.system\n", r"x.yaml:2: anchors, aliases and tags"),
        ("a: &a [*a]\n", r"x.yaml:1: anchors"),
        ("a: [1, 2\nb: 3\n", r"x.yaml:2: not YAML"),
        ("a: 1\n---\nb: 2\n", r"x.yaml:2: not YAML"),
        ("? [1, 2]\n: 3\n", r"x.yaml:1: a key must be a plain name"),
    ],
)
def test_refuses_what_hides_a_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(tmp_path, text)


def test_an_empty_file_is_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "").value is None
    assert read(tmp_path, "# only a comment\n").value is None


def test_tells_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is missing"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(BadInput, match="cannot be read"):
        read_yaml(tmp_path / "latin.yaml")
    (tmp_path / "control.yaml").write_bytes(b"a: \x01\n")
    with pytest.raises(BadInput, match="not YAML"):
        read_yaml(tmp_path / "control.yaml")


TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]))
# YAML bounds a key beside its value to 1,024 characters; JSON escapes one character with up to six.
KEY = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=160)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(KEY, inner),
    max_leaves=20,
)


@given(JSON)
def test_json_is_yaml(value: Any) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(value, file)
        file.flush()
        assert read_yaml(Path(file.name)).value == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: " + "[" * 100_000, r"x.yaml:1: is nested too deeply"),
        ("".join(" " * level + "a:\n" for level in range(2000)), r"x.yaml:101: is nested too deeply"),
        ("a: 1\nb: " + "9" * 5000, r"x.yaml:2: a number of 5,000 digits"),
        ('a: "\\ud800"', r"x.yaml:1: half a character"),
        ("a: \0", r"x.yaml: not YAML: unacceptable character #x0000"),
    ],
)
def test_what_would_break_a_reader_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
