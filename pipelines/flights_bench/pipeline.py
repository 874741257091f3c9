"""Wiring of the benchmark: the flights pipeline's own, with other values."""

from pipelines.flights.pipeline import build

__all__ = ["build"]
