"""How a component's container starts, works and ends.

One argument, KFP's executor input. Parameters are validated before anything is read; outputs appear whole or not at
all; `executor_output.json` is written last, so that a task with one is a task that finished.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from penstock.artifacts import Artifact, Decision, digest_tree
from penstock.artifacts.base import Scalar
from penstock.sdk.context import Context, P, Progress
from penstock.sdk.errors import BadInput, ExitCode, PenstockError, explain_disk
from penstock.sdk.executor import ExecutorInput, executor_output
from penstock.sdk.spec import ComponentSpec

PARTIAL = ".partial-"
"""What the temporary name of an unfinished output contains: whatever bears it may be removed once its task is dead."""

_AGAIN_SECONDS = 5.0
"""After how long a component that was told to stop is told again [s]; a pod has 30 s by default."""

_CHANNEL = "pipelinechannel--"
"""Begins the names of the inputs that kfp adds by itself, for texts that mention another task's output."""


@dataclass(frozen=True)
class TaskResult:
    """What an execution made."""

    outputs: dict[str, Artifact]
    parameters: dict[str, Scalar]
    decision: Decision | None
    rows: int | None
    """Rows worked through [rows]; None where rows mean nothing."""


def execute(
    spec: ComponentSpec,
    run: Callable[[Context[Any]], None],
    executor_input: ExecutorInput,
    *,
    progress: Progress | None = None,
    scratch: Path | None = None,
) -> TaskResult:
    """Run one component in this process, from KFP's input to KFP's output.

    Args:
        spec: The component's declaration.
        run: Its work.
        executor_input: Parameters, inputs, and where the outputs go.
        progress: Where progress goes; standard error by default.
        scratch: A folder that survives a crash; a temporary one by default.

    Raises:
        BadInput: A parameter or an input is wrong; nothing was written (caller).
        PenstockError: The component could not do its work; no output appears.
    """
    params = spec.params.parse(declared_parameters(executor_input), where=f"component {spec.name}")
    inputs = _open_inputs(spec, executor_input)
    finals = _declared_outputs(spec, executor_input)
    partials = {n: a.path.parent / f".{a.path.name}{PARTIAL}{os.getpid()}" for n, a in finals.items()}
    own_scratch = None if scratch else tempfile.mkdtemp(prefix=f"penstock-{spec.name}-")
    try:
        for path in partials.values():
            path.mkdir(parents=True)
        bound = {n: type(a)(partials[n], a.uri, a.metadata) for n, a in finals.items()}
        context: Context[Any] = Context(
            params, inputs, bound, progress or _StderrProgress(spec.name), scratch or Path(own_scratch or "")
        )
        run(context)
        parameters = _output_parameters(spec, context)
        for name, artifact in bound.items():
            artifact.metadata.update(kind=artifact.kind, digest=_digest_output(spec, name, artifact))
        for name, path in partials.items():
            _replace(path, finals[name].path)
        published = {n: type(a)(finals[n].path, _address(a), a.metadata) for n, a in bound.items()}
    finally:
        hear_the_end()
        for path in partials.values():
            shutil.rmtree(path, ignore_errors=True)
        if own_scratch:
            shutil.rmtree(own_scratch, ignore_errors=True)
    write_outputs(executor_input, published, parameters)
    return TaskResult(published, parameters, context.decision, context.rows)


LAUNCHER = "PENSTOCK_LAUNCHER"
"""The environment variable that names who executes in place of `execute`: a module with a function `launch` of the
same first three arguments. A cluster's profile sets it; the SDK itself knows no lineage."""


