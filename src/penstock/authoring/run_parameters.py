"""What a run may set: parameters of tasks that become parameters of the pipeline.

The type and the description are the component's, the default is the pipeline's; so the form in the Kubeflow UI and
`penstock run --set` offer the same, and nothing else can be changed without compiling again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from penstock.authoring.config import Config
from penstock.authoring.interface import Parameter, describe
from penstock.sdk import ComponentSpec

_SAYS_NO_MORE = re.compile(r"^(string|boolean|integer|number|list|map)$|(^|of )[A-Z]")
"""Types that say no more than KFP's own, or that name a structure which only the component's README explains."""


@dataclass(frozen=True)
class RunParameter:
    """One parameter of a pipeline: what a run may set."""

    name: str
    """KFP's name of it, `train_epochs`."""
    task: str
    parameter: Parameter
    """The component's own parameter; its default is the pipeline's."""

    @property
    def description(self) -> str:
        """What it is and what it may be, where the types of KFP say no more than `NUMBER_INTEGER`."""
        said, type_ = self.parameter.description, self.parameter.shown
        allowed = f" ({type_})" if said and not _SAYS_NO_MORE.search(type_) else ""
        return f"{self.task}.{self.parameter.name}: {said or type_}{allowed}"


def run_parameters(config: Config, components: Mapping[str, ComponentSpec]) -> dict[str, RunParameter]:
    """What a run may set, by `task.parameter`, with the default that holds in this pipeline.

    Raises:
        BadInput: The values are wrong, or two of the names are one to KFP (the file's author).
    """
    found: dict[str, RunParameter] = {}
    for index, path in enumerate(config.file.run_may_set):
        task, _, name = path.partition(".")
        spec = components[task]
        declared = next(item for item in describe(spec).parameters if item.name == name)
        values = config.values(task, spec)
        if name in values:
            declared = replace(declared, default=values[name], required=False)
        made = RunParameter(f"{task}_{name}", task, declared)
        if any(made.name == other.name for other in found.values()):
            raise config.wrong(("run_may_set", index), f"two parameters would be called {made.name!r}")
        found[path] = made
    return found
