"""If, Elif, Else and OneOf, as kfp compiles them."""
# ruff: noqa: SIM117 - every `with` is a task group of its own

import pytest
from kfp import dsl

from penstock.running.work import Fate
from penstock.sdk import BadInput


def test_a_gate_opens_and_closes(play, parts):
    def gated(verdict: str = "open"):
        gate = parts.word(text=verdict)
        with dsl.If(gate.output == "open"):
            pushed = parts.data(text="p")
            parts.use(given=pushed.output)
        parts.number()

    opened = play(gated)
    assert opened.fates["condition-1/use"] is Fate.SUCCEEDED

    closed = play(gated, {"verdict": "closed"})
    assert closed.order == ["number", "word"]
    assert closed.planner.fate is Fate.SUCCEEDED
    assert closed.fates["condition-1/data"] is closed.fates["condition-1/use"] is Fate.SKIPPED
    assert closed.why["condition-1/data"] == "condition is false: word-out == 'open' (word-out is 'closed')"


@pytest.mark.parametrize(
    ("text", "branch"), [("a", "condition-2"), ('say "b"', "condition-3"), ("c", "condition-4"), ("", "condition-4")]
)
def test_exactly_one_branch_runs_and_one_of_gives_its_output(play, parts, text, branch):
    @dsl.pipeline
    def flip(text: str) -> dsl.Dataset:
        with dsl.If(text == "a"):
            first = parts.data(text="from if")
        with dsl.Elif(text == 'say "b"'):
            second = parts.data(text="from elif")
        with dsl.Else():
            third = parts.data(text="from else")
        return dsl.OneOf(first.output, second.output, third.output)

    def branches(text: str):
        parts.use(given=flip(text=text).output)

    played = play(branches, {"text": text})

    ran = [task for task, fate in played.fates.items() if fate is Fate.SUCCEEDED and "condition" in task]
    assert len(ran) == 1
    assert branch in ran[0]
    expected = {"condition-2": "from if", "condition-3": "from elif", "condition-4": "from else"}[branch]
    assert played.works["use"].artifacts["given"][0].metadata["text"] == expected


def test_one_of_parameters_becomes_the_output_of_the_pipeline(play, parts):
    def choose(which: str = "left") -> str:
        with dsl.If(which == "left"):
            left = parts.word(text="L")
        with dsl.Else():
            right = parts.word(text="R")
        parts.word(text=dsl.OneOf(left.output, right.output))
        return dsl.OneOf(left.output, right.output)

    assert play(choose).planner.outputs.parameters == {"Output": "L"}
    played = play(choose, {"which": "other"})
    assert played.planner.outputs.parameters == {"Output": "R"}
    assert played.works["word-3"].parameters == {"text": "R"}


def test_every_type_and_comparison(play, parts):
    def compare(n: int = 3, real: float = 2.5, yes: bool = True, text: str = "b"):
        with dsl.If(n == 3):
            parts.word(text="n is 3")
        with dsl.If(n != 3):
            parts.word(text="n is not 3")
        with dsl.If(n >= 3):
            with dsl.If(real > 2.0):
                parts.word(text="both")
        with dsl.If(real < -1.5):
            parts.word(text="negative")
        with dsl.If(yes == True):  # noqa: E712
            parts.word(text="yes")
        with dsl.If(text <= "b"):
            parts.word(text="early")
        with dsl.If(parts.number(n=n).output < n):
            parts.word(text="less")

    def said(**parameters):
        return {
            work.parameters["text"] for work in play(compare, parameters).works.values() if "text" in work.parameters
        }

    assert said() == {"n is 3", "both", "yes", "early"}
    assert said(n=2, real=-2.0, yes=False, text="c") == {"n is not 3", "negative"}


def test_what_needs_a_skipped_branch_is_skipped_however_deep(play, parts):
    def deep(go: str = "no"):
        with dsl.If(go == "yes"):
            with dsl.If(go == "yes"):
                parts.number()
            parts.word()

    played = play(deep)
    assert set(played.fates) == {"condition-1/condition-2/number", "condition-1/word"}
    assert set(played.fates.values()) == {Fate.SKIPPED}
    assert played.planner.done


def test_a_quote_that_kfp_does_not_escape_is_refused_with_the_remedy(spec_of, play, parts):
    def unescaped(text: str = "x"):
        with dsl.If(text == "it's"):
            parts.number()

    def escaped(text: str = "it's"):
        with dsl.If(text == "it\\'s"):
            parts.number()

    with pytest.raises(BadInput, match=r"triggerPolicy\.condition: cannot read .* write \\' for a quote inside one"):
        spec_of(unescaped)
    assert play(escaped).order == ["condition-1/number"]
    assert play(escaped, {"text": "its"}).order == []


def test_a_condition_on_an_input_without_a_value_fails_its_graph_and_says_so(play, parts):
    def unknowable(text: str = None):  # noqa: RUF013
        with dsl.If(text == "a"):
            parts.number()
        parts.word()

    played = play(unknowable)
    assert played.planner.fate is Fate.FAILED
    assert played.fates == {"condition-1/number": Fate.FAILED, "word": Fate.SUCCEEDED}
    assert played.why["condition-1/number"] == "condition-1: its input 'text' has no value"
