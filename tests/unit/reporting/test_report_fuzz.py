"""Whatever lies in an artifact's files, a report comes of it: no traceback, and the rest is shown."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.artifacts import Artifact
from penstock.reporting import formats
from penstock.reporting.drawing import Chart, draw
from penstock.reporting.page import render
from penstock.reporting.reading import read_findings
from penstock.reporting.views import RunView
from tests.unit.reporting.report_samples import ANOMALIES, EVALUATION, HISTORY, write_artifacts

FILES = {
    "anomalies": ("anomalies.json", ANOMALIES),
    "model": ("history.json", HISTORY),
    "evaluation": ("evaluation.json", EVALUATION),
}
LEAVES = st.none() | st.booleans() | st.floats() | st.integers(-(10**30), 10**30) | st.text(max_size=8)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return write_artifacts(tmp_path_factory.mktemp("given"))


def places(document: object, at: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The way to every value in a JSON document."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


def with_change(document: object, way: tuple[object, ...], value: object) -> object:
    if not way:
        return value
    changed = json.loads(json.dumps(document))
    target = changed
    for key in way[:-1]:
        target = target[key]
    target[way[-1]] = value
    return changed


@given(data=st.data(), name=st.sampled_from(sorted(FILES)), value=VALUES)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_anywhere_in_a_file(made: dict[str, Artifact], data: st.DataObject, name: str, value: object) -> None:
    file, document = FILES[name]
    plain = json.loads(json.dumps(document))
    way = data.draw(st.sampled_from(places(plain)))
    path = made[name].path / file
    kept = path.read_bytes()
    try:
        path.write_text(json.dumps(with_change(plain, way, value)))
        found = read_findings([("task", [made[name]])])
        assert render(RunView(title="t", findings=found)).endswith("</html>")
    finally:
        path.write_bytes(kept)


@given(
    content=st.binary(max_size=200), name=st.sampled_from(["anomalies", "model", "evaluation", "tuning", "statistics"])
)
@settings(max_examples=60)
def test_any_bytes_for_a_file(made: dict[str, Artifact], content: bytes, name: str) -> None:
    path: Path = next(file for file in sorted(made[name].path.rglob("*")) if file.is_file())
    kept = path.read_bytes()
    try:
        path.write_bytes(content)
        read_findings([("task", [made[name]])])
    finally:
        path.write_bytes(kept)


@given(st.floats() | st.integers())
def test_any_number_has_its_words(value: float) -> None:
    for words in (formats.number(value), formats.signed(value), formats.value(value)):
        assert words
        assert "\n" not in words


def test_what_cannot_be_drawn_is_said_in_its_place() -> None:
    spec = {"data": {"values": [{"a": 1}]}, "transform": [{"calculate": "1 +* 2", "as": "b"}], "mark": "bar"}
    chart = Chart(spec=spec, title="t", says='a "picture" <of> nothing')
    figure = draw(chart)
    assert "This picture could not be drawn." in figure.svg
    assert "a &quot;picture&quot; &lt;of&gt; nothing" in figure.svg
