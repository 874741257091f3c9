"""Zygotes and tasks, with real processes in both environments."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from penstock.profiles.local import LocalProfile
from penstock.running.environments import Interpreter
from penstock.running.hearing import Exit
from penstock.running.workers import Order, Workers

REPOSITORY = Path(__file__).parents[3]
RUNTIME = Interpreter("runtime", Path(sys.executable))


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def progress() -> list[tuple[str, int, int | None, str]]:
    return []


@pytest.fixture
def workers(tmp_path: Path, lock: int, progress: list[tuple[str, int, int | None, str]]) -> Iterator[Workers]:
    started = Workers(
        [REPOSITORY / "src", tmp_path], lock, tmp_path / "workers.log", lambda *told: progress.append(told)
    )
    yield started
    started.close()


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Order]:
    """Make orders for plain commands."""

    def make(*argv: str, id_: str = "t", modules: tuple[str, ...] = (), environment: Interpreter = RUNTIME) -> Order:
        details = {
            "log": str(tmp_path / f"{id_}.log"),
            "tmp": str(tmp_path),
            "env": {"SAID": "hello"},
            "argv": list(argv),
        }
        return Order(id_, environment, modules, details)

    return make


def end(workers: Workers, seconds: float = 30.0) -> dict[str, Exit]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ended := workers.wait(1.0):
            return dict(ended)
    raise AssertionError("nothing ended")


def test_a_command_runs_with_its_environment_and_log(
    workers: Workers, command: Callable[..., Order], tmp_path: Path
) -> None:
    workers.start(command("sh", "-c", "echo $SAID $TMPDIR; echo error >&2; command -v python"))
    ended = end(workers)["t"]
    assert (ended.code, ended.error) == (0, "")
    python = Path(sys.executable).parent / "python"
    assert (tmp_path / "t.log").read_text() == f"hello {tmp_path}\nerror\n{python}\n"


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (("sh", "-c", "exit 3"), 3, "ended with exit code 3"),
        (("sh", "-c", "kill -SEGV $$"), -11, "was killed by SIGSEGV"),
        (("no-such-command",), 1, "the command 'no-such-command' is not found in this environment"),
    ],
)
def test_how_a_command_fails(
    workers: Workers, command: Callable[..., Order], argv: tuple[str, ...], code: int, error: str
) -> None:
    workers.start(command(*argv))
    ended = end(workers)["t"]
    assert (ended.code, ended.error) == (code, error)


def test_processor_time_and_memory_are_measured(workers: Workers, command: Callable[..., Order]) -> None:
    code = "import time; x = b'1' * 200_000_000\nwhile time.process_time() < 0.3: pass"
    workers.start(command("python", "-c", code))
    ended = end(workers)["t"]
    assert 0.3 <= ended.cpu_seconds < 1.5
    assert 200e6 < ended.peak_memory_bytes < 400e6


def test_what_a_task_started_ends_with_it(workers: Workers, command: Callable[..., Order], tmp_path: Path) -> None:
    workers.start(command("sh", "-c", "sleep 600 & echo $!"))
    end(workers)
    child = int((tmp_path / "t.log").read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.1, 0.15, 0.2, 0.3])
def test_tasks_are_killed_together(workers: Workers, command: Callable[..., Order], pause: float) -> None:
    for name in ("a", "b"):
        workers.start(command("sleep", "600", id_=name))
    ended: dict[str, Exit] = {}
    workers.wait(pause)
    workers.kill(signal.SIGTERM)
    while len(ended) < 2:
        ended |= end(workers)
    assert {e.code for e in ended.values()} == {-signal.SIGTERM}


def test_a_light_task_does_not_wait_for_heavy_imports(
    workers: Workers, command: Callable[..., Order], tmp_path: Path
) -> None:
    imported = tmp_path / "imported"
    slow = f"import pathlib, time; time.sleep(3); pathlib.Path({str(imported)!r}).touch()"
    (tmp_path / "slow_to_import.py").write_text(slow)
    workers.prepare([(RUNTIME, ("slow_to_import",))])
    workers.start(command("true"))
    end(workers)
    assert not imported.exists()


def test_a_module_that_cannot_be_imported_stops_nothing(workers: Workers, command: Callable[..., Order]) -> None:
    workers.start(command("true", modules=("no_such_module",)))
    assert end(workers)["t"].code == 0


def test_a_worker_that_dies_while_importing_is_told(
    workers: Workers, command: Callable[..., Order], tmp_path: Path
) -> None:
    (tmp_path / "deadly.py").write_text("import os; os._exit(1)")
    workers.start(command("true", modules=("deadly",)))
    assert "worker process" in end(workers)["t"].error
    workers.start(command("true"))
    assert end(workers)["t"].code == 0


PROBE = '''
"""Tells of the process it runs in."""
import os, sys
from penstock.artifacts import Examples
from penstock.sdk import ComponentSpec, Out, Params
class ProbeParams(Params):
    pass
SPEC = ComponentSpec(name="probe", stage="ingest", image="runtime", summary="Probe.", params=ProbeParams,
                     outputs={"told": Out(Examples)})
IMPORTED_WITH = set(sys.modules)
def run(context):
    threads = len(os.listdir("/proc/self/task"))
    parent = open(f"/proc/{os.getppid()}/cmdline").read().replace("\\0", " ")
    warm = [name for name in ("tensorflow", "kserve", "pandas") if name in IMPORTED_WITH]
    context.output("told", Examples).write_json("told.json", [threads, "zygote" in parent, warm])
'''


DEAF = """
import pathlib, time
class Deaf:
    def __del__(self):  # Python drops what is raised here
        pathlib.Path(__file__).with_name("ready").touch()
        time.sleep(30)
