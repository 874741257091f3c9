"""The wheel, installed outside of the repository: what a user has who never clones it.

Packages are not downloaded again: the new environment borrows those of this one, but not Penstock itself.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.servers.kubeflow import KubeflowStandIn, serving

ROOT = Path(__file__).parents[2]
SERVING = ROOT / ".venv-serving"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what git has or would have, in a copy: building leaves files behind."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        origin, copy = ROOT / name, source / name
        if origin.is_symlink() or origin.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, copy, follow_symlinks=False)
    build = "from setuptools.build_meta import build_wheel; import sys; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(target)], cwd=source, capture_output=True, check=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def penstock(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `penstock` command of an environment that has the wheel."""
    folder = tmp_path_factory.mktemp("user") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = folder / "lib" / "python3.11" / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / "environments").mkdir()
    (folder / "environments" / "serving").symlink_to(SERVING)
    command = folder / "bin" / "penstock"
    command.write_text(f"#!{folder}/bin/python\nfrom penstock.cli.main import main\nmain()\n")
    command.chmod(0o755)
    return command


def call(penstock: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [str(penstock), *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def table(path: Path) -> None:
    draw = random.Random(7)  # noqa: S311 - a table, no secret
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["Age (years)", "plan", "Monthly.Charge", "churned"])
        for _ in range(500):
            age, plan, charge = draw.randint(18, 80), draw.choice("abc"), round(draw.uniform(5, 120), 2)
            leaves = draw.random() < 1 / (1 + 2.7 ** -((charge - 60) / 12 + (plan == "a") - (age - 50) / 20))
            rows.writerow([age, plan, charge if draw.random() > 0.05 else "", "yes" if leaves else "no"])


def test_it_holds_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    components = {path.name for path in (ROOT / "components").iterdir() if (path / "spec.py").is_file()}
    assert {f"components/{name}/main.py" for name in components} <= names
    assert {f"penstock/locks/{name}/requirements.lock" for name in ("runtime", "serving")} <= names
    templates = {str(p.relative_to(ROOT / "src")) for p in (ROOT / "src").rglob("*.j2") if ".venv" not in p.parts}
    assert templates <= names
    assert not [name for name in names if name.startswith(("tests/", "ci/", "pipelines/"))]


def test_without_its_packages_it_says_what_to_do(wheel: Path, tmp_path: Path) -> None:
    """An environment with the command line's own needs, and nothing that pipelines run on."""
    light = ["click", "pydantic", "pydantic_core", "typing_extensions", "annotated_types", "typing_inspection", "rich",
             "yaml", "_yaml", "pygments", "markdown_it", "mdurl", "tenacity", "fsspec", "psutil"]  # fmt: skip
    site = Path(sysconfig.get_path("purelib"))
    folder = tmp_path / "site-packages"
    folder.mkdir()
    for name in light:
        for found in (site / name, site / f"{name}.py"):
            if found.exists():
                (folder / found.name).symlink_to(found)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); from penstock.cli.main import main; main()"
    (tmp_path / ".penstock").mkdir()
    (tmp_path / ".penstock" / "lineage.sqlite").touch()
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, "runs", "list"], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "")
    assert re.fullmatch(r"penstock: the Python package '\w+' is not installed here\. Run: penstock setup\n", ran.stderr)


def environment_of(wheel: Path, folder: Path, without: str = "") -> list[str]:
    """The command line in an environment with what the wheel declares, what that declares, and nothing else.

    Args:
        wheel: The wheel.
        folder: Where its packages are put; must not be there.
        without: A package that is left out after all.
    """
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    [own] = folder.glob("penstock-*.dist-info")
    wanted, linked = list(metadata.PathDistribution(own).requires or []), {without}
    while wanted:
        requirement = Requirement(wanted.pop())
        name = requirement.name.lower()
        if name in linked or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        linked.add(name)
        found = metadata.distribution(name)
        wanted += found.requires or []
        for top in {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(found.locate_file(top))))
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); from penstock.cli.main import main; main()"
    return [sys.executable, "-I", "-S", "-c", program]


SCHEDULES = "schedules: {nightly: {pipeline: ./compiled.yaml, cron: 30 4 * * *}}\n"
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]
contexts: [{name: c, context: {cluster: c}}]
current-context: c
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a compiled pipeline, its schedule, and a kubeconfig of a cluster that does not answer."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "schedules.yaml").write_text(SCHEDULES)
    (folder / "kubeconfig").write_text(KUBECONFIG)
    shutil.copy(ROOT / "pipelines" / "flights" / "compiled.yaml", folder)
    return folder


