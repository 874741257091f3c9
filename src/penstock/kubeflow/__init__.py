"""Kubeflow Pipelines as its users meet it: submitting, watching, retrying, schedules, and what a cluster must have."""
