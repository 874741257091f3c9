"""What holds for all tests."""

from hypothesis import settings

# The same examples in every run: what is green stays green until the code changes. To search on:
# pytest --hypothesis-profile=default
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
