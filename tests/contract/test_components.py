"""What every component must be, found by discovery: a new one is held to this from its first minute."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.authoring import documents
from penstock.authoring.discovery import find_components
from penstock.authoring.interface import describe
from penstock.authoring.kfp_component import kfp_component
from penstock.sdk import ComponentSpec

ROOT = Path(__file__).parents[2]
SPECS = find_components(ROOT)
EACH = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)

HEAVY = ["tensorflow", "keras", "tensorflow_data_validation", "tensorflow_transform", "tensorflow_model_analysis"]
HEAVY += ["apache_beam", "pandas", "kfp", "ml_metadata", "kserve", "scipy", "sklearn"]
MODULES = ("spec", "logic", "main")
IMPORT = """
import json, sys
import components.{name}.spec, components.{name}.logic, components.{name}.main
print(json.dumps(sorted(set(sys.modules) & set({heavy!r}))))
"""


def folder_of(spec: ComponentSpec) -> Path:
    return ROOT / "components" / spec.name


def test_there_are_components() -> None:
    assert len(SPECS) >= 7


@EACH
def test_it_has_its_files_and_tests(spec: ComponentSpec) -> None:
    present = {path.name for path in folder_of(spec).iterdir()}
    assert {"__init__.py", "spec.py", "logic.py", "main.py", "README.md"} <= present
    assert list((ROOT / "tests" / "components" / spec.name).glob("test_*.py")), "it has no tests"


@EACH
def test_it_imports_nothing_heavy(spec: ComponentSpec) -> None:
    """So that a runner or a help text can look at it at once."""
    code = IMPORT.format(name=spec.name, heavy=HEAVY)
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(ran.stdout) == []


@EACH
def test_its_public_names_are_documented(spec: ComponentSpec) -> None:
    missing = []
    for name in MODULES:
        tree = ast.parse((folder_of(spec) / f"{name}.py").read_text(encoding="utf-8"))
        named = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        missing += [f"{name}.py"] if not ast.get_docstring(tree) else []
        missing += [f"{name}.{n.name}" for n in named if not n.name.startswith("_") and not ast.get_docstring(n)]
    assert missing == []


@EACH
def test_each_parameter_says_what_it_is(spec: ComponentSpec) -> None:
    undescribed = [item.name for item in describe(spec).parameters if not item.description]
    assert undescribed == []


@EACH
def test_its_summary_is_a_sentence(spec: ComponentSpec) -> None:
    assert spec.summary[0].isupper()
    assert spec.summary.endswith(".")
    assert "\n" not in spec.summary


@EACH
def test_kfp_makes_a_component_of_it(spec: ComponentSpec) -> None:
    made = kfp_component(spec).pipeline_spec.components[f"comp-{spec.name.replace('_', '-')}"]
    assert set(made.input_definitions.parameters) == set(spec.params.model_fields)
    assert set(made.input_definitions.artifacts) == set(spec.inputs)
    assert set(made.output_definitions.artifacts) == set(spec.outputs)
    assert set(made.output_definitions.parameters) == ({"gate"} if spec.gate else set())
    required = {name for name, item in made.input_definitions.artifacts.items() if not item.is_optional}
    assert required == {name for name, port in spec.inputs.items() if not port.optional}


@EACH
def test_its_readme_shows_its_interface(spec: ComponentSpec) -> None:
    readme = (folder_of(spec) / "README.md").read_text(encoding="utf-8")
    assert documents.with_section(readme, "interface", documents.interface_tables(describe(spec))) == readme, (
        "run ci/generate"
    )
    for name in [*spec.params.model_fields, *spec.inputs, *spec.outputs]:
        assert f"| `{name}` |" in readme


@EACH
def test_its_readme_says_more_than_the_table(spec: ComponentSpec) -> None:
    readme = (folder_of(spec) / "README.md").read_text(encoding="utf-8")
    own = readme.split("<!-- generated: interface -->")[0]
    assert own.startswith(f"# {spec.name}\n")
    assert len(own.split()) >= 10, "say in a few sentences what it does and decides"


@EACH
def test_its_main_can_be_the_containers_command(spec: ComponentSpec) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", spec.module, "not an executor input"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"{spec.name}: the argument is not a KFP executor input")
    assert ran.stderr.count("\n") == 1


@EACH
def test_what_it_keeps_warm_can_be_imported_where_it_runs(spec: ComponentSpec) -> None:
    environment = ".venv-serving" if spec.image == "serving" else ".venv"
    code = (
        f"import importlib.util as u; print([m for m in {list(spec.warm)!r} if u.find_spec(m.split('.')[0]) is None])"
    )
    ran = subprocess.run(
        [ROOT / environment / "bin" / "python", "-c", code],
        env={
            "PYTHONPATH": str(ROOT / "src")
        },  # as the runner starts it: Penstock itself is in no environment but its own
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"
