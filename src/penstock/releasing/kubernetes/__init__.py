"""Releases on a cluster: twins as KServe InferenceServices, and a route that the controller owns."""
