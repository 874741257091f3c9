"""Dependencies, constants, run parameters, graphs in graphs: what every pipeline has."""
# ruff: noqa: B006, RUF013, PLR0917 - kfp reads signatures, defaults and annotations as they are

import pytest
from kfp import dsl

from penstock.running.planner import Planner
from penstock.running.work import Fate, Outputs
from penstock.sdk import BadInput
from penstock.sdk.executor import RuntimeArtifact


def test_tasks_wait_for_what_they_need_and_get_its_outputs(play, parts):
    def chain(n: int = 4):
        first = parts.number(n=n)
        second = parts.number(n=first.output)
        parts.word(text="alone").after(second)

    played = play(chain)

    assert played.order == ["number", "number-2", "word"]
    assert played.works["number-2"].parameters == {"n": 4}
    assert played.works["number-2"].upstream == ("number",)
    assert played.planner.fate is Fate.SUCCEEDED
    assert set(played.fates.values()) == {Fate.SUCCEEDED}


def test_independent_tasks_are_ready_together(play, parts):
    def wide():
        for _ in range(5):
            parts.number()

    assert play(wide).widest == 5


def test_values_have_the_type_that_the_component_declares(play, parts):
    def types(
        text: str = "s",
        whole: int = 2,
        real: float = 2.0,
        yes: bool = False,
        many: list = [1.0, 2.5],
        deep: dict = {"b": {"c": [3]}},
    ):
        parts.typed(text=text, whole=whole, real=real, yes=yes, many=many, deep=deep)
        parts.typed()
        parts.typed(whole=7, real=7.0, many=[], deep={})

    works = play(types).works

    given = works["typed"].parameters
    assert given == {"text": "s", "whole": 2, "real": 2.0, "yes": False, "many": [1, 2.5], "deep": {"b": {"c": [3]}}}
    assert isinstance(given["whole"], int)
    assert isinstance(given["real"], float)
    assert isinstance(given["deep"]["b"]["c"][0], int)
    defaults = {"text": "t", "whole": 1, "real": 1.5, "yes": True, "many": [1, 2], "deep": {"a": 1}}
    assert works["typed-2"].parameters == defaults
    assert works["typed-3"].parameters["many"] == []
    assert isinstance(works["typed-3"].parameters["real"], float)


def test_graphs_in_graphs_pass_values_down_and_outputs_up(play, parts):
    @dsl.pipeline
    def innermost(text: str) -> dsl.Dataset:
        return parts.data(text=text).output

    @dsl.pipeline
    def inner(text: str, unused: int = 1) -> dsl.Dataset:
        return innermost(text=text).output

    def outer(text: str = "deep") -> str:
        made = inner(text=text)
        parts.use(given=made.output)
        return parts.word(text=text).output

    played = play(outer, {"text": "very"})

    assert played.order == ["word", "inner/innermost/data", "use"]
    assert played.works["inner/innermost/data"].parameters == {"text": "very"}
    artifact = played.works["use"].artifacts["given"][0]
    assert (artifact.uri, artifact.metadata) == ("/store/inner/innermost/data/made", {"text": "very"})
    assert played.planner.outputs.parameters == {"Output": "very"}


def test_settings_of_a_task_travel_with_its_work(play, parts):
    def settings():
        task = parts.number()
        task.set_retry(3, backoff_duration="2s", backoff_factor=3, backoff_max_duration="60s")
        task.set_caching_options(False).set_cpu_limit("500m").set_memory_limit("512Mi")
        task.set_env_variable("MODE", "fast").set_display_name("Count")
        parts.number()

    works = play(settings).works
    work, plain = works["number"], works["number-2"]

    assert (work.retries, work.backoff_seconds, work.backoff_factor, work.backoff_max_seconds) == (3, 2.0, 3.0, 60.0)
    assert (work.cacheable, work.task, work.component) == (False, "Count", "number")
    assert (work.container.cpu_limit, work.container.memory_limit_bytes) == (0.5, 512 * 2**20)
    assert dict(work.container.env) == {"MODE": "fast"}
    assert (plain.cacheable, plain.retries, plain.container.cpu_limit) == (True, 0, None)


def test_limits_may_be_parameters(play, parts):
    def limits(cores: str = "1500m", memory: str = "2G"):
        parts.number().set_cpu_limit(cores).set_memory_limit(memory)

    container = play(limits, {"cores": "250m"}).works["number"].container
    assert (container.cpu_limit, container.memory_limit_bytes) == (0.25, 2_000_000_000)


def test_an_optional_input_without_a_value_is_absent_and_one_with_a_default_has_it(play, parts):
    def optionals(text: str = None, other: str = None):
        parts.optional(text=text, default=other)

    assert play(optionals).works["optional"].parameters == {"default": "d"}
    work = play(optionals, {"text": "t", "other": "o"}).works["optional"]
    assert work.parameters == {"text": "t", "default": "o"}
    assert work.artifacts == {}


