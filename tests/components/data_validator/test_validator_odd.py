"""Tables as they are found: free text, ids, constants, columns that are empty in one split, infinite values."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.data_validator.main import SPEC, run
from penstock.artifacts import Anomalies, Consequence, Examples, Statistics, Verdict
from penstock.sdk import TaskResult
from penstock.sdk.testkit import run_component

WORDS = np.array(["alpha", "épée", "naïve", "日本", '"quoted"', "o'neil", "a,b"])


def table(rows: int, seed: int, *, empty: tuple[str, ...] = ()) -> pa.Table:
    random = np.random.default_rng(seed)
    columns = {
        "text": [" ".join([*random.choice(WORDS, 8), str(i)]) for i in range(rows)],
        "id": [f"{seed}-{i}" for i in range(rows)],
        "number": random.normal(size=rows),
        "word": random.choice(WORDS, rows),
        "never": pa.nulls(rows, pa.string()),
        "constant": ["x"] * rows,
        "seven": np.full(rows, 7),
        "flag": random.random(rows) < 0.5,
        "infinite": np.where(np.arange(rows) % 50 == 1, np.inf, 1.0),
        "day": pa.array(np.arange(rows).astype("datetime64[D]")),
        "blank": [""] * rows,
        "label": (random.random(rows) < 0.1).astype(int),
    }
    columns |= {name: pa.nulls(rows, pa.array(columns[name]).type) for name in empty}
    return pa.table(columns)


def judge(tmp_path: Path, tables: Mapping[str, pa.Table], schema: str = "", **params: Any) -> TaskResult:
    examples = Examples(tmp_path / "examples")
    for split, rows in tables.items():
        examples.write(split, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return run_component(
            SPEC, run, tmp_path / "out", params={"reviewed_schema": schema, **params}, inputs={"examples": examples}
        )


def findings(result: TaskResult) -> list[dict[str, Any]]:
    document = result.outputs["anomalies"].read_json("anomalies.json")
    assert isinstance(document, dict)
    return list(document["findings"])


def test_an_odd_table_of_500_rows_is_accepted_as_it_is(tmp_path: Path) -> None:
    result = judge(tmp_path, {"train": table(400, 1), "eval": table(100, 2)})
    assert result.decision
    assert (result.decision.verdict, result.decision.consequence) == (Verdict.SUCCESSFUL, Consequence.PROCEED)
    assert findings(result) == []
    statistics = result.outputs["statistics"]
    assert isinstance(statistics, Statistics)
    features = {feature.path.step[0]: feature for feature in statistics.read("eval").datasets[0].features}
    assert features["never"].string_stats.common_stats.num_missing == 100
    assert features["text"].string_stats.unique == features["id"].string_stats.unique == 100


def test_a_column_that_is_empty_in_one_split_is_told_with_its_rows(tmp_path: Path) -> None:
    empty = ("number", "word")
    result = judge(tmp_path, {"train": table(400, 1), "eval": table(100, 2, empty=empty)})
    assert result.decision
    assert (result.decision.verdict, result.decision.consequence) == (Verdict.FAILED, Consequence.STOP)
    found = findings(result)
    assert sorted((one["split"], one["feature"], one["kind"]) for one in found) == [
        ("eval", "number", "structure"),
        ("eval", "word", "structure"),
    ]
    assert all(len(one["examples"]) == 5 and one["examples"][0]["_row"] == 0 for one in found)


def test_a_schema_that_allows_for_it_lets_an_empty_column_pass(tmp_path: Path) -> None:
    known = 'feature {{ name: "{}" type: {} presence {{ min_fraction: 0 }} }}'
    kinds = dict.fromkeys(("text", "id", "word", "never", "constant", "day", "blank"), "BYTES")
    kinds |= dict.fromkeys(("number", "infinite"), "FLOAT") | dict.fromkeys(("seven", "flag", "label"), "INT")
    schema = "\n".join(known.format(name, kind) for name, kind in kinds.items())
    result = judge(tmp_path, {"train": table(400, 1), "eval": table(100, 2, empty=("number", "word"))}, schema)
    assert result.decision
    assert result.decision.verdict is Verdict.SUCCESSFUL


@pytest.mark.parametrize(
    ("feature", "rows", "value"),
    [
        ('feature { name: "infinite" type: FLOAT float_domain { disallow_inf: true } }', 10, "inf"),
        ('feature { name: "seven" type: INT int_domain { max: 6 } }', 500, 7),
        ('feature { name: "constant" type: BYTES string_domain { value: "y" } }', 500, "x"),
        ('feature { name: "never" type: BYTES presence { min_fraction: 1 min_count: 1 } }', 500, None),
    ],
)
def test_every_finding_about_rows_shows_some_of_them(tmp_path: Path, feature: str, rows: int, value: object) -> None:
    own = feature.split('"')[1]
    kinds = dict.fromkeys(("text", "id", "word", "never", "constant", "day", "blank"), "BYTES")
    kinds |= dict.fromkeys(("number", "infinite"), "FLOAT") | dict.fromkeys(("seven", "flag", "label"), "INT")
    others = "\n".join(f'feature {{ name: "{n}" type: {k} }}' for n, k in kinds.items() if n != own)
    result = judge(tmp_path, {"train": table(500, 1)}, f"{feature}\n{others}", max_quarantine_fraction=1.0)
    assert isinstance(result.outputs["anomalies"], Anomalies)
    found = findings(result)
    assert [one["feature"] for one in found] == [own]
    assert found[0]["rows"] == rows
    assert [row[own] for row in found[0]["examples"]] == [value] * 5
    whole = {"_row", "text", "label"} if found[0]["kind"] == "rows" else {"_row"}
    assert whole <= set(found[0]["examples"][0])
