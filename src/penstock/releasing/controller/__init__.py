"""The controller's process: who leads, which release is due, what is told of it all."""
