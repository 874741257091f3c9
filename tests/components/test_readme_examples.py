"""The values shown in a component's README are values that the component takes."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import yaml

from penstock.artifacts import Task
from penstock.serving.rules.document import read_rules

COMPONENTS = Path(__file__).parents[2] / "components"
SHOWN = [
    (readme.parent.name, block)
    for readme in sorted(COMPONENTS.glob("*/README.md"))
    for block in re.findall(r"```yaml\n(.*?)```", readme.read_text(), flags=re.DOTALL)
]


def test_there_are_examples() -> None:
    assert {"data_validator", "evaluator", "infra_validator", "ingest", "trainer", "transform"} <= dict(SHOWN).keys()


@pytest.mark.parametrize(("component", "block"), SHOWN, ids=[name for name, _ in SHOWN])
def test_the_values_shown_are_taken(component: str, block: str, tmp_path: Path) -> None:
    params = importlib.import_module(f"components.{component}.spec").SPEC.params
    values = yaml.safe_load(block)
    if "rules" in values and "version" in values:  # a file beside pipeline.yaml, not values in it
        (tmp_path / "rules.yaml").write_text(block)
        assert read_rules(tmp_path / "rules.yaml").rules
        return
    [(key, below)] = values.items()
    given = values if key in params.model_fields else below  # under the task's name, as in pipeline.yaml
    files = {name for name, value in given.items() if isinstance(value, dict) and value.keys() == {"file"}}
    assert params.parse({name: "text" if name in files else value for name, value in given.items()}, "README")


def test_the_evaluators_configurations_make_plans() -> None:
    from components.evaluator.plan import make_plan, read_eval_config

    tasks = [Task(kind="binary"), Task(kind="multiclass", classes=("a", "b", "c"))]
    shown = [yaml.safe_load(block)["eval_config"] for name, block in SHOWN if name == "evaluator"]
    two, several = (
        make_plan(read_eval_config(config), only_known=True, task=task)
        for config, task in zip(shown, tasks, strict=True)
    )
    assert two.names == ("auc", "binary_accuracy")
    assert [(threshold.kind, threshold.lower) for threshold in two.thresholds] == [("value", 0.6), ("change", -0.02)]
    assert {"skill", "auc_macro", "f1_score_macro", "auc_class_0", "auc_class_2"} <= set(several.names)
