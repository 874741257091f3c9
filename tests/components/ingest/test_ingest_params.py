"""What a configuration may not say, found before any data is read; leakage above all."""

from __future__ import annotations

import copy

import pytest

from components.ingest.plan import make_plan
from components.ingest.spec import IngestParams
from penstock.sdk import BadInput

GOOD = {
    "sources": {"trips": {"uri": "trips.csv"}, "weather": {"uri": "weather.csv"}},
    "base": "trips",
    "joins": [{"source": "weather", "keys": {"hour": "hour"}, "columns": {"temp": "temperature"}}],
    "derive": {
        "late": {"op": "greater_than", "column": "delay", "value": 15},
        "minute": {"op": "minutes_of_hhmm", "column": "sched"},
        "hour": {"op": "time_part", "column": "at", "part": "hour"},
    },
    "known_after": ["delay", "arrived"],
    "features": ["carrier", "minute", "temp"],
    "label": "late",
    "split": {"by": "time", "column": "at", "starts": {"eval": "2013-10-01T00:00:00Z"}},
}


def parse(**changes) -> IngestParams:
    return IngestParams.parse({**copy.deepcopy(GOOD), **changes}, "component ingest")


def test_only_what_is_needed_is_read_in_the_order_of_need() -> None:
    plan = parse().plan()
    assert plan.read == {"trips": ("carrier", "sched", "at", "delay"), "weather": ("hour", "temperature")}
    assert plan.steps == ("minute", "hour", 0, "late")  # the join waits for the hour that it needs
    assert plan.tainted == {"delay": "delay", "late": "delay"}


def test_what_no_output_hangs_on_is_left_out() -> None:
    plan = parse(features=["carrier"], label="").plan()
    assert plan.read == {"trips": ("carrier", "at")}
    assert plan.steps == ()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            {"uri": "https://me:pa55word@example.com/t.csv"},
            "source 'trips': https://...@example.com/t.csv: credentials",
        ),
        ({"uri": "https://example.com/t.csv?token=pa55word"}, "a secret does not belong in it. Write ${NAME}"),
        ({"uri": "postgresql://ann:pa55word@h/d", "query": "SELECT 1"}, "postgresql database holds a secret"),
    ],
)
def test_a_secret_is_refused_before_a_run_notes_it_and_never_told(source: dict[str, str], message: str) -> None:
    with pytest.raises(BadInput) as error:
        parse(sources={**GOOD["sources"], "trips": source})
    assert message in str(error.value)
    assert "pa55word" not in str(error.value)


LEAKS = [
    ({"features": ["carrier", "delay"]}, "feature 'delay' is known only after the event"),
    ({"features": ["late2"], "derive": {**GOOD["derive"], "late2": GOOD["derive"]["late"]}},
     "feature 'late2' is made from 'delay', which is known only after the event"),
    ({"features": ["b"], "derive": {**GOOD["derive"], "a": {"op": "cast", "column": "arrived", "to": "string"},
                                    "b": {"op": "concat", "columns": ["carrier", "a"]}}},
     "feature 'b' is made from 'arrived'"),
    ({"features": ["temp"], "known_after": ["at", "delay"]}, "feature 'temp' is made from 'at'"),
    ({"features": ["temp"], "known_after": ["temp"]}, "feature 'temp' is known only after the event"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), LEAKS, ids=[message for _, message in LEAKS])
def test_no_feature_knows_the_future_by_any_chain(changes, message) -> None:
    with pytest.raises(BadInput) as error:
        parse(**changes)
    assert message in str(error.value)


def test_the_label_may_know_the_future() -> None:
    assert parse(label="delay").outputs == ("carrier", "minute", "temp", "delay")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": ""}, "'base' must be one of the sources (trips, weather)"),
        ({"base": "trip"}, "not 'trip'"),
        ({"joins": [{**GOOD["joins"][0], "source": "wether"}]}, "a join looks up in 'wether'"),
        ({"joins": [{**GOOD["joins"][0], "source": "trips"}]}, "a join looks up in 'trips'"),
        ({"joins": [*GOOD["joins"], *GOOD["joins"]]}, "column 'temp' is made twice"),
        ({"features": ["late"]}, "listed twice among the features and the label: late"),
        ({"features": ["carrier", "carrier"]}, "listed twice among the features and the label: carrier"),
        ({"features": []}, "features"),
        ({"derive": {"late": {"op": "cast", "column": "x", "to": "int"},
                     "x": {"op": "cast", "column": "late", "to": "int"}}},
         "hangs on itself: late <- x <- late"),
        ({"sources": {"trips": {"url": "x"}}, "base": "trips"}, "sources.trips.url: unknown key; did you mean 'uri'?"),
        ({"derive": {"late": {"op": "position_in", "column": "x", "values": ["a", "b", "a"]}}}, "lists a twice"),
        ({"sources": {"trips": {"uri": "x", "formats": {"at": "day"}}}, "base": "trips", "joins": []}, "no directive"),
        ({"sources": {"trips": {"uri": "x", "encoding": "hex"}}, "base": "trips", "joins": []}, "'hex' is no encoding"),
        ({"derive": {"late": {"op": "eval", "column": "x"}}}, "derive.late"),
        ({"derive": {"late": {"op": "greater_than", "column": "delay"}}}, "derive.late.value: is required"),
        ({"split": {"by": "time", "column": "at"}}, "a split by time needs 'column' and 'starts'"),
        ({"split": {"by": "column"}}, "a split by column needs 'column'"),
        ({"split": {"by": "hash", "group": ["at"], "fractions": {"train": 0.8}}}, "sum to 1, not 0.8"),
        ({"split": {"by": "hash", "group": ["at"], "fractions": {"train": 1.2, "eval": -0.2}}}, "must be positive"),
        ({"split": {"by": "time", "column": "at", "starts": {"train": 1}}}, "'train' is what lies before"),
        ({"split": {"by": "time", "column": "at", "starts": {"Eval": 1}}}, "a split's name is lower-case"),
        ({"split": {"by": "time", "column": "at", "starts": {"quarantine": 1}}}, "and not 'quarantine'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line(changes, message) -> None:
    with pytest.raises(BadInput) as error:
        parse(**changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_single_source_need_not_be_named() -> None:
    params = parse(sources={"trips": {"uri": "x"}}, base="", joins=[], features=["carrier"])
    assert params.base_name == "trips"


def test_whole_numbers_that_travelled_as_floats_are_whole_again() -> None:
    params = parse(sources={"trips": {"uri": "x", "newest_spans": 3.0}, "weather": {"uri": "y"}})
    assert params.sources["trips"].newest_spans == 3


def test_a_plan_without_joins_or_derivations() -> None:
    assert make_plan("t", ["a", "b", "a"], [], {}, []).read == {"t": ("a", "b")}
