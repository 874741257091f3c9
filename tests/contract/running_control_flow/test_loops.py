"""ParallelFor over parameters and artifacts, Collected, and their nesting."""
# ruff: noqa: B006, SIM117, UP006, UP035 - kfp reads signatures and defaults as they are

from typing import List

from kfp import dsl

from penstock.running.work import Fate


def test_written_items_and_their_fields(play, parts):
    def loop():
        with dsl.ParallelFor([{"a": "x", "b": "y"}, {"a": "z", "b": "w"}]) as item:
            parts.use(given=parts.data(text=item.a).output)
            parts.word(text=item.b)

    played = play(loop)
    assert set(played.order) == {f"for-loop-2[{i}]/{task}" for i in (0, 1) for task in ("data", "use", "word")}
    assert played.works["for-loop-2[1]/data"].parameters == {"text": "z"}
    assert played.works["for-loop-2[1]/word"].parameters == {"text": "w"}
    assert played.works["for-loop-2[1]/use"].artifacts["given"][0].uri == "/store/for-loop-2[1]/data/made"


def test_items_from_a_run_parameter_and_from_a_task(play, parts):
    def loop(numbers: list = [4, 5]):
        with dsl.ParallelFor(numbers) as item:
            parts.number(n=item)
        with dsl.ParallelFor(parts.items().output) as item:
            parts.number(n=item.a)

    played = play(loop, {"numbers": [7, 8, 9]})
    given = {work.id: work.parameters["n"] for work in played.works.values() if work.component.startswith("number")}
    assert given == {
        "for-loop-1[0]/number": 7,
        "for-loop-1[1]/number": 8,
        "for-loop-1[2]/number": 9,
        "for-loop-2[0]/number-2": 1,
        "for-loop-2[1]/number-2": 2,
    }
    assert all(isinstance(n, int) for n in given.values())


def test_the_limit_bounds_iterations_not_the_order(play, parts):
    def limited():
        with dsl.ParallelFor([1, 2, 3, 4, 5], parallelism=2) as item:
            parts.word().after(parts.number(n=item))

    played = play(limited)
    assert played.widest == 2
    assert len(played.order) == 10
    assert played.order[:4] == [
        "for-loop-2[0]/number",
        "for-loop-2[1]/number",
        "for-loop-2[0]/word",
        "for-loop-2[1]/word",
    ]


def test_collected_parameters_keep_the_order_of_the_items_and_their_type(play, parts):
    def collect() -> List[int]:
        with dsl.ParallelFor([3, 1, 2]) as item:
            made = parts.number(n=item)
        parts.typed(many=dsl.Collected(made.output))
        return dsl.Collected(made.output)

    played = play(collect)
    assert played.works["typed"].parameters["many"] == [3, 1, 2]
    assert played.planner.outputs.parameters == {"Output": [3, 1, 2]}


def test_nested_loops_collect_into_one_list(play, parts):
    def nested():
        with dsl.ParallelFor([10, 20]) as outer:
            parts.number(n=outer)
            with dsl.ParallelFor([1, 2, 3]) as inner:
                made = parts.number(n=inner)
                dataset = parts.data()
        parts.typed(many=dsl.Collected(made.output))
        parts.use_all(given=dsl.Collected(dataset.output))

    played = play(nested)
    assert played.works["typed"].parameters["many"] == [1, 2, 3, 1, 2, 3]
    uris = [artifact.uri for artifact in played.works["use-all"].artifacts["given"]]
    assert len(uris) == 6
    assert uris == sorted(uris)


def test_an_inner_loop_goes_over_a_field_of_the_outer_item_and_sees_the_item(play, parts):
    def nested():
        with dsl.ParallelFor([{"many": [1, 2]}, {"many": [3]}]) as outer:
            with dsl.ParallelFor(outer.many) as inner:
                parts.number(n=inner)
        with dsl.ParallelFor(["a", "b"]) as outer:
            with dsl.ParallelFor([1, 2]) as inner:
                parts.word(text=outer).after(parts.number(n=inner))

    works = play(nested).works
    assert [work.parameters["n"] for id_, work in works.items() if id_.startswith("for-loop-2")] == [1, 2, 3]
    assert [work.parameters["text"] for id_, work in works.items() if id_.endswith("word")] == ["a", "a", "b", "b"]


