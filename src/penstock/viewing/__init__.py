"""Runs to look at: from lineage and artifacts to pages, as files and behind a local server."""
