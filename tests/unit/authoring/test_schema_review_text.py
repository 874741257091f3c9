"""Edits cut into a schema's text: what is meant changes, every other byte stays."""

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from penstock.authoring.schema_review import Domain, NewFeature, Setting
from penstock.authoring.schema_review_text import apply, parse
from penstock.sdk import BadInput

TEXT = """\
# Reviewed in spring.
default_environment: "TRAINING"   # no request has a label

string_domain {
  name: "carrier"
  value: "9E" value: "AA" value: "UA"
  value: "US" value: "VX"
}

feature {
  name: "hour"
  type: INT
  presence { min_fraction: 1 min_count: 1 }
  # The day has twenty-four.
  int_domain { min: 0 max: 23 }
}
feature {
  name: "carrier" type: BYTES domain: "carrier"
}

feature <
  name: 'city'
  type: BYTES;
  string_domain {
    value: ["Bonn", "Köln"]
  }
>

feature {
  name: "size"
  type: BYTES
  string_domain {
    value: "L"
    value: "M"  # the usual one
    value: "S"
  }
}
# The end.
"""


def lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went, and those that came."""
    old, new = before.splitlines(), after.splitlines()
    return [x for x in old if x not in new], [x for x in new if x not in old]


@pytest.mark.parametrize(
    ("edit", "gone", "came"),
    [
        (
            Setting(("feature", "[hour]", "int_domain", "max"), "24"),
            ["  int_domain { min: 0 max: 23 }"],
            ["  int_domain { min: 0 max: 24 }"],
        ),
        (Setting(("feature", "[hour]", "type"), "FLOAT"), ["  type: INT"], ["  type: FLOAT"]),
        (
            Setting(("feature", "[hour]", "lifecycle_stage"), "DEPRECATED"),
            [],
            ["  lifecycle_stage: DEPRECATED"],
        ),
        (
            Setting(("feature", "[carrier]", "presence", "min_fraction"), "0.98"),
            ['  name: "carrier" type: BYTES domain: "carrier"'],
            ['  name: "carrier" type: BYTES domain: "carrier" presence { min_fraction: 0.98 }'],
        ),
        (
            Domain(("string_domain", "[carrier]"), add=("B6", "ZZ")),
            ['  value: "9E" value: "AA" value: "UA"', '  value: "US" value: "VX"'],
            ['  value: "9E" value: "AA" value: "B6" value: "UA"', '  value: "US" value: "VX" value: "ZZ"'],
        ),
        (
            Domain(("string_domain", "[carrier]"), add=("00",)),
            ['  value: "9E" value: "AA" value: "UA"'],
            ['  value: "00" value: "9E" value: "AA" value: "UA"'],
        ),
        (
            Domain(("string_domain", "[carrier]"), remove=("AA", "US", "VX")),
            ['  value: "9E" value: "AA" value: "UA"', '  value: "US" value: "VX"'],
            ['  value: "9E" value: "UA"'],
        ),
        (
            Domain(("feature", "[city]", "string_domain"), add=("Aachen", "Celle", 'X "1"')),
            ['    value: ["Bonn", "Köln"]'],
            ['    value: ["Aachen", "Bonn", "Celle", "Köln", "X \\"1\\""]'],
        ),
        (
            Domain(("feature", "[city]", "string_domain"), remove=("Köln",)),
            ['    value: ["Bonn", "Köln"]'],
            ['    value: ["Bonn"]'],
        ),
        (
            Domain(("feature", "[city]", "string_domain"), remove=("Bonn",)),
            ['    value: ["Bonn", "Köln"]'],
            ['    value: ["Köln"]'],
        ),
        (Domain(("feature", "[size]", "string_domain"), add=("XL",)), [], ['    value: "XL"']),
        (
            Domain(("feature", "[size]", "string_domain"), remove=("L", "M")),
            ['    value: "L"', '    value: "M"  # the usual one'],
            ["    # the usual one"],
        ),
    ],
)
def test_an_edit_changes_its_own_line(edit, gone: list[str], came: list[str]) -> None:
    changed = apply(TEXT, [edit])
    assert lines(TEXT, changed) == (gone, came)
    parse(changed)


def test_a_new_feature_stands_behind_the_last() -> None:
    changed = apply(TEXT, [NewFeature("gate", ('name: "gate"', "type: INT"))])
    assert lines(TEXT, changed) == ([], ['  name: "gate"'])
    assert [feature.name for feature in parse(changed).feature] == ["hour", "carrier", "city", "size", "gate"]
    assert changed.endswith('feature {\n  name: "gate"\n  type: INT\n}\n# The end.\n')
    assert changed.startswith(TEXT.removesuffix("# The end.\n"))


def test_no_edit_is_no_change() -> None:
    assert apply(TEXT, []) == TEXT


def test_edits_add_up() -> None:
    edits = [
        Setting(("feature", "[hour]", "int_domain", "min"), "-1"),
        Domain(("string_domain", "[carrier]"), add=("AB",), remove=("9E",)),
        Setting(("feature", "[size]", "presence", "min_fraction"), "0.5"),
        Setting(("feature", "[size]", "presence", "min_count"), "1"),
    ]
    schema = parse(apply(TEXT, edits))
    assert schema.feature[0].int_domain.min == -1
    assert list(schema.string_domain[0].value) == ["AA", "AB", "UA", "US", "VX"]
    assert (schema.feature[3].presence.min_fraction, schema.feature[3].presence.min_count) == (0.5, 1)


def test_a_message_on_one_line_and_an_empty_one() -> None:
    text = 'feature { name: "a" int_domain {} }'
    assert apply(text, [Setting(("feature", "[a]", "int_domain", "max"), "3")]) == (
        'feature { name: "a" int_domain { max: 3 } }'
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feature {\n  nam: 3\n}", r"schema:2: no schema: .*nam"),
        ("feature {", "no schema"),
        ("\x00\x01", "no schema"),
        ("feature { name: 'a\n' }", "schema:1: no schema"),
    ],
)
def test_what_is_no_schema_is_told_by_its_line(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        apply(text, [])


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)


@settings(max_examples=150)
@given(st.lists(words, unique=True, max_size=6), st.lists(words, unique=True, max_size=4), st.booleans(), st.data())
def test_any_text_goes_in_and_comes_out_as_protocol_buffers_read_it(
    present: list[str], added: list[str], one_line: bool, data: st.DataObject
) -> None:
    schema = schema_pb2.Schema()
    schema.feature.add(name="other", type=schema_pb2.INT)
    schema.feature.add(name="x", type=schema_pb2.BYTES).string_domain.value.extend(present)
    text = text_format.MessageToString(schema, as_one_line=one_line)
    removed = data.draw(st.lists(st.sampled_from(present), unique=True)) if present else []
    new = tuple(word for word in added if word not in present)
    path = ("feature", "[x]", "string_domain")
    if not schema.feature[1].HasField("string_domain"):
        return
    changed = parse(apply(text, [Domain(path, add=new, remove=tuple(removed))]))
    assert sorted(changed.feature[1].string_domain.value) == sorted({*present, *new} - {*removed})
    assert changed.feature[0] == schema.feature[0]


styles = st.fixed_dictionaries(
    {"as_one_line": st.booleans(), "pointy_brackets": st.booleans(), "use_short_repeated_primitives": st.booleans()}
)


@settings(max_examples=150)
@given(styles, st.lists(st.tuples(words, st.booleans(), st.booleans()), min_size=1, max_size=4), st.data())
def test_a_setting_is_what_protocol_buffers_would_set_however_the_text_is_written(
    style: dict[str, bool], features: list[tuple[str, bool, bool]], data: st.DataObject
) -> None:
    schema = schema_pb2.Schema(default_environment=["A", "B"])
    names = list(dict.fromkeys(name for name, _, _ in features))
    for name, bounded, present in {each[0]: each for each in features}.values():
        feature = schema.feature.add(name=name, type=schema_pb2.INT)
        if bounded:
            feature.int_domain.min = -3
        if present:
            feature.presence.min_fraction = 0.5
    text = text_format.MessageToString(schema, **style)
    name = data.draw(st.sampled_from(names))
    place = names.index(name)
    edits = [
        Setting(("feature", f"[{name}]", "int_domain", "max"), "7"),
        Setting(("feature", f"[{name}]", "presence", "min_fraction"), "0.25"),
        Setting(("feature", f"[{name}]", "lifecycle_stage"), "DEPRECATED"),
    ]
    schema.feature[place].int_domain.max = 7
    schema.feature[place].presence.min_fraction = 0.25
    schema.feature[place].lifecycle_stage = schema_pb2.DEPRECATED
    assert parse(apply(text, edits)) == schema
