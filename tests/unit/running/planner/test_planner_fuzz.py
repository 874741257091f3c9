"""Whatever stands in compiled.yaml: it is read, or refused in one line; never a traceback, never a hang."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.running.spec_reader import parse_pipeline
from penstock.sdk import BadInput

WHOLE = (Path(__file__).parents[3] / "golden" / "small_pipeline.yaml").read_text().splitlines(keepends=True)
VALUES = [
    "{}",
    "[]",
    "null",
    "1",
    "-1.5",
    "''",
    "[1, {a: b}]",
    "'{{$}}'",
    "x",
    "true",
    "~: ~",
    "&a [1]",
    "*a",
    "!!set {a}",
]
STRAY = ["\0", "\t", "[", "]", "{", "}", ": ", "- ", "&a ", "*a", "!!int ", "? ", "|", "%", "\u2028", "\ud7ff"]


def read(text: str) -> None:
    try:
        parse_pipeline(text)
    except BadInput as error:
        assert "\n" not in str(error)


@settings(max_examples=150, deadline=timedelta(seconds=5))
@given(st.data())
def test_a_line_that_is_gone_doubled_moved_or_has_another_value(data: st.DataObject) -> None:
    lines = list(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "value", "indent"])):
            case "drop":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "swap":
                other = data.draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "value":
                lines[at] = f"{lines[at].partition(':')[0]}: {data.draw(st.sampled_from(VALUES))}\n"
            case _:
                lines[at] = f"  {lines[at]}"
    read("".join(lines))


@settings(max_examples=100, deadline=timedelta(seconds=5))
@given(st.integers(0, len("".join(WHOLE))), st.sampled_from(STRAY))
def test_a_stray_character_anywhere(at: int, odd: str) -> None:
    text = "".join(WHOLE)
    read(text[:at] + odd + text[at:])


@settings(max_examples=100, deadline=timedelta(seconds=5))
@given(st.text(max_size=200))
@example("root: {dag: {tasks: {a: 1}}}")
@example("root: {dag: []}\ncomponents: {}\ndeploymentSpec: {}\npipelineInfo: {name: a}\nschemaVersion: 2.1.0")
def test_any_text(text: str) -> None:
    read(text)
