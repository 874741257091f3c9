"""What executes a component in a container of this machine: as `execute` does, and telling the runner how it goes.

Started by `penstock.sdk.entry.main` in place of `execute`, because the runner sets the variable for it.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.provenance.code import code_digest
from penstock.running.telling import Report
from penstock.sdk.context import Context
from penstock.sdk.entry import execute
from penstock.sdk.errors import BadInput
from penstock.sdk.executor import ExecutorInput
from penstock.sdk.spec import ComponentSpec

CODE = "PENSTOCK_CODE_DIGEST"
"""Digest of the code that the runner made the cache key from."""
REPORT = "PENSTOCK_REPORT"
"""The named pipe that the runner listens to."""
SCRATCH = "PENSTOCK_SCRATCH"
"""A folder that survives a crash."""


def launch(spec: ComponentSpec, run: Callable[[Context[Any]], None], executor_input: ExecutorInput) -> None:
    """Execute a component and tell the runner of its progress, its result and what it used.

    Raises:
        BadInput: The image holds other code than the runner's, or what `execute` refuses (caller).
        PenstockError: The component could not do its work.
    """
    report = Report(os.open(os.environ[REPORT], os.O_WRONLY))
    try:
        _check_code(spec, run)
        scratch = Path(os.environ[SCRATCH])
        scratch.mkdir(parents=True, exist_ok=True)
        result = execute(spec, run, executor_input, progress=report.progress, scratch=scratch)
    except BaseException as error:
        report.failure(error, used=_used())
        raise
    report.result(result, used=_used())


def _check_code(spec: ComponentSpec, run: Callable[..., None]) -> None:
    """Refuse code that the result would be remembered for and that did not make it."""
    here = code_digest(Path(run.__code__.co_filename).resolve().parent, spec.uses)
    if here != os.environ[CODE]:
        raise BadInput(f"the image holds other code of {spec.name} than this machine", "Run: ci/build-images")


def _used() -> list[float]:
    """Processor time [s] and the largest resident size [bytes], with children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return [cpu, max(own.ru_maxrss, children.ru_maxrss) * 1024]