def main(spec: ComponentSpec, run: Callable[[Context[P]], None], argv: Sequence[str] | None = None) -> NoReturn:
    """Be the container's command: parse the argument, execute, and exit with a clear code.

    Every failure ends in one line on standard error; only a fault of ours shows a traceback.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    end_when_told()
    try:
        if len(arguments) != 1:
            raise BadInput(f"{spec.name} takes one argument, KFP's executor input; got {len(arguments)}")
        _launch(spec, run, ExecutorInput.parse(arguments[0]))
    except PenstockError as error:
        print(f"{spec.name}: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except Exception as error:
        known = explain_disk(error)
        if known is None:
            raise
        print(f"{spec.name}: {known}", file=sys.stderr)  # noqa: T201
        sys.exit(ExitCode.ERROR)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    # Everything is written: what large libraries do while the interpreter shuts down, half a second, serves nobody.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExitCode.OK)


def _launch(spec: ComponentSpec, run: Callable[[Context[Any]], None], executor_input: ExecutorInput) -> None:
    launcher = os.environ.get(LAUNCHER)
    launch = importlib.import_module(launcher).launch if launcher else execute
    launch(spec, run, executor_input)


def _open_inputs(spec: ComponentSpec, executor_input: ExecutorInput) -> dict[str, Artifact]:
    inputs = {}
    for name, port in spec.inputs.items():
        given = executor_input.inputs.artifacts.get(name)
        if given and given.artifacts:
            inputs[name] = artifact = given.artifacts[0].bind(port.noun)
            if not artifact.path.exists():
                raise BadInput(f"{spec.name}: input {name!r} is not at {artifact.uri}")
        elif not port.optional:
            raise BadInput(f"{spec.name}: input {name!r} is missing")
    return inputs


def _declared_outputs(spec: ComponentSpec, executor_input: ExecutorInput) -> dict[str, Artifact]:
    outputs = {}
    for name, port in spec.outputs.items():
        given = executor_input.outputs.artifacts.get(name)
        if not given or not given.artifacts or not given.artifacts[0].uri:
            raise BadInput(f"{spec.name}: no place was given for output {name!r}")
        outputs[name] = given.artifacts[0].bind(port.noun)
    return outputs


def _output_parameters(spec: ComponentSpec, context: Context[Any]) -> dict[str, Scalar]:
    if not spec.gate:
        return {}
    if context.decision is None:
        raise PenstockError(f"{spec.name} is a gate and decided nothing")
    return {"gate": context.decision.gate}


def _digest_output(spec: ComponentSpec, name: str, artifact: Artifact) -> str:
    """The digest of what the output's address will name."""
    content = artifact.path / artifact.main_file
    if not any(artifact.path.iterdir()) or not content.exists():
        raise PenstockError(f"{spec.name} wrote nothing to its output {name!r}")
    return digest_tree(content)


def _address(artifact: Artifact) -> str:
    """Where others find an output: its folder, or the one file of it that the Kubeflow page is to show."""
    return f"{artifact.uri.rstrip('/')}/{artifact.main_file}" if artifact.main_file else artifact.uri


def _replace(source: Path, target: Path) -> None:
    """Put a finished folder in its place; an earlier one there goes first."""
    if target.exists():
        shutil.rmtree(target)
    source.rename(target)


def declared_parameters(executor_input: ExecutorInput) -> dict[str, Any]:
    """The parameters that a task was given, without those that kfp adds by itself."""
    values = executor_input.inputs.parameter_values
    return {name: value for name, value in values.items() if not name.startswith(_CHANNEL)}


def write_outputs(
    executor_input: ExecutorInput, artifacts: Mapping[str, Artifact], parameters: Mapping[str, Scalar]
) -> None:
    """Tell KFP's launcher what was put out: the parameters' files, and executor_output.json last."""
    for name, value in parameters.items():
        declared = executor_input.outputs.parameters.get(name)
        if declared and declared.output_file:
            write_atomically(Path(declared.output_file), str(value))
    if executor_input.outputs.output_file:
        write_atomically(Path(executor_input.outputs.output_file), executor_output(artifacts, parameters))


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader finds all of it or none.

    Raises:
        OSError: It cannot be written; the error names it (operator).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}{PARTIAL}{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        partial.unlink(missing_ok=True)


def end_when_told() -> None:
    """Have SIGTERM end what this process does, wherever the signal finds it; its exit code is then 143.

    Whoever sees the end coming says so with `hear_the_end`.
    """
    signal.signal(signal.SIGTERM, _terminated)


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End the work; again after a while if nobody heard.

    Python drops what is raised in a finalizer or in a hook of fork, where a signal may find the process as well.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end is on its way: a second one must not cut it short
    signal.signal(signal.SIGALRM, _terminated)
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
    raise SystemExit(128 + signal.SIGTERM)


def hear_the_end() -> None:
    """Say that the end was heard: what is done from here on, recording and tidying up, is not interrupted."""
    if signal.getsignal(signal.SIGALRM) is _terminated:
        signal.setitimer(signal.ITIMER_REAL, 0)


class _StderrProgress:
    """Plain lines, at most one every five seconds: what a pod's log should hold."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = time.monotonic() + 5.0

    def __call__(self, done: int, total: int | None = None, unit: str = "rows") -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 5.0
        of = f" of {total:,}" if total else ""
        print(f"{self._name}: {done:,}{of} {unit}", file=sys.stderr)  # noqa: T201
