"""Continuous training and delivery of machine-learned models, native to Kubeflow.

Importing this package costs nothing: every floor of the house imports what it needs, where it needs it.
"""

__version__ = "0.1.0"
