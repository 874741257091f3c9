"""Score a candidate on every slice and decide its blessing."""