def run(context):
    Deaf()
    time.sleep(30)
"""


def order(tmp_path: Path, environment: Interpreter, modules: tuple[str, ...], program: str = PROBE) -> Order:
    """An order for a component."""
    import json

    (tmp_path / "probe.py").write_text(program)
    place = {"artifacts": {"told": {"artifacts": [{"uri": str(tmp_path / "told")}]}}}
    (tmp_path / "in.json").write_text(json.dumps({"outputs": place}))
    details = {
        "log": str(tmp_path / "log"),
        "tmp": str(tmp_path),
        "env": {},
        "module": "probe",
        "executor_input": str(tmp_path / "in.json"),
        "scratch": str(tmp_path / "scratch"),
    }
    return Order("t", environment, modules, details)


@pytest.mark.slow
def test_a_task_that_does_not_hear_that_it_is_to_end_is_told_again(workers: Workers, tmp_path: Path) -> None:
    workers.start(order(tmp_path, RUNTIME, (), PROBE + DEAF))
    deadline = time.monotonic() + 30
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < deadline
        assert not workers.wait(0.05)
    workers.kill(signal.SIGTERM)
    assert end(workers, 20)["t"].code == 128 + signal.SIGTERM
    assert not list(tmp_path.glob(".told*"))


def told(workers: Workers, tmp_path: Path, environment: Interpreter, modules: tuple[str, ...]) -> tuple[object, Exit]:
    """Run a component that tells of its process, after an import of modules."""
    import json

    workers.start(order(tmp_path, environment, modules))
    ended = end(workers, 60)["t"]
    assert ended.error == "", (ended.error, (tmp_path / "log").read_text())
    return json.loads((tmp_path / "told" / "told.json").read_text()), ended


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "modules", "warm"),
    [
        ("runtime", ("pandas", "pyarrow.parquet"), ["pandas"]),
        ("runtime", ("tensorflow_data_validation", "tensorflow_transform", "keras"), ["tensorflow", "pandas"]),
        ("serving", ("tensorflow", "kserve"), ["tensorflow", "kserve", "pandas"]),
    ],
)
def test_heavy_libraries_are_imported_before_the_fork_and_start_no_thread(
    workers: Workers, tmp_path: Path, name: str, modules: tuple[str, ...], warm: list[str]
) -> None:
    environment = Interpreter(name, LocalProfile().interpreter(name))
    (threads, forked, imported), _ = told(workers, tmp_path, environment, modules)
    assert (threads, forked, imported) == (1, True, warm)


def test_a_worker_with_threads_does_not_fork_its_tasks(workers: Workers, tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text("import threading; threading.Timer(60, print).start()")
    (threads, _, _), ended = told(workers, tmp_path, RUNTIME, ("threaded",))
    assert threads == 1
    assert ended.cpu_seconds > 0.05  # an interpreter of its own was started
