"""The `penstock` command, each call a process of its own: forked from one that has imported what commands import.

What a call does to its process ends with it, as on the command line; what it need not do again is start Python and
import, a second of every call. How long that takes, and what a fresh process imports, is tested where it matters.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

SECONDS = 120
"""How long a call may take, unless it says otherwise."""
_QUIET = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""What keeps libraries from starting threads when they are imported: what is forked must have none."""
_IMPORTED = ("kfp.compiler", "ml_metadata", "pandas", "pyarrow.csv", "pyarrow.parquet", "rich.table", "jinja2")


def penstock(*arguments: str, cwd: Path | None = None, seconds: int = SECONDS) -> subprocess.CompletedProcess[str]:
    """Call it, and keep what it wrote and how it ended; after its time a signal ends it."""
    server = _server()
    assert server.stdin and server.stdout
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
        order = {"arguments": arguments, "cwd": str(cwd or Path.cwd()), "seconds": seconds}
        server.stdin.write(json.dumps({**order, "out": out.name, "err": err.name}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


@functools.cache
def _server() -> subprocess.Popen[str]:
    """The process that the calls of this session are forked from; it ends with the session."""
    environment = {**os.environ, **_QUIET}
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    atexit.register(process.communicate)
    return process


def _serve() -> None:
    from penstock.cli.main import COMMANDS

    for name in [*(module for module, _ in COMMANDS.values()), *_IMPORTED]:
        importlib.import_module(name)
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "an import has started a thread, which a fork would lack"
    gc.freeze()  # what is not looked at again is not copied
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            os._exit(_be(json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _be(order: dict[str, Any]) -> int:
    """Be the process of one call, to its end; returns its exit code."""
    from penstock.cli.main import main

    for number, name in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(name, os.O_WRONLY | os.O_APPEND), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(order["cwd"])
    signal.alarm(order["seconds"])
    sys.argv, sys.path[0] = ["penstock", *order["arguments"]], ""
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code or 0)


if __name__ == "__main__":
    _serve()
