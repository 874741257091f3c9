"""`rules.yaml` is read strictly: what it says has one meaning, and every rule is shown by an example."""

import pytest

from penstock.sdk import BadInput
from penstock.serving.rules.document import read_rules

GOOD = """
version: 3
rules:
  - {name: cap, when: score > 0.5, clamp: {max: 0.5}}
fallback: {score: null, on: [model_failed]}
examples:
  - {row: {}, score: 0.9, expect: {score: 0.5, rules: [cap]}}
"""


def read(tmp_path, text):
    (tmp_path / "rules.yaml").write_text(text)
    return read_rules(tmp_path / "rules.yaml")


def test_a_book(tmp_path):
    book = read(tmp_path, GOOD)
    assert (book.version, book.rules[0].name, book.rules[0].when) == ("3", "cap", "score > 0.5")
    assert book.fallback is not None
    assert (book.fallback.score, book.fallback.on) == (None, ("model_failed",))


def test_nothing_but_a_version_is_a_book(tmp_path):
    assert read(tmp_path, "version: none\n").rules == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 3", "versoin: 3", r"rules.yaml:2: version: Field required"),
        ("clamp: {max: 0.5}", "clamp: {}", r"rules.yaml:4: rules.0.clamp: give min, max or both"),
        ("clamp: {max: 0.5}", "clamp: {min: 1, max: 0.5}", "min must not be greater"),
        ("clamp: {max: 0.5}", "clamp: {max: 0.5}, suppress: {}", "a rule does one thing"),
        ("clamp: {max: 0.5}", "override: {by: dest}", "either 'score', or 'by' with 'scores'"),
        (
            "clamp: {max: 0.5}",
            "override: {score: 1, by: dest, scores: {a: 1}}",
            "either 'score', or 'by' with 'scores'",
        ),
        ("clamp: {max: 0.5}", "override: {score: .nan}", "finite"),
        ("clamp: {max: 0.5}", "suppress: {below_confidence: 2}", "less than or equal to 1"),
        ("name: cap", "name: Cap it", "pattern"),
        ("rules: [cap]", "rules: []", "no example shows the rule 'cap'"),
        ("rules: [cap]", "rules: [cap, nap]", "an example expects the rule 'nap'"),
        ("on: [model_failed]", "on: [monday]", "model_failed"),
        ("{name: cap, ", "{name: cap, name: cup, ", "there twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, old, new, says):
    with pytest.raises(BadInput, match=says):
        read(tmp_path, GOOD.replace(old, new))


def test_two_rules_of_one_name(tmp_path):
    twice = GOOD.replace("fallback:", "  - {name: cap, suppress: {}}\nfallback:")
    with pytest.raises(BadInput, match="two rules are called 'cap'"):
        read(tmp_path, twice)
