"""Releases: a model from shadow through canary percentages to all traffic, decided by statistics."""
