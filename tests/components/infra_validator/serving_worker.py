"""A process of the serving environment that has the heavy libraries imported and forks one component per line read.

What the runner's warm workers do, for tests: each line of standard input is an executor input and a file for standard
error; each answer is the child's process id, then its exit code.
"""

import ctypes
import json
import os
import signal
import sys
import tempfile

import kserve  # noqa: F401
import tensorflow

from components.infra_validator.main import run
from components.infra_validator.spec import SPEC
from penstock.sdk import main

CLONE_NEWNET = 0x40000000
"""Linux, unshare(2): a network of its own, whose loopback is down."""

signal.signal(signal.SIGINT, signal.SIG_IGN)
print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    pid = os.fork()
    if pid == 0:
        error = os.open(request["stderr"], os.O_WRONLY | os.O_CREAT)
        os.dup2(error, 2)
        tempfile.tempdir = request["scratch"]
        if request["tensorflow_started"]:
            tensorflow.constant(1)
        if request["without_network"]:
            assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
        code = 99
        try:
            main(SPEC, run, [json.dumps(request["executor_input"])])
        except SystemExit as leaving:
            code = leaving.code
        finally:
            sys.stderr.flush()
            os._exit(code)
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
