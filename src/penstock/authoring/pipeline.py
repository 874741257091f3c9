"""What `pipeline.py` uses: tasks, what they are wired to, and gates. Wiring only; values live in `pipeline.yaml`.

Everything that can be known to be wrong is refused here, while compiling: an unknown input or output, an input that
nothing is wired to, a noun where another is expected. kfp is imported when a pipeline is built, so that importing a
`pipeline.py` costs milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from penstock.artifacts import Artifact
from penstock.authoring.config import Config
from penstock.authoring.interface import GATE
from penstock.authoring.naming import nearest
from penstock.authoring.placing import Place
from penstock.sdk import BadInput, ComponentSpec

_TASK_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""KFP's keys have hyphens for underscores: with single ones, different names stay different."""


class WiringError(BadInput):
    """What `pipeline.py` asks for cannot be; the compiler adds the file and the line."""


@dataclass(frozen=True)
class Output:
    """One output of a task, to be given to another task as an input."""

    task: str
    name: str
    noun: type[Artifact]
    channel: Any
    """KFP's own handle, for its control flow (`Collected`, `OneOf`)."""


class Task:
    """One task of a pipeline: `task["output"]` is what it puts out.

    Args:
        name: Its name in the pipeline.
        spec: The component that it runs.
        kfp: KFP's own task, for settings that only KFP has.
        inputs: The outputs of other tasks that it takes, by its own names for them.
    """

    def __init__(self, name: str, spec: ComponentSpec, kfp: Any, inputs: Mapping[str, Output]) -> None:
        self.name = name
        self.spec = spec
        self.kfp = kfp
        self.inputs = inputs

    def __getitem__(self, output: str) -> Output:
        """An output, by the name that the component's spec gives it.

        Raises:
            WiringError: The component has no such output (the pipeline's author).
        """
        if output not in self.spec.outputs:
            raise WiringError(
                f"task {self.name!r}: {self.spec.name} has no output {output!r}; {nearest(output, self.spec.outputs)}"
            )
        return Output(self.name, output, self.spec.outputs[output].noun, self.kfp.outputs[output])

    @property
    def gate(self) -> Any:
        """KFP's handle on a gate's answer, `open` or `closed`.

        Raises:
            WiringError: The component decides nothing (the pipeline's author).
        """
        if not self.spec.gate:
            raise WiringError(f"task {self.name!r}: {self.spec.name} is not a gate", "Only a gate can be waited for")
        return self.kfp.outputs[GATE]


class Pipeline:
    """A pipeline that is being built; `build(p)` in `pipeline.py` is given one.

    Args:
        config: The values of the pipeline.
        run_parameters: KFP's handles on what a run may set, as `task.parameter`.
        place: Says what surrounds each task where it will run.
    """

    def __init__(self, config: Config, run_parameters: Mapping[str, Any], place: Place) -> None:
        self._config = config
        self._run_parameters = run_parameters
        self._place = place
        self._tasks: dict[str, Task] = {}

    def task(
        self,
        name: str,
        component: ComponentSpec,
        *,
        after: Sequence[Task] = (),
        values: Mapping[str, Any] | None = None,
        **inputs: Output | Any,
    ) -> Task:
        """Add a task.

        Args:
            name: Its name, unique in the pipeline; `pipeline.yaml` speaks of it by this name.
            component: What it runs.
            after: Tasks that must have ended well before, though it takes nothing from them.
            values: Parameters whose value comes from KFP while the pipeline runs: the item of a loop, an output
                parameter. All others come from `pipeline.yaml`.
            **inputs: What the component's inputs are wired to: outputs of other tasks.

        Raises:
            WiringError: A name is unknown or taken, an input is not wired, or a noun is wrong (the pipeline's author).
            BadInput: The task's values in `pipeline.yaml` are wrong (the file's author).
        """
        from penstock.authoring.kfp_component import kfp_component
        from penstock.authoring.kfp_task import surround

        self._check_new(name)
        wired = self._wire(name, component, inputs)
        parameters = self._parameters(name, component, values or {})
        placement = self._place(name, component)
        made = kfp_component(component, name, placement.image)(**wired, **parameters)
        made.set_display_name(name)
        made.after(*(task.kfp for task in after))
        surround(made, placement)
        taken = {key: given for key, given in inputs.items() if isinstance(given, Output)}
        self._tasks[name] = Task(name, component, made, taken)
        return self._tasks[name]

    @contextmanager
    def when_open(self, *gates: Task) -> Iterator[None]:
        """Add the tasks inside the `with` only to what runs if all these gates open.

        Raises:
            WiringError: No task is given, or one of them is not a gate (the pipeline's author).
        """
        from kfp import dsl

        if not gates:
            raise WiringError("when_open: names no gate")
        with ExitStack() as nested:
            for task in gates:
                nested.enter_context(dsl.If(task.gate == "open", name=f"{task.name} is open"))
            yield

    @property
    def tasks(self) -> dict[str, Task]:
        """The tasks added so far, by name: each behind those that it takes something from."""
        return dict(self._tasks)

    @property
    def components(self) -> dict[str, ComponentSpec]:
        """The components of the tasks added so far, by the task's name."""
        return {name: task.spec for name, task in self._tasks.items()}

    def _check_new(self, name: str) -> None:
        if not _TASK_NAME.fullmatch(name):
            raise WiringError(f"task {name!r}: a task's name is lower-case letters and digits, with single underscores")
        if name in self._tasks:
            raise WiringError(f"task {name!r}: there is a task of this name already")

    def _wire(self, name: str, component: ComponentSpec, inputs: Mapping[str, Any]) -> dict[str, Any]:
        for key, given in inputs.items():
            if key not in component.inputs:
                raise WiringError(
                    f"task {name!r}: {component.name} has no input {key!r}; {nearest(key, component.inputs)}"
                )
            expected = component.inputs[key].noun
            if isinstance(given, Task):
                raise WiringError(f"task {name!r}: {key} is given the task {given.name!r}", "Name one of its outputs")
            if isinstance(given, Output) and not issubclass(given.noun, expected):
                raise WiringError(
                    f"task {name!r}: {key} takes {expected.__name__}, and {given.task}[{given.name!r}] "
                    f"is {given.noun.__name__}"
                )
        missing = [key for key, port in component.inputs.items() if not port.optional and key not in inputs]
        if missing:
            raise WiringError(f"task {name!r}: nothing is wired to {', '.join(missing)} of {component.name}")
        return {key: given.channel if isinstance(given, Output) else given for key, given in inputs.items()}

    def _parameters(self, name: str, component: ComponentSpec, values: Mapping[str, Any]) -> dict[str, Any]:
        fields = component.params.model_fields
        for key in values:
            if key not in fields:
                raise WiringError(f"task {name!r}: {component.name} has no parameter {key!r}; {nearest(key, fields)}")
        fixed = self._config.values(name, component, elsewhere=values)
        settable = {
            parameter: channel
            for parameter in fields
            if (channel := self._run_parameters.get(f"{name}.{parameter}")) is not None
        }
        for key in settable.keys() & values.keys():
            raise WiringError(
                f"task {name!r}: {key} is wired and may be set by a run", "A parameter has one origin only"
            )
        return {**fixed, **settable, **values}
