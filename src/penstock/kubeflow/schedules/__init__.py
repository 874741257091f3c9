"""Recurring runs as Git declares them, and how the cluster is brought to what is declared."""
