"""A schema reviewed against a real run of the flights, accepted, and held against the same flights again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))
from flights_sample import REPOSITORY, command, sample

pytestmark = pytest.mark.slow


def penstock(project: Path, *arguments: str, code: int = 0) -> Any:
    """Run a command in the project; returns its JSON, or what it said on standard error."""
    program = "from penstock.cli.main import main; main()"
    head = [sys.executable, "-c", program, "--home", str(project / ".penstock")]
    return _finished([*head, *arguments], project, code)


def _finished(words: list[str], project: Path, code: int) -> Any:
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}/src"}
    done = subprocess.run(words, capture_output=True, text=True, cwd=project, env=environment, timeout=300, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the flights pipeline, and a run of it on flights of a carrier that is new."""
    project = tmp_path_factory.mktemp("project")
    (project / "components").symlink_to(REPOSITORY / "components")
    shutil.copytree(REPOSITORY / "pipelines" / "flights", project / "pipelines" / "flights")
    table = sample(40)
    table.loc[table.index[::300], "carrier"] = "ZZ"
    table.to_csv(project / "flights.csv", index=False)
    return project


def validate(project: Path, code: int = 0) -> Any:
    compiled = project / "pipelines" / "flights" / "compiled.yaml"
    words = command(project / ".penstock", project / "flights.csv", "--until", "validate", compiled=compiled)
    return _finished(words, project, code)


def test_review_accept_and_run_again(project: Path) -> None:
    first = validate(project)
    assert first["verdicts"][0]["consequence"] == "quarantine"

    reviewed = penstock(project, "schema", "review", "flights", "--json")
    relaxing = [change for change in reviewed["changes"] if change["direction"] == "relax"]
    assert [(c["feature"], c["aspect"], c["says"]) for c in relaxing] == [
        ("carrier", "values", "16 values in the domain 'carrier'")
    ]
    assert "1 other, in" in relaxing[0]["shows"] and '"ZZ"' in relaxing[0]["shows"]
    assert all(change["direction"] == "tighten" for change in reviewed["changes"][1:])
    assert reviewed["run"] == first["run_id"]

    path = project / "pipelines" / "flights" / "schema.pbtxt"
    before = path.read_text()
    penstock(project, "schema", "accept", "flights", "--relax")
    lines, others = before.splitlines(), path.read_text().splitlines()
    assert [line for line in others if line not in lines] == [
        '  value: "MQ" value: "OO" value: "UA" value: "US" value: "VX" value: "WN" value: "YV" value: "ZZ"'
    ]
    assert len(lines) == len(others)
    assert penstock(project, "schema", "diff", "latest", "flights", "--json")["differences"] == [
        {"feature": "carrier", "what": "values", "one": "", "other": "only ZZ"}
    ]

    penstock(project, "compile", "flights")
    again = validate(project)
    assert again["verdicts"][0]["consequence"] == "proceed"
    left = penstock(project, "schema", "review", "flights", "--json")["changes"]
    tightening = [change for change in reviewed["changes"] if change["direction"] == "tighten"]
    assert [(c["feature"], c["shows"]) for c in left] == [(c["feature"], c["shows"]) for c in tightening]

    # Everything that could be tightened holds for the data that it was read off.
    penstock(project, "schema", "accept", "flights", "--tighten")
    assert penstock(project, "schema", "review", "flights", "--json")["changes"] == []
    penstock(project, "compile", "flights")
    assert validate(project)["verdicts"][0]["consequence"] == "proceed"


def test_bad_input_is_one_line_and_changes_nothing(project: Path) -> None:
    path = project / "pipelines" / "flights" / "schema.pbtxt"
    before = path.read_text()
    for words, message in [
        (["review", "flihgts"], "there is no pipeline 'flihgts'; did you mean 'flights'?"),
        (["review", "flights", "--run", "nothing"], "nothing"),
        (["accept", "flights"], "Say which: --feature NAME, --relax, --tighten."),
        (["accept", "flights", "--feature", "carier"], "nothing to change about 'carier'"),
        (["diff", "flights", "other.pbtxt"], "other.pbtxt is missing"),
    ]:
        said = penstock(project, "schema", *words, code=2)
        assert message in said and said.count("\n") == 1, said
    path.write_text(before.replace("feature {", "featur {", 1))
    said = penstock(project, "schema", "review", "flights", code=2)
    line = before[: before.index("feature {")].count("\n") + 1
    assert f"schema.pbtxt:{line}: no schema" in said
    path.write_text(before)
