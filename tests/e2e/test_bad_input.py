"""What is wrong is told in one line that says what, where and how to mend it; then nothing has been written."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from penstock import __version__
from penstock.artifacts.digest import digest_file
from penstock.authoring.freshness import seal
from tests.commands import penstock
from tests.unit.viewing.local_home import RUNS

pytestmark = pytest.mark.slow  # each asks a process of its own
VALUES = """\
name: tiny
description: Copies a table.
run_may_set:
  - ingest.split
tasks:
  ingest:
    sources:
      rows: {uri: rows.csv}
    features: [a]
    split: {by: hash, group: []}
"""
WIRING = """\
from components.ingest.spec import SPEC as INGEST
from penstock.authoring import Pipeline


def build(p: Pipeline) -> None:
    p.task("ingest", INGEST)
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one compiled pipeline, and a state folder with runs."""
    project = tmp_path_factory.mktemp("bad") / "project"
    folder = project / "pipelines" / "tiny"
    folder.mkdir(parents=True)
    (folder / "pipeline.py").write_text(WIRING)
    (folder / "pipeline.yaml").write_text(VALUES)
    (project / "rows.csv").write_text("a,b\n1,2\n")
    done = penstock("compile", "tiny", cwd=project)
    assert done.returncode == 0, done.stderr
    # in a process that ends, so that nobody has the lineage open and its log is merged
    make = (
        "import sys, pathlib; from tests.unit.viewing.local_home import make_home; make_home(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", make, str(project / "home")], cwd=Path(__file__).parents[2], check=True)
    for pipe in (project / "home").rglob("pipe"):
        pipe.unlink()
    return project


@pytest.fixture
def project(compiled: Path, tmp_path: Path) -> Path:
    """A copy of it of the test's own."""
    return Path(shutil.copytree(compiled, tmp_path / "project", symlinks=True))


def content(project: Path) -> dict[str, str]:
    """Every file with its content, every folder by name; what SQLite keeps beside a database it reads is left out."""
    found = {}
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project).as_posix()
        if "__pycache__" in name or name.endswith(("-shm", "-wal")):
            continue
        regular = path.is_file() and not path.is_symlink()
        found[name] = digest_file(path) if regular else "other"
    return found


def refused(project: Path, *arguments: str, code: int = 2, seconds: int = 60) -> str:
    """What is told, in one line without a traceback, by a command that writes nothing."""
    before = content(project)
    done = penstock(*arguments, cwd=project, seconds=seconds)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("penstock: waiting")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("penstock: ")
    assert content(project) == before
    return lines[0].removeprefix("penstock: ")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("description:", "descripton:", r":2: descripton: unknown key; did you mean 'description'\?"),
        ("uri:", "url:", r":8: .*url: unknown key; did you mean 'uri'\?"),
        ("tasks:", "tasks: {}\ntasks:", r":6: tasks: this key is there twice, first on line 5"),
        ("name: tiny", "name: ../tiny", r":1: name: .*'\.\./tiny'"),
        ("name: tiny", "name: /etc", r":1: name: .*'/etc'"),
        ("name: tiny", "name: other", r":1: name: 'other' is not the name of the folder, 'tiny'"),
        ("name: tiny", "name: 7", r":1: name: input should be a valid string \(got 7\)"),
        ("{uri: rows.csv}", "7", r":8: tasks.ingest.sources.*"),
        ("  ingest:", "  ingset:", r":5: .*There is no section 'ingest', but one called 'ingset'"),
        ("- ingest.", "- ingset.", r":4: run_may_set.0: 'ingset\.\w+' names no task; did you mean 'ingest'\?"),
        ("name: tiny", "name: [", r":\d+: not YAML: "),
        ("name: tiny", "name: !!python/object/apply:os.system ['touch /tmp/taken']", r":1: anchors, aliases and tags"),
        (VALUES[:4], "\0", r": not YAML: unacceptable character #x0000"),
        ("name: tiny", "name: " + "[" * 5000, r":1: is nested too deeply"),
    ],
)
def test_a_wrong_pipeline_yaml(project: Path, old: str, new: str, told: str) -> None:
    path = project / "pipelines" / "tiny" / "pipeline.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    assert re.search(rf"pipelines/tiny/pipeline.yaml.*{told}", refused(project, "compile", "tiny"))


