"""Write what the artifacts of a run say as one page."""
