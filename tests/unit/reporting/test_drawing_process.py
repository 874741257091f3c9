"""The process that draws: the same pictures, and no more harm than a picture that is missing."""

import os
import signal

import pytest

from penstock.reporting import drawing_process
from penstock.reporting.drawing import Chart, draw

BARS = {"data": {"values": [{"a": "x", "b": 2}, {"a": "y", "b": 3}]}, "mark": "bar", "encoding": {
    "x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}}}  # fmt: skip
CHART = Chart(spec=BARS, title="bars", says="two bars")


def test_it_draws_as_this_process_does():
    here = draw(CHART).svg
    with drawing_process.ahead():
        there = [figure.svg for figure in (draw(CHART), draw(CHART))]
    assert there == [here, here]
    assert draw(CHART).svg == here


def test_what_vega_cannot_draw_is_told_and_the_next_is_drawn():
    with drawing_process.ahead():
        with pytest.raises(ValueError, match="cannot draw"):
            drawing_process.begin({"mark": "no such mark"})()
        assert "could not be drawn" not in draw(CHART).svg


def test_a_process_that_died_costs_the_pictures_and_not_the_page():
    with drawing_process.ahead():
        process = drawing_process._ahead[0]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert "could not be drawn" in draw(CHART).svg
        assert "could not be drawn" in draw(CHART).svg
    assert "could not be drawn" not in draw(CHART).svg
