"""YAML with reasons: whatever a table is called, what is read is what was meant."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.authoring.starting_yaml import one_line, write_yaml
from penstock.profiling.choices import Because, plain
from penstock.strict_yaml import read_yaml


def read(tmp_path: Path, text: str):
    path = tmp_path / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path).value


def test_a_reason_stands_above_what_it_is_about():
    assert write_yaml({"train": {"epochs": Because(5, "Few rows."), "seed": 1}}) == (
        "train:\n  # Few rows.\n  epochs: 5\n  seed: 1\n"
    )


def test_a_reason_of_several_lines_stays_a_comment():
    text = write_yaml({"a": Because(1, "first\nsecond: {x}\x85third")})
    assert text == "# first\n# second: {x}\\x85third\na: 1\n"


def test_a_list_of_mappings_with_reasons_inside(tmp_path):
    values = {"metrics": [{"name": Because("auc", "why"), "limits": [{"least": Because(0.5, "so")}]}, {"name": "x"}]}
    text = write_yaml(values)
    assert text.splitlines()[:3] == ["metrics:", "  # why", "  - name: auc"]
    assert read(tmp_path, text) == plain(values)


def test_long_lists_fill_lines_that_are_not_too_long(tmp_path):
    values = {"features": [f"column_{i}" for i in range(100)], "types": {f"column_{i}": "float" for i in range(100)}}
    text = write_yaml(values)
    assert max(map(len, text.splitlines())) <= 120
    assert len(text.splitlines()) < 50
    assert read(tmp_path, text) == values


@pytest.mark.parametrize(
    "word",
    ["NO", "yes", "null", "~", "1e5", "0x1F", "12:30", "2013-10-01", "", " a", "a: b", "a #b", "- a", "[", "{a}"],
)
def test_words_that_yaml_takes_for_something_else_stay_words(tmp_path, word):
    values = {"value": word, "key": {word: 1}, "list": [word]}
    assert read(tmp_path, write_yaml(values)) == values


def test_classes_stay_texts_to_every_reader_of_yaml():
    written = write_yaml({"classes": ["no", "yes", "Off", "N", "north"]})
    assert written == 'classes: ["no", "yes", "Off", "N", north]\n'
    assert yaml.safe_load(written) == {"classes": ["no", "yes", "Off", "N", "north"]}  # reads YAML 1.1


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda v: (
        st.lists(v, max_size=4)
        | st.dictionaries(TEXTS, v, max_size=4)
        | v.flatmap(lambda x: TEXTS.map(lambda r: Because(x, r)))
    ),
)


@settings(max_examples=150)
@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_what_is_read_is_what_was_meant(tmp_path_factory, values):
    assert read(tmp_path_factory.mktemp("yaml"), write_yaml(values)) == plain(values)


def test_one_line_is_one_line():
    assert one_line("a\nb\u2028c\x00") == "a\\nb\\u2028c\\x00"
