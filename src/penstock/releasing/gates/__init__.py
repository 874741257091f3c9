"""Gates of a release: what they are, the evidence that they keep, and what they say at each look. All of it is pure."""
