"""Executing a compiled pipeline on this machine.

`pipeline_spec` reads compiled.yaml, `planner` decides what may start (pure), `keys` says when work can be taken from
the cache, `workers` and `zygote` start processes that have the heavy libraries imported already, `runner` puts them
together and keeps the lineage.
"""
