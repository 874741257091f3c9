"""Where the observations come from: one interface, and an adapter for each kind of source."""
