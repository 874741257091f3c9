"""What is to be done next for a release: a pure function of what is wanted, remembered and seen."""
