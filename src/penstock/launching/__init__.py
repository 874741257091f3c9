"""The container's side of a cluster: what a component's entry does there beyond running the component.

It records the execution in the lineage, looks up what nothing is wired to, and takes finished work from earlier runs.
"""
