"""Measure `penstock init` on a large table: one million rows of fifty columns, made here from a seed.

    .venv/bin/python ci/bench/init.py --work /tmp/bench

The columns are of every kind that a table has: numbers with and without a tail, whole numbers, codes, names with few
and with many values, an id, dates, truth values, texts, gaps in their usual spellings.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

sys.path.insert(0, str(Path(__file__).parent))
from measure import HEADING, Series, fail_unless, run

ROOT = Path(__file__).resolve().parents[2]
_BATCH = 100_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where the table and the pipeline go")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    table = given.work / f"table-{given.rows}.csv"
    if not table.is_file():
        write_table(table, given.rows)
    series = Series(f"`init`, {given.rows:,} rows x 50 columns, {table.stat().st_size / 1e6:,.0f} MB of CSV")
    for _ in range(given.rounds):
        shutil.rmtree(given.work / "pipelines", ignore_errors=True)
        (given.work / "pipelines").mkdir()
        command = [str(ROOT / ".venv" / "bin" / "penstock"), "init", "large", "--data", str(table), "--label", "label"]
        figures = run(command, log=given.work / "init.log", cwd=given.work)
        fail_unless(figures.exit_code == 0, f"init ended with {figures.exit_code}; see {given.work / 'init.log'}")
        fail_unless((given.work / "pipelines" / "large" / "compiled.yaml").is_file(), "init wrote no pipeline")
        series.runs.append(figures)
    print(HEADING)
    print(series.line())
    return 0


def write_table(path: Path, rows: int) -> None:
    """Write the table, a batch at a time, under another name until it is whole."""
    partial = path.with_suffix(".partial")
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, _BATCH):
        batch = make_batch(rng, start, min(_BATCH, rows - start))
        writer = writer or pyarrow.csv.CSVWriter(str(partial), batch.schema)
        writer.write(batch)
    if writer:
        writer.close()
    partial.rename(path)


def make_batch(rng: np.random.Generator, start: int, rows: int) -> pa.Table:
    """Some rows of fifty columns."""
    columns: dict[str, object] = {"Row ID": [f"R{number:08d}" for number in range(start, start + rows)]}
    for number in range(14):
        columns[f"amount {number}"] = rng.normal(100, 20, rows).round(3)
    for number in range(6):
        columns[f"long tail {number}"] = rng.lognormal(3, 1, rows).round(2)
    for number in range(8):
        columns[f"count {number}"] = rng.integers(0, 10 ** (1 + number % 4), rows)
    for number in range(8):
        words = np.array([f"kind {letter}" for letter in range(3 + 5 * number)])
        columns[f"Category {number}"] = pa.array(words[rng.integers(0, len(words), rows)])
    for number in range(2):
        columns[f"customer_{number}"] = pa.array(np.char.add("C", rng.integers(0, 50_000, rows).astype(str)))
    for number in range(3):
        columns[f"flag {number}"] = rng.random(rows) < 0.3
    for number in range(2):
        columns[f"Day {number}"] = rng.integers(17_000, 19_000, rows).astype("datetime64[D]")
    columns["at"] = (1_500_000_000 + rng.integers(0, 10**8, rows)).astype("datetime64[s]")
    phrases = np.array(["late again", "very happy", "would buy", "not as described", "works well", "came broken"])
    columns["comment"] = pa.array([" ".join(phrases[pick]) for pick in rng.integers(0, len(phrases), (rows, 3))])
    for number in range(3):
        values = pa.array(rng.normal(0, 1, rows).round(2)).cast(pa.string())
        columns[f"gaps {number}"] = pc.if_else(
            pa.array(rng.random(rows) < 0.1 * (number + 1)), ["NA", "", "null"][number], values
        )
    chance = 1 / (1 + np.exp(-(columns["amount 0"] - 110) / 10))  # type: ignore[operator]
    columns["label"] = np.where(rng.random(rows) < chance, "yes", "no")
    fail_unless(len(columns) == 50, f"{len(columns)} columns")
    return pa.table(columns)


if __name__ == "__main__":
    sys.exit(main())
