"""What holds for all tests."""

from hypothesis import settings

# The same examples in every run, however busy the machine: what is green stays green until the code changes. To search
# on: pytest --hypothesis-profile=default
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# Real servers, and which tests are left out where one cannot be had.
pytest_plugins = ["tests.servers.tools", "tests.servers.kubernetes", "tests.servers.s3"]
