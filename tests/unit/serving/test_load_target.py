"""Where a load test may send to."""

import pytest

from penstock.serving.load_test.target import Target, target_of


@pytest.mark.parametrize("url", ["http://models.example.com/x", "https://127.0.0.1/x", "http://192.0.2.1:80/x", "x"])
def test_only_this_machine_may_be_loaded(url):
    with pytest.raises(ValueError, match="only http"):
        target_of(url)


def test_another_machine_may_be_loaded_by_who_says_that_it_is_theirs():
    assert target_of("http://models.example.com:81/x?y=1", any_host=True) == Target("models.example.com", 81, "/x?y=1")
    with pytest.raises(ValueError, match="only http"):
        target_of("https://models.example.com/x", any_host=True)
