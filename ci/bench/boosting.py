"""Boosted trees with their defaults on the rows of one split: what the models of `tables.py` are held against.

    .venv-bench/bin/python ci/bench/boosting.py EXAMPLES LABEL TASK SEED

Reads `Split-train` and `Split-eval` as ingest wrote them, and prints the score of the second as JSON: area under the
ROC curve (binary), accuracy (multi-class) or R squared (regression). Text is categorical; where it has more values than
the trees can take, the values are numbered.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

_MOST_CATEGORIES = 255


def main(examples: Path, label: str, task: str, seed: int) -> None:
    splits = {name: pd.read_parquet(examples / f"Split-{name}") for name in ("train", "eval")}
    table = pd.concat(splits.values(), keys=splits)
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            named = table[name].astype("category")
            table[name] = named if named.nunique() <= _MOST_CATEGORIES else named.cat.codes
    train, evaluation = table.loc["train"], table.loc["eval"]
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    started = time.process_time()
    model = kind(random_state=seed, categorical_features="from_dtype").fit(train.drop(columns=label), train[label])
    print(json.dumps({"score": _score(model, evaluation, label, task), "seconds": time.process_time() - started}))


def _score(model, rows: pd.DataFrame, label: str, task: str) -> float:
    from sklearn.metrics import roc_auc_score

    features, labels = rows.drop(columns=label), rows[label]
    if task == "binary":
        return float(roc_auc_score(labels, model.predict_proba(features)[:, 1]))
    return float(model.score(features, labels))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
