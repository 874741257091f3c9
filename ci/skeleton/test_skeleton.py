"""`skeleton` on real files."""

from pathlib import Path

import pyarrow as pa
import pytest

from components.skeleton.main import run
from components.skeleton.spec import SPEC
from penstock.artifacts import Examples
from penstock.sdk import PenstockError
from penstock.sdk.testkit import run_component


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    written = Examples(tmp_path / "given")
    written.write("train", pa.table({"x": [1, 2, 3]}))
    written.write("eval", pa.table({"x": [4]}))
    return written


def test_leaves_out_a_split_that_is_too_small(examples: Examples, tmp_path: Path) -> None:
    result = run_component(SPEC, run, tmp_path / "out", params={"min_rows": 2}, inputs={"examples": examples})
    kept = Examples(result.outputs["kept"].path)
    assert kept.splits() == ["train"]
    assert kept.read("train").column("x").to_pylist() == [1, 2, 3]
    assert result.rows == 3


def test_fails_where_no_split_is_left(examples: Examples, tmp_path: Path) -> None:
    with pytest.raises(PenstockError, match="no split has 9 rows"):
        run_component(SPEC, run, tmp_path / "out", params={"min_rows": 9}, inputs={"examples": examples})
    assert not (tmp_path / "out" / "kept").exists()
