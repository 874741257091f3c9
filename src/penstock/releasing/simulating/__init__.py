"""Releases rehearsed: the same decisions on a recorded or an invented stream, thousands at a time."""
