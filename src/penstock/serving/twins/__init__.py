"""Two model servers behind a gateway on this machine, kept alive: what a release needs of a cluster, without one.

`LocalServing` (in `local_serving`) is the whole: name a bundle `a` or `b`, wait until it is ready, set the route. Its
children are programs of the serving environment; it runs wherever Penstock itself does.
"""
