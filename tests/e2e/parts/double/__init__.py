"""A small component for tests."""
