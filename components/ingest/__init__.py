"""Bring source files in: an immutable copy, typed rows, honest splits."""
