"""Writing pipelines: values and wiring in, one KFP PipelineSpec out.

`config` reads `pipeline.yaml`, `pipeline` is what `pipeline.py` wires with, `compiling` makes `compiled.yaml` of both.
`interface` reads a component off its spec, `kfp_component` makes KFP's form of it, `documents` its tables for people,
`discovery` finds what a project has. Only this floor imports kfp, and only where it is needed.
"""

from penstock.authoring.pipeline import Output, Pipeline, Task

__all__ = ["Output", "Pipeline", "Task"]
