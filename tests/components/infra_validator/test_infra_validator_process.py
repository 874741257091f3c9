"""Modules as child processes: their output, their end, and that they do not outlive their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from components.infra_validator.process import Child

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module and make it importable for children."""

    def write(text):
        (tmp_path / "work.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return "work"

    return write


def test_output_and_exit_code(module, tmp_path):
    work = module("import sys; print('out', sys.argv[1:]); print('a\\nb\\n', file=sys.stderr); sys.exit(4)")
    with Child(work, ["x", "y z"], tmp_path / "log", stdout=tmp_path / "out") as child:
        assert child.wait(30) == 4
    assert (tmp_path / "out").read_text() == "out ['x', 'y z']\n"
    assert child.last_words() == "b"
    assert child.last_words("a") == "a"
    assert child.last_words("nobody says this") == "b"


def test_what_an_earlier_try_left_is_gone(module, tmp_path):
    (tmp_path / "out").write_text("old " * 100)
    with Child(module("print('new')"), [], tmp_path / "log", stdout=tmp_path / "out") as child:
        assert child.wait(30) == 0
    assert (tmp_path / "out").read_text() == "new\n"
    assert child.last_words() == "it wrote nothing"


def test_it_is_killed_when_it_is_left_and_can_be_measured_before(module, tmp_path):
    with Child(module("import time; time.sleep(60)"), [], tmp_path / "log") as child:
        assert child.wait(0.2) is None
        assert 1e6 < child.peak_memory_bytes() < 1e9
    assert child.exit_code == -signal.SIGKILL
    assert not psutil.pid_exists(child.pid)
    assert child.peak_memory_bytes() == 0
    child.kill()


def test_it_dies_with_a_parent_that_is_killed(module, tmp_path):
    work = module("import time; time.sleep(60)")
    script = (
        "import sys, time; from pathlib import Path; from components.infra_validator.process import Child\n"
        f"child = Child({work!r}, [], Path(sys.argv[1])); print(child.pid, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY / 'src'}:{REPOSITORY}"}
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        time.sleep(0.3)
        assert child.is_running()
        parent.kill()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
