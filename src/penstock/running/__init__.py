"""Executing a compiled pipeline on this machine.

Deciding is pure: `spec_reader` makes a `pipeline_spec` of compiled.yaml (`closed_yaml`, `spec_checks`), `binding` turns
what a person asked for into run parameters and a selection of tasks, `planner` says what may start (`scopes`,
`resolving`, `expressions`, `placeholders`, `values`, `quantities`). `work` is the seam to doing: `keys` says when work
can be taken from the cache, `workers` and `zygote` start processes that have the heavy libraries imported already,
`runner` puts them together and keeps the lineage.
"""