def test_artifacts_are_collected_and_looped_over(play, parts):
    @dsl.pipeline
    def many() -> List[dsl.Dataset]:
        with dsl.ParallelFor(["a", "b", "c"]) as text:
            made = parts.data(text=text)
        return dsl.Collected(made.output)

    def loop():
        with dsl.ParallelFor(many().output, parallelism=1) as dataset:
            parts.use(given=dataset)

    played = play(loop)
    uses = [work for work in played.works.values() if work.component == "use"]
    assert [work.id for work in uses] == [f"for-loop-1[{i}]/use" for i in range(3)]
    assert [work.artifacts["given"][0].metadata["text"] for work in uses] == ["a", "b", "c"]


def test_no_items_are_no_iterations_and_an_empty_list(play, parts):
    def empty(numbers: list = []):
        with dsl.ParallelFor(numbers) as item:
            made = parts.number(n=item)
        parts.typed(many=dsl.Collected(made.output))

    played = play(empty)
    assert played.order == ["typed"]
    assert played.works["typed"].parameters["many"] == []
    assert played.planner.fate is Fate.SUCCEEDED


def test_one_failed_iteration_fails_the_loop_after_the_others_ended(play, parts):
    def loop():
        with dsl.ParallelFor([1, 2, 3]) as item:
            made = parts.number(n=item)
        parts.typed(many=dsl.Collected(made.output))

    played = play(loop, failing=("for-loop-2[1]/number",))
    assert played.fates == {
        "for-loop-2[0]/number": Fate.SUCCEEDED,
        "for-loop-2[1]/number": Fate.FAILED,
        "for-loop-2[2]/number": Fate.SUCCEEDED,
        "typed": Fate.SKIPPED,
    }
    assert played.planner.fate is Fate.FAILED


def test_a_condition_inside_a_loop_is_decided_for_each_item(play, parts):
    def loop():
        with dsl.ParallelFor([1, 2, 3]) as item:
            with dsl.If(item > 1):
                parts.number(n=item)

    played = play(loop)
    assert {task for task, fate in played.fates.items() if fate is Fate.SUCCEEDED} == {
        "for-loop-2[1]/condition-3/number",
        "for-loop-2[2]/condition-3/number",
    }
    assert played.fates["for-loop-2[0]/condition-3/number"] is Fate.SKIPPED


def test_collecting_leaves_out_the_items_whose_task_was_skipped(play, parts):
    def loop():
        with dsl.ParallelFor([1, 2, 3]) as item:
            with dsl.If(item > 1):
                made = parts.number(n=item)
        parts.typed(many=dsl.Collected(made.output))

    assert play(loop).works["typed"].parameters["many"] == [2, 3]


def test_a_loop_whose_items_cannot_be_made_out_fails_what_is_in_it(play, parts):
    def loop():
        with dsl.ParallelFor([1]) as item:
            parts.number(n=item)
        with dsl.ParallelFor(parts.items().output) as item:
            parts.number(n=item.a)

    played = play(loop, answers={"items": [{"b": 1}]})
    assert played.fates["for-loop-3[0]/number-2"] is Fate.FAILED
    assert "there is no 'a'; there is b" in played.why["for-loop-3[0]/number-2"]

    played = play(loop, answers={"items": [5]})
    assert played.fates["for-loop-3/number-2"] is Fate.FAILED
    assert played.why["for-loop-3/number-2"] == "for-loop-3: item 0 of its loop: 5 is not a mapping"
    assert played.fates["for-loop-2[0]/number"] is Fate.SUCCEEDED


def test_an_item_of_the_wrong_type_fails_the_task_that_takes_it(play, parts):
    def loop(numbers: list = [1, "two"]):
        with dsl.ParallelFor(numbers) as item:
            parts.number(n=item)

    played = play(loop)
    assert played.fates == {"for-loop-1[0]/number": Fate.SUCCEEDED, "for-loop-1[1]/number": Fate.FAILED}
    assert played.why["for-loop-1[1]/number"] == "its input 'n': 'two' is not a whole number"


def test_a_thousand_items_are_planned(spec_of, play, parts):
    def loop(numbers: list):
        with dsl.ParallelFor(numbers) as item:
            made = parts.number(n=item)
            parts.word().after(made)
        parts.typed(many=dsl.Collected(made.output))

    spec = spec_of(loop)
    played = play(spec, {"numbers": list(range(1000))})
    assert played.works["typed"].parameters["many"] == list(range(1000))
    assert len(played.order) == 2001
