"""Routes over two twins: what each kind of route says for a split, and which split a route says."""
