"""Components and pipelines are found in folders, in a process of its own for each project."""

from __future__ import annotations

import re
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

from penstock.authoring.discovery import (
    find_compiled,
    find_component,
    find_components,
    find_pipeline,
    find_pipelines,
    project_root,
)
from penstock.sdk import BadInput

ROOT = Path(__file__).parents[3]
SPEC = """
from penstock.sdk import ComponentSpec, Params
class P(Params):
    '''None.'''
SPEC = ComponentSpec(name={name!r}, stage="train", image="runtime", summary="X.", params=P)
"""
FIND = (
    "from penstock.authoring.discovery import *\ntry: print(sorted(find_components()))\nexcept Exception as e: print(e)"
)


def project(tmp_path: Path, specs: dict[str, str]) -> Path:
    (tmp_path / "pipelines").mkdir()
    for name, text in specs.items():
        folder = tmp_path / "components" / name
        folder.mkdir(parents=True)
        (folder / "spec.py").write_text(text)
    return tmp_path


def found(folder: Path) -> str:
    ran = subprocess.run([sys.executable, "-c", FIND], cwd=folder, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_this_project_is_found_from_anywhere_in_it() -> None:
    assert project_root(ROOT / "components" / "ingest") == ROOT
    assert "ingest" in find_components(ROOT)
    assert find_component("data-validator", ROOT).name == "data_validator"
    assert find_pipelines(ROOT)["flights"] == ROOT / "pipelines" / "flights"


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"there is no component 'trianer'; did you mean 'trainer'\?"):
        find_component("trianer", ROOT)
    with pytest.raises(BadInput, match=r"there is no pipeline 'fligths'; did you mean 'flights'\?"):
        find_pipeline("fligths", ROOT)


def test_outside_of_a_project_it_is_said_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"is not in a Penstock project\. Go to a folder that has pipelines/"):
        project_root(tmp_path)


def test_another_project_has_components_of_its_own(tmp_path: Path) -> None:
    folder = project(tmp_path, {"mine": SPEC.format(name="mine"), "yours": SPEC.format(name="yours")})
    (folder / "components" / "notes").mkdir()
    here = literal_eval(found(folder / "components" / "mine"))
    assert set(here) - set(find_components(ROOT)) == {"mine", "yours"}
    assert {"ingest", "trainer"} <= set(here)  # those that come with Penstock


def test_a_name_of_penstocks_is_taken(tmp_path: Path) -> None:
    folder = project(tmp_path, {"trainer": SPEC.format(name="trainer")})
    assert re.search("trainer/spec.py: Python finds .*give a component of your own another name", found(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SPEC.format(name="other"), "SPEC is called 'other', its folder 'mine'"),
        ("x = 1\n", "declares no SPEC. Assign a ComponentSpec to SPEC"),
        ("x = 1\nimport nowhere\n", "spec.py:2: cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_a_spec_that_is_wrong_is_told_with_its_file(tmp_path: Path, text: str, message: str) -> None:
    assert message in found(project(tmp_path, {"mine": text}))


def test_a_compiled_pipeline_is_found_by_name_folder_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path, {}) / "pipelines" / "small"
    (tmp_path / "components").mkdir()
    folder.mkdir()
    (folder / "pipeline.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"pipelines/small/compiled.yaml is missing\. Make it: penstock compile small"):
        find_compiled("small")
    (folder / "compiled.yaml").write_text("")
    for name in ("small", "pipelines/small", "pipelines/small/compiled.yaml", str(folder)):
        assert find_compiled(name).resolve() == folder / "compiled.yaml"
    with pytest.raises(BadInput, match=r"there is no pipeline 'smal'; did you mean 'small'"):
        find_compiled("smal")
    with pytest.raises(BadInput, match=r"there is no compiled pipeline at elsewhere/compiled.yaml"):
        find_compiled("elsewhere/compiled.yaml")
