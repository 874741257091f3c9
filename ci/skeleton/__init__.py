"""Leave out splits that are too small."""
