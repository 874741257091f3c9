"""Executing a compiled pipeline on this machine.

| what | where |
|---|---|
| the one function | `runner` |
| reading compiled.yaml | `spec_reader` into `pipeline_spec`; `binding` for what a run sets; `preflight` |
| deciding what may start (pure) | `planner`, with `scopes`, `resolving`, `expressions`, `placeholders`, `values` |
| the seam between deciding and doing | `work` |
| doing it | `scheduler`, with `jobs`, `components`, `environments`, `capacity`, `interrupts` |
| the seam between scheduling and executing | `places` |
| not doing it twice | `keys` (pure), `cache` |
| processes that have the heavy libraries imported already | `warming`, `workers`; in the process: `zygote`, `child` |
| containers in their place | `containers`, `engine`, `reaper`; in the container: `contained` |
| what a task tells while it works | `telling`, `hearing` |
| files and records | `home`, `recording`; making room: `removal` |
| telling | `events`, `display`, `report` |
"""
