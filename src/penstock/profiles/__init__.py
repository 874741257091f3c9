"""Where pipelines run: profiles. What they compute is in the pipeline; nothing here changes a digest.

`local` is a profile like the others: processes here, containers here (`containers`), a cluster (`cluster`).
"""