def test_text_may_hold_other_values(play, parts):
    def texts(n: int = 2):
        parts.word(text=f"epoch {parts.number(n=n).output} of {n}")

    assert play(texts, {"n": 5}).works["word"].parameters == {"text": "epoch 5 of 5"}


def test_a_failed_task_stops_only_what_needs_it(play, parts):
    def forked():
        bad = parts.number()
        parts.number(n=bad.output)
        parts.word(text="still").after(parts.word(text="fine"))

    played = play(forked, failing=("number",))

    assert played.planner.fate is Fate.FAILED
    assert played.fates == {
        "number": Fate.FAILED,
        "number-2": Fate.SKIPPED,
        "word": Fate.SUCCEEDED,
        "word-2": Fate.SUCCEEDED,
    }
    assert played.why["number"] == "it broke"
    assert played.why["number-2"] == "needs 'number', which failed"


def test_python_components_and_settings_for_clusters_are_read_as_well(spec_of, parts):
    from kfp import kubernetes

    @dsl.component(base_image="img")
    def add(a: int, b: int = 2) -> int:
        return a + b

    def adding(a: int = 1) -> int:
        task = add(a=a)
        kubernetes.use_secret_as_env(task, "token", {"key": "TOKEN"})
        return task.output

    spec = spec_of(adding)
    planner = Planner(spec)
    (work,) = planner.ready()
    assert (work.parameters, work.output_parameters) == ({"a": 1, "b": 2}, {"Output": "NUMBER_INTEGER"})
    assert work.container.args[:2] == ("--executor_input", "{{$}}")
    assert "secretAsEnv" in spec.platform["kubernetes"]["deploymentSpec"]["executors"]["exec-add"]
    planner.finished("add", Outputs({"Output": "3"}))
    assert planner.outputs.parameters == {"Output": 3}


def test_an_input_artifact_of_the_pipeline_must_be_given(spec_of, parts):
    def needy(given: dsl.Input[dsl.Dataset]):
        parts.use(given=given)

    spec = spec_of(needy)
    with pytest.raises(BadInput, match="the pipeline needs the input artifact 'given', and none was given"):
        Planner(spec)
    artifact = RuntimeArtifact(name="given", uri="/here")
    (work,) = Planner(spec, artifacts={"given": (artifact,)}).ready()
    assert work.artifacts == {"given": (artifact,)}


def test_trying_a_graph_again_is_refused_by_name(spec_of, parts):
    @dsl.pipeline
    def inner():
        parts.number()

    def outer():
        inner().set_retry(2)

    with pytest.raises(BadInput, match=r"root\.dag\.tasks\.inner\.retryPolicy: only a container is tried again"):
        spec_of(outer)


def test_an_output_of_the_wrong_type_fails_the_task_that_made_it(play, parts):
    def chain():
        parts.number(n=parts.number().output)

    assert play(chain, answers={"number": "8"}).works["number-2"].parameters == {"n": 8}
    played = play(chain, answers={"number": "many"})
    assert played.fates == {"number": Fate.FAILED, "number-2": Fate.SKIPPED}
    assert played.why["number"] == "an output parameter is wrong: 'many' is not a whole number"


def test_an_output_that_was_not_made_skips_what_needs_it(spec_of, parts):
    def chain():
        parts.use(given=parts.data().output)

    planner = Planner(spec_of(chain))
    planner.finished(planner.ready()[0].id, Outputs())
    assert planner.done
    assert planner.ended()[1].why == "needs 'made' of 'data', which was not made"


def test_ends_of_what_is_not_under_way_are_refused(spec_of, parts):
    def one():
        parts.number()

    planner = Planner(spec_of(one))
    with pytest.raises(KeyError):
        planner.finished("nubmer", Outputs())
    planner.finished("number", Outputs({"out": 1}))
    with pytest.raises(KeyError):
        planner.failed("number", "again")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tex": "a"}, "there is no run parameter 'tex'. Did you mean 'text'?"),
        ({"text": "a", "n": 1.5}, "run parameter 'n': 1.5 is not a whole number"),
        ({"text": "a", "n": True}, "run parameter 'n': True is not a whole number"),
        ({"text": 3}, "run parameter 'text': 3 is not a string"),
        ({}, "the run parameter 'text' has no value. Set it: --set text=..."),
    ],
)
def test_wrong_run_parameters_are_refused_in_one_line(spec_of, parts, parameters, message):
    def strict(text: str, n: int = 1):
        parts.word(text=text)
        parts.number(n=n)

    with pytest.raises(BadInput) as error:
        Planner(spec_of(strict), parameters)
    assert message in str(error.value)
