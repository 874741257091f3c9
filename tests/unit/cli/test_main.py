"""The command's frame: quick, closed, one line on failure."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from penstock.cli.doctor import examine
from penstock.cli.main import COMMANDS
from tests.commands import penstock


def penstock_of(environment, *arguments, cwd=None):
    """Call it in a process that begins with an environment of its own."""
    line = [sys.executable, "-c", "from penstock.cli.main import main; main()", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **environment})


def test_help_lists_every_command_and_imports_nothing_heavy():
    program = "import sys; sys.argv[1:] = ['--help']\nfrom penstock.cli.main import main\ntry: main()\n"
    program += "except SystemExit: print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    heavy = {"tensorflow", "pandas", "pyarrow", "kfp", "ml_metadata", "rich", "numpy"}
    assert not [name for name in heavy if f"'{name}'" in done.stderr]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    done = penstock(name, "--help")
    assert done.returncode == 0
    assert f"penstock {name}" in done.stdout.replace("\n", " ").split("Options:")[0].split("Examples:")[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "penstock: No such command 'rnu'. Did you mean 'run'? See 'penstock --help'\n"),
        (["--hom", "x", "run"], "penstock: No such option '--hom'."),
        (["doctor", "--jsn"], "penstock: No such option '--jsn'."),
        (["--home", "", "runs", "list"], "penstock: --home wants a folder, not nothing."),
        (["run", "x", "--set", "a.b=1", "--set", "a.b=2"], "penstock: --set a.b is there twice, with different"),
    ],
)
def test_a_mistyped_command_is_one_line_and_exit_2(arguments, message):
    done = penstock(*arguments)
    assert (done.returncode, len(done.stderr.splitlines()), done.stdout) == (2, 1, "")
    assert done.stderr.startswith(message[:40])


def test_a_group_without_a_command_shows_its_help():
    done = penstock("runs")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: penstock runs")


def test_asking_makes_no_folder(tmp_path):
    for arguments in (["runs", "list"], ["runs", "show", "r"], ["trace", "1"]):
        done = penstock("--home", str(tmp_path), *arguments)
        assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
        assert (
            done.stderr == f"penstock: {tmp_path}: no runs here yet. Run a pipeline, or name the folder with --home\n"
        )


def test_a_working_folder_that_is_gone_is_told(tmp_path):
    (tmp_path / "gone").mkdir()
    script = "import os, sys; os.rmdir(os.getcwd()); sys.argv[1:] = ['runs', 'list']\n"
    script += "from penstock.cli.main import main; main()"
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, cwd=tmp_path / "gone", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "penstock: the working folder is gone. Go to one that is there\n")


def test_colours_respect_no_color():
    done = penstock_of({"NO_COLOR": "1", "FORCE_COLOR": ""}, "doctor")
    assert "\x1b[3" not in done.stdout


def test_doctor_misses_in_an_image_only_what_that_image_is_to_hold(monkeypatch, tmp_path):
    def missing():
        return [finding.what for finding in examine(tmp_path) if not finding.ok]

    def version(name):
        if name.startswith("tensorflow"):
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr("penstock.cli.doctor.version", version)
    assert set(missing()) >= {"tensorflow-cpu", "tensorflow-transform"}
    monkeypatch.setenv("PENSTOCK_ENVIRONMENT", "control")
    assert missing() == []
    monkeypatch.setenv("PENSTOCK_ENVIRONMENT", "serving")
    assert missing() == ["tensorflow-cpu"]
    monkeypatch.setenv("PENSTOCK_ENVIRONMENT", "runtime-cuda")
    assert missing() == ["tensorflow", "tensorflow-data-validation", "tensorflow-transform"]


def test_a_package_that_lacks_another_is_one_line(tmp_path):
    """Arrow without NumPy says so when it is used, and names no module."""
    (tmp_path / "pyarrow.py").write_text("raise ImportError('Cannot return an array if NumPy is not present.')\n")
    (tmp_path / "t.csv").write_text("x,y\n1,a\n")
    environment = {"PYTHONPATH": str(tmp_path)}
    done = penstock_of(environment, "init", "t", "--data", "t.csv", "--label", "y", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("penstock: Cannot return an array if NumPy is not present. Run: ")
