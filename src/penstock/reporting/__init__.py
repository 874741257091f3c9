"""Pages for people: what is known of a run, drawn and written as one HTML file that needs nothing else."""