def spoken(line: list[str], *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KUBECONFIG": str(cwd / "kubeconfig")}
    return subprocess.run([*line, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def profile(path: Path, url: str) -> str:
    path.write_text(f"kind: cluster\nkubeflow: {{auth: none, host: '{url}'}}\n")
    return str(path)


def test_what_it_declares_is_enough_to_run_what_is_compiled_on_a_cluster(
    wheel: Path, project: Path, tmp_path: Path
) -> None:
    line = environment_of(wheel, tmp_path / "site-packages")
    stand_in = KubeflowStandIn()
    with serving(stand_in.app()) as port:
        cluster = profile(project / "cluster.yaml", f"http://127.0.0.1:{port}")
        ran = spoken(line, "submit", "compiled.yaml", "--profile", cluster, "--no-wait", cwd=project)
        assert ran.returncode == 0, ran.stderr
        applied = spoken(line, "schedules", "apply", "-f", "schedules.yaml", "--profile", cluster, cwd=project)
        assert applied.returncode == 0, applied.stderr
    assert (len(stand_in.runs), len(stand_in.recurring), len(stand_in.versions)) == (1, 1, 1)
    looked = spoken(line, "doctor", "--cluster", cwd=project)
    assert "http://127.0.0.1:9 does not answer" in looked.stderr + looked.stdout


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("httpx", "submit compiled.yaml --profile cluster.yaml"),
        ("httpx", "schedules list --profile cluster.yaml"),
        ("lightkube", "doctor --cluster"),
        ("lightkube", "runs list --profile kubernetes.yaml"),
        ("cronsim", "schedules apply -f schedules.yaml --profile cluster.yaml"),
        ("docker", "run compiled.yaml --profile containers"),
    ],
)
def test_each_that_is_missing_after_all_is_one_line(
    wheel: Path, project: Path, tmp_path: Path, package: str, words: str
) -> None:
    line = environment_of(wheel, tmp_path / "site-packages", package)
    profile(project / "cluster.yaml", "http://127.0.0.1:9")
    (project / "kubernetes.yaml").write_text("kind: cluster\n")
    ran = spoken(line, *words.split(), cwd=project)
    told = f"penstock: the Python package {package!r} is not installed here. Run: penstock setup\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", told)


@pytest.mark.slow
def test_a_table_becomes_a_model_outside_of_the_repository(penstock: Path, tmp_path: Path) -> None:
    table(tmp_path / "churn.csv")
    started = call(penstock, "init", "churn", "--data", "churn.csv", "--label", "churned", cwd=tmp_path)
    assert started.returncode == 0, started.stderr + started.stdout
    ran = call(penstock, "run", "churn", "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    states = {task["task"]: task["state"] for task in json.loads(ran.stdout)["tasks"]}
    assert set(states.values()) <= {"complete", "done"}, states
    assert call(penstock, "components", "trainer", cwd=tmp_path).returncode == 0
    again = json.loads(call(penstock, "run", "churn", "--json", cwd=tmp_path).stdout)
    assert {task["state"] for task in again["tasks"]} == {"cached"}


@pytest.mark.slow
def test_a_component_of_the_users_own_stands_beside_them(penstock: Path, tmp_path: Path) -> None:
    for name in ("components/counter", "pipelines/count"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "components/counter/spec.py").write_text(
        "from penstock.artifacts import Examples, Statistics\n"
        "from penstock.sdk import ComponentSpec, In, Out, Params\n"
        "class CounterParams(Params):\n    '''None.'''\n"
        "SPEC = ComponentSpec(name='counter', stage='validate', image='runtime', summary='Count.',\n"
        "    params=CounterParams, inputs={'examples': In(Examples)}, outputs={'counts': Out(Statistics)})\n"
    )
    (tmp_path / "components/counter/main.py").write_text(
        "from components.counter.spec import SPEC\n"
        "from penstock.artifacts import Examples, Statistics\n"
        "from penstock.sdk import main\n"
        "def run(context):\n"
        "    examples = context.input('examples', Examples)\n"
        "    rows = {split: examples.rows(split) for split in examples.splits()}\n"
        "    context.output('counts', Statistics).write_json('rows.json', rows)\n"
        "if __name__ == '__main__':\n    main(SPEC, run)\n"
    )
    (tmp_path / "pipelines/count/pipeline.py").write_text(
        "from components.counter.spec import SPEC as COUNTER\n"
        "from components.ingest.spec import SPEC as INGEST\n"
        "def build(p):\n"
        "    data = p.task('ingest', INGEST)\n"
        "    p.task('count', COUNTER, examples=data['examples'])\n"
    )
    (tmp_path / "pipelines/count/pipeline.yaml").write_text(
        "name: count\ndescription: Count rows.\ntasks:\n  ingest:\n    sources: {t: {uri: churn.csv}}\n"
        "    features: [plan]\n    label: churned\n    duplicates: keep_all\n"
        "    split: {by: hash, group: ['Age (years)']}\n"
    )
    table(tmp_path / "churn.csv")
    compiled = call(penstock, "compile", "count", cwd=tmp_path)
    assert compiled.returncode == 0, compiled.stderr
    ran = call(penstock, "run", "count", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    (counts,) = (tmp_path / ".penstock" / "runs").rglob("rows.json")
    assert sum(json.loads(counts.read_text()).values()) == 500
