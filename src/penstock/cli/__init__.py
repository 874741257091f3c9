"""The command line: decode what was typed, call the floor below, show what it says. No logic.

Every command module is imported only when its command is called, so that `penstock --help` takes no time.
"""
