"""Releases on this machine: the same plan and the same statistics as on a cluster, over two local model servers.

`documents` reads the YAML, `store` keeps releases in files, `cluster` is the port over the model servers and their
gateway, `judge` asks the gates, `loop` reconciles; `progress` says to people and machines how it goes.
"""
