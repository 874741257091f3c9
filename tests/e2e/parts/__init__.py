"""Small components for the tests of the runner: numbers, their doubles, a gate, and what is behind it."""
