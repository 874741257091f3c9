"""Who answers a request: shares, and the same answer for the same id."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.serving.gateway.routing import Choice, Route, choose, share_of

IDS = [f"request-{n}" for n in range(20_000)]


@pytest.mark.parametrize("percent", [0.5, 2.0, 25.0, 75.0])
def test_the_shares_are_what_was_asked(percent):
    route = Route(stable="a", candidate="b", canary_percent=percent, shadow_percent=percent)
    canary = sum(choose(id, route).assigned == "canary" for id in IDS) / len(IDS) * 100
    of_stable = [choose(id, route) for id in IDS if choose(id, route).assigned == "stable"]
    shadow = sum(choice.shadow == "b" for choice in of_stable) / len(of_stable) * 100
    error = 4 * (percent * (100 - percent) / len(of_stable)) ** 0.5  # four standard errors of a share
    assert canary == pytest.approx(percent, abs=error)
    assert shadow == pytest.approx(percent, abs=error)


@given(st.text(min_size=1), st.floats(0, 100), st.floats(0, 100))
def test_a_wider_canary_only_adds_requests(id, one, other):
    narrow, wide = sorted((one, other))
    if choose(id, Route(stable="a", candidate="b", canary_percent=narrow)).assigned == "canary":
        assert choose(id, Route(stable="a", candidate="b", canary_percent=wide)).assigned == "canary"


def test_nobody_is_mirrored_who_meets_the_candidate_anyway():
    route = Route(stable="a", candidate="b", canary_percent=40, shadow_percent=100)
    for id in IDS[:1000]:
        choice = choose(id, route)
        assert (choice.shadow == "b") == (choice.assigned == "stable")


def test_who_may_step_in():
    both = Route(stable="a", candidate="b", canary_percent=100)
    assert choose("x", both).backends == ("b", "a")
    shadow_only = Route(stable="a", candidate="b", shadow_percent=100)
    assert choose("x", shadow_only) == Choice("stable", ("a",), "b")
    idle = Route(stable="a", candidate="b")
    assert choose("x", idle) == Choice("stable", ("a",), "")


def test_the_share_of_an_id_never_changes():
    """What is logged must be assigned alike in a replay, years later."""
    assert share_of("request-1", "canary") == pytest.approx(65.38147471380151)
    assert share_of("request-1", "shadow") == pytest.approx(57.69298994692665)


@pytest.mark.parametrize(
    "route",
    [
        {"stable": "a", "canary_percent": 1},
        {"stable": "a", "shadow_percent": 1},
        {"stable": "a", "candidate": "a"},
        {"stable": "a", "candidate": "b", "canary_percent": 101},
        {"stable": "a", "candidate": "b", "canary_percent": -1},
        {"stable": ""},
    ],
)
def test_nonsense_is_no_route(route):
    with pytest.raises(ValidationError):
        Route.model_validate(route)
