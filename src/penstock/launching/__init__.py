"""The container's side of a cluster: what a component's entry does there beyond running the component.

It records the execution in the lineage, looks up what nothing is wired to, and takes finished work from earlier runs.
`settings` reads what the cluster says of the task, `work` finds out what is to be done and its key, `stored` fetches,
checks and copies artifacts in their store, `recording` writes the lineage, and `launcher` puts these together.
"""

from penstock.launching.launcher import launch

__all__ = ["launch"]
