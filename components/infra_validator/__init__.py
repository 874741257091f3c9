"""Prove that the model serves, in the environment that will serve it."""