@pytest.mark.parametrize("content_", [b"", b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"just text"])
def test_a_pipeline_yaml_that_is_none(project: Path, content_: bytes) -> None:
    (project / "pipelines" / "tiny" / "pipeline.yaml").write_bytes(content_)
    assert "pipelines/tiny/pipeline.yaml" in refused(project, "compile", "tiny")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "tiyn"], r"there is no pipeline 'tiyn'; did you mean 'tiny'\?"),
        (["run", "../tiny"], r"there is no compiled pipeline at \.\./tiny"),
        (["run", "rows.csv"], r"rows\.csv: not a compiled pipeline"),
        (["compile", "../tiny"], r"there is no pipeline '\.\./tiny'; did you mean 'tiny'\?"),
        (
            ["run", "tiny", "--set", "ingset.seed=1"],
            r"--set ingset\.seed: there is no task 'ingset'\. Did you mean 'ingest",
        ),
        (["run", "tiny", "--set", "ingest.splt=1"], r"--set ingest\.splt: task 'ingest' has no parameter 'splt'"),
        (["run", "tiny", "--set", "ingest"], r"--set wants TASK.PARAM=VALUE, not 'ingest'"),
        (["run", "tiny", "--until", "ingset"], r"there is no task 'ingset'\. Did you mean 'ingest'\?"),
        (["run", "tiny", "--settings", "none.yaml"], r"none\.yaml"),
        (["components", "trainr"], r"there is no component 'trainr'; did you mean 'trainer'\?"),
        (["--home", "rows.csv", "run", "tiny"], r"'rows\.csv' is a file"),
        (["--home", "rows.csv/home", "run", "tiny"], r"rows\.csv/home cannot be used: Not a directory"),
        (["--home", "rows.csv/home", "runs", "list"], r"no runs here yet"),
        (["--home", "home", "runs", "show", "run-9999"], r"no run 'run-9999'\. Did you mean 'run-0\d+'\?"),
        (["--home", "home", "runs", "show", "run-01"], r"several runs begin with 'run-01': .*Give more of the id"),
        (["--home", "home", "runs", "show", "newest"], r"no run 'newest'\. "),
        (["--home", "home", "runs", "compare", "latest", "run-9999"], r"no run 'run-9999'\. Did you mean"),
        (["--home", "home", "runs", "compare", "latest"], r"Name two runs or more"),
        (["--home", "home", "runs", "list", "--pipeline", "fligths"], r"'fligths'\. Did you mean 'flights'\?"),
        (["--home", "home", "runs", "list", "--state", "done"], r"'done' is not one of"),
        (["--home", "home", "runs", "list", "--since", "yesterday"], r"'yesterday' does not match the formats"),
        (["--home", "home", "runs", "remove", "run-9999"], r"no run 'run-9999'\. Did you mean"),
        (["--home", "home", "runs", "remove", "../home"], r"no run '\.\./home'"),
        (["--home", "home", "trace", "0" * 60 + "0078"], r"no artifact '0+78'\. "),
        (["--home", "home", "trace", "000000"], r"'000000' fits 2 artifacts\. Give more digits: sha256:0"),
        (["--home", "home", "report", "run-9999"], r"no run 'run-9999'\. Did you mean"),
        (["--home", "home", "ui", "--port", "70000"], r"70000 is not in the range"),
        (["--home", "home", "ui", "--port", "http"], r"'http' is not a valid integer"),
    ],
)
def test_a_wrong_command(project: Path, arguments: list[str], told: str) -> None:
    assert re.search(told, refused(project, *arguments))


def test_a_run_is_named_by_the_beginning_of_its_id_or_as_the_latest(project: Path) -> None:
    for name in (f"run-{RUNS - 1:04d}", "run-0119"[:7], "latest"):
        named = name if name != "run-011" else "run-0119"
        done = penstock("--home", "home", "runs", "show", named, cwd=project)
        assert done.stdout.startswith("run-0119"), done.stderr


Edit = Callable[[str], str]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda text: text.replace("enableCache: true", "enableCache: false"), "was edited by hand. Change pipeline"),
        (lambda text: text + "# a note\n", "was edited by hand. Change pipeline.yaml"),
        (lambda text: text[: len(text) // 2], "was edited by hand"),
        (lambda text: text.replace(f"Penstock {__version__}", "Penstock 0.0.1"), "was compiled by Penstock 0.0.1, and"),
        (lambda text: unsealed(text).replace("schemaVersion: 2.1", "schemaVersion: 9.9"), "'9.9.0' is not supported"),
        (lambda text: unsealed(text).replace("dag:", "dga:"), "dga: unknown; did you mean 'dag'?"),
        (lambda text: unsealed(text).replace("root:", "a: 1\nroot:\n  a: 1\n  a: 2\nx:"), "the key 'a' is there twice"),
        (lambda _: "", "not a compiled pipeline"),
        (lambda _: "root: " + "[" * 100_000, "line 1: is nested too deeply"),
        (lambda _: "\0\1\2", "not YAML"),
    ],
)  # fmt: skip
def test_a_compiled_pipeline_that_is_not_as_it_was_made(project: Path, edit: Edit, told: str) -> None:
    path = project / "pipelines" / "tiny" / "compiled.yaml"
    path.write_text(edit(path.read_text()))
    message = refused(project, "run", "tiny")
    assert "pipelines/tiny/compiled.yaml" in message and told in message


