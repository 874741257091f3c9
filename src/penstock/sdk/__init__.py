"""What the author of a component imports.

A component declares itself once (`ComponentSpec`, `Params`), does its work in `run(context)`, and is started by
`main(SPEC, run)`. Everything else about it is derived.
"""

from penstock.sdk.context import Context, Progress
from penstock.sdk.entry import TaskResult, execute, main
from penstock.sdk.errors import BadInput, ExitCode, PenstockError
from penstock.sdk.params import Params
from penstock.sdk.spec import ComponentSpec, In, Lookup, Out

__all__ = [
    "BadInput",
    "ComponentSpec",
    "Context",
    "ExitCode",
    "In",
    "Lookup",
    "Out",
    "Params",
    "PenstockError",
    "Progress",
    "TaskResult",
    "execute",
    "main",
]
