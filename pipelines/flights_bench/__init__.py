"""Flights as the benchmarks run them: the same rows, features, steps and slices as the pipeline compared with."""
