"""Hold the data against its schema, and decide what follows."""
