"""One folder a component: spec (interface), logic (decisions), main (input and output)."""
