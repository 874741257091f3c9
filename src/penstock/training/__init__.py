"""The training engine: networks, the loop, checkpoints. For every component that trains."""
