"""Releases on this machine: the same plan and the same statistics as on a cluster, over two local model servers.

`documents` reads the YAML and `store` keeps releases in files; `cluster` is the port over the model servers and their
gateway, and `loop` reconciles; `hosting` puts these together, with log and labels as the only source, for whoever
runs the model servers. `progress` and `report` say how it goes; `replaying` is traffic for a demonstration.
"""