def unsealed(text: str) -> str:
    """The same as somebody else's file."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def test_a_compiled_pipeline_as_it_was_made_is_run(project: Path) -> None:
    path = project / "pipelines" / "tiny" / "compiled.yaml"
    assert seal(unsealed(path.read_text())) in path.read_text()
    assert "edited" not in penstock("run", "tiny", cwd=project).stderr


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"x" * 100_000)


@pytest.mark.parametrize("command", [["runs", "list"], ["run", "tiny"], ["ui", "--port", "0"]], ids=" ".join)
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_bytes(os.urandom(5000)), "is not an SQLite database, or damaged. Name the right file"),
        (damage, "is not an SQLite database, or damaged. Name the right file"),
        (lambda path: os.truncate(path, 50_000), "is not an SQLite database, or damaged. Name the right file"),
        (lambda path: version(path, 99), "was written by a newer version of ML Metadata. Upgrade Penstock"),
        (lambda path: version(path, 8), "was written by an older version of ML Metadata. Upgrade it once"),
    ],
    ids=["rubbish", "damaged", "cut", "newer", "older"],
)
def test_a_lineage_that_cannot_be_read(
    project: Path, command: list[str], spoil: Callable[[Path], None], told: str
) -> None:
    path = project / "home" / "lineage.sqlite"
    spoil(path)
    message = refused(project, "--home", "home", *command)
    assert "home/lineage.sqlite" in message and told in message


def version(path: Path, number: int) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE MLMDEnv SET schema_version = ?", (number,))
    database.close()


@pytest.fixture
def kept(project: Path) -> Iterator[Path]:
    """The lineage, kept by another process for itself alone."""
    path = project / "home" / "lineage.sqlite"
    script = """
        import sqlite3, sys
        holder = sqlite3.connect(sys.argv[1], isolation_level=None)
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        print("held", flush=True)
        sys.stdin.read()
        """
    line = [sys.executable, "-c", textwrap.dedent(script), str(path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield path
        process.communicate()


@pytest.mark.parametrize("command", [["runs", "list"], ["run", "tiny"]], ids=" ".join)
def test_a_lineage_that_somebody_keeps_locked(project: Path, kept: Path, command: list[str]) -> None:
    told = refused(project, "--home", "home", *command, seconds=30)
    assert re.search(rf"{kept} is locked by process \d+ \(python.*\)\. End it, or try again later", told)


def test_a_port_in_use(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refused(project, "--home", "home", "ui", "--port", str(port))
    assert told == f"port {port} on 127.0.0.1 is in use. Name another with --port, or 0 for any that is free"


def test_nothing_has_run_yet(project: Path) -> None:
    for command in (["runs", "list"], ["ui"], ["trace", "1"], ["report", "latest"]):
        assert "no runs here yet. Run a pipeline, or name the folder with --home" in refused(project, *command)


MOUNTED = """
    mount -t tmpfs -o size={size} tmpfs {place} || exit 77
    {prepare}
    cd {project} || exit 78
    {python} -c 'from penstock.cli.main import main; main()' --home {place}/home {command}
    code=$?
    find {place} -mindepth 1 >&3
    exit $code
    """


def mounted(project: Path, tmp_path: Path, command: str, *, size: str, prepare: str = "true") -> tuple[str, str]:
    """Run a command with its state on a disk of its own; returns what it told and what lies there afterwards."""
    place, listing = tmp_path / "disk", tmp_path / "listing"
    place.mkdir()
    script = MOUNTED.format(
        size=size,
        place=place,
        prepare=prepare.format(place=place),
        project=project,
        python=sys.executable,
        command=command,
    )
    line = ["unshare", "--map-root-user", "--mount", "sh", "-c", f"exec 3>{listing}\n{textwrap.dedent(script)}"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        pytest.skip(f"no mount namespaces here: {done.stderr.strip()}")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    return done.stderr, listing.read_text()


def test_a_full_disk(project: Path, tmp_path: Path) -> None:
    told, left = mounted(project, tmp_path, "run tiny", size="64k")
    assert f"the state folder {tmp_path}/disk/home cannot be used: No space left on device. Choose a folder" in told
    assert left == ""


@pytest.mark.parametrize("command", ["run tiny", "runs list"])
def test_a_disk_that_cannot_be_written(project: Path, tmp_path: Path, command: str) -> None:
    prepare = f"cp -r {project}/home {{place}}/home && find {{place}} -type p -delete && mount -o remount,ro {{place}}"
    told, left = mounted(project, tmp_path, command, size="40m", prepare=prepare)
    assert "disk/home cannot be used: Read-only file system. Choose a folder that you may write to with --home" in told
    assert "alive/" not in left
