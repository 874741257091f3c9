"""Train a model and export it ready to serve."""
