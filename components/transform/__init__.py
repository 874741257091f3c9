"""Fit the feature transformation once, for training and serving alike."""
