"""What a run may set and which tasks take part: `--set`, `--only`, `--until`."""

import pytest
from kfp import dsl

from penstock.running.binding import bind, select, settable, static_path
from penstock.running.planner import Planner
from penstock.running.work import Fate
from penstock.sdk import BadInput


@pytest.fixture
def spec(spec_of, parts):
    @dsl.pipeline
    def inner(epochs: int, title: str = "t"):
        parts.number(n=epochs).set_display_name("Train it")
        parts.word(text=title)

    def outer(train_epochs: int = 3, gate: str = "open", rates: list = [0.1], quick: bool = False):  # noqa: B006
        inner(epochs=train_epochs, title=gate)
        parts.word(text="fixed")
        with dsl.If(gate == "open"):
            parts.typed(many=rates, yes=quick, text=gate)

    return spec_of(outer)


def test_a_setting_finds_the_run_parameter_behind_a_task_at_any_depth(spec):
    assert bind(spec, {"number.n": "5"}) == {"train_epochs": 5}
    assert bind(spec, {"Train it.n": "5"}) == {"train_epochs": 5}
    assert bind(spec, {"inner/number.n": "5"}) == {"train_epochs": 5}
    assert bind(spec, {"inner.epochs": "5", "train_epochs": "5"}) == {"train_epochs": 5}
    assert bind(spec, {"typed.many": "[1, 2.5]", "typed.yes": "true"}) == {"rates": [1, 2.5], "quick": True}
    assert bind(spec, {}) == {}


def test_what_was_set_reaches_the_task(spec, play):
    played = play(spec, bind(spec, {"number.n": "5", "typed.text": "open"}))
    assert played.works["inner/number"].parameters == {"n": 5}
    assert played.planner.parameters == {"train_epochs": 5, "gate": "open", "rates": [0.1], "quick": False}


def test_what_may_be_set_is_listed_without_the_names_that_kfp_made_up(spec):
    assert settable(spec) == {
        "inner.epochs": "train_epochs",
        "inner.title": "gate",
        "number.n": "train_epochs",
        "inner/word.text": "gate",
        "typed.many": "rates",
        "typed.yes": "quick",
        "typed.text": "gate",
    }


@pytest.mark.parametrize(
    ("setting", "text", "message"),
    [
        ("number.n", "five", "--set number.n: 'five' is not a whole number"),
        ("typed.many", "1,2", "--set typed.many: '1,2' is not a list"),
        ("number.m", "5", "task 'number' has no parameter 'm'. Its parameters: n"),
        ("typed.tex", "a", "task 'typed' has no parameter 'tex'. Did you mean 'text'?"),
        ("numbr.n", "5", "there is no task 'numbr'. Did you mean 'number.n'?"),
        ("train_epoch", "5", "there is no such run parameter. Did you mean 'train_epochs'?"),
        (
            "typed.whole",
            "5",
            "the pipeline does not let a run set it. What may be set: inner.epochs, inner.title, inner/word.text,",
        ),
        ("inner/word.n", "5", "task 'inner/word' has no parameter 'n'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_can(spec, setting, text, message):
    with pytest.raises(BadInput) as error:
        bind(spec, {setting: text})
    assert message in str(error.value)


def test_a_setting_from_a_file_is_refused_with_its_place(spec):
    with pytest.raises(BadInput) as error:
        bind(spec, {"number.n": "five"}, {"number.n": "run.yaml:3: number.n"})
    assert str(error.value) == "run.yaml:3: number.n: 'five' is not a whole number"


def test_a_list_of_what_may_be_set_names_everything_once(spec):
    with pytest.raises(BadInput) as error:
        bind(spec, {"xyzzy": "5"})
    listed = str(error.value).rpartition("Its settings: ")[2].split(", ")
    assert listed == sorted(settable(spec))


def test_settings_that_contradict_each_other_are_refused(spec):
    with pytest.raises(BadInput, match="'train_epochs' is set twice"):
        bind(spec, {"number.n": "5", "train_epochs": "6"})


def test_a_name_that_several_tasks_have_must_be_a_path(spec_of, parts):
    @dsl.pipeline
    def inner(text: str):
        parts.word(text=text)

    def outer(a: str = "a", b: str = "b"):
        inner(text=a)
        parts.word(text=b)

    spec = spec_of(outer)
    with pytest.raises(BadInput, match=r"several tasks are called 'word'\. Say which: inner/word, word"):
        bind(spec, {"word.text": "x"})
    assert bind(spec, {"inner/word.text": "x"}) == {"a": "x"}
    assert select(spec, until="word").tasks == {"word"}


def _graph(parts):
    @dsl.pipeline
    def prepare(n: int) -> int:
        made = parts.number(n=n)
        parts.word(text="beside").after(made)
        return made.output

    def graph(go: str = "yes"):
        clean = parts.final(note="bye")
        with dsl.ExitHandler(clean):
            prepared = prepare(n=4)
            gate = parts.word(text=go)
            with dsl.If(gate.output == "yes"):
                trained = parts.number(n=prepared.output).set_display_name("train")
                parts.use(given=parts.data().after(trained).output)
            parts.typed()

    return graph


NEEDED = {"prepare", "prepare/number", "prepare/word", "word"}
AROUND = {"exit-handler-1", "exit-handler-1/condition-2"}


def test_until_takes_what_the_task_needs_and_nothing_else(spec_of, play, parts):
    spec = spec_of(_graph(parts))
    selection = select(spec, until="train")
    train = "exit-handler-1/condition-2/number"
    assert selection.tasks == AROUND | {f"exit-handler-1/{task}" for task in NEEDED} | {train}
    assert selection.asked == selection.tasks

    played = play(spec, selection=selection)
    assert set(played.order) == {f"exit-handler-1/{task}" for task in NEEDED - {"prepare"}} | {train}
    assert played.works[train].parameters == {"n": 4}
    assert played.planner.fate is Fate.SUCCEEDED
    assert set(played.fates) == set(played.order)


def test_only_asks_for_one_task_and_names_what_must_be_cached(spec_of, parts):
    spec = spec_of(_graph(parts))
    selection = select(spec, only="train")
    assert selection.asked == {"exit-handler-1/condition-2/number"}
    assert selection.tasks == select(spec, until="train").tasks
    assert selection.may_execute("exit-handler-1/condition-2/number")
    assert not selection.may_execute("exit-handler-1/word")


def test_a_graph_that_is_asked_for_comes_with_all_that_is_in_it(spec_of, play, parts):
    spec = spec_of(_graph(parts))
    assert select(spec, only="prepare").asked == {
        "exit-handler-1/prepare",
        "exit-handler-1/prepare/number",
        "exit-handler-1/prepare/word",
    }
    assert play(spec, selection=select(spec, until="prepare")).order == [
        "exit-handler-1/prepare/number",
        "exit-handler-1/prepare/word",
    ]


def test_a_condition_may_still_skip_the_task_that_is_asked_for(spec_of, play, parts):
    spec = spec_of(_graph(parts))
    played = play(spec, {"go": "no"}, selection=select(spec, until="train"))
    assert played.fates["exit-handler-1/condition-2/number"] is Fate.SKIPPED
    assert "exit-handler-1/condition-2/data" not in played.fates


def test_iterations_of_a_selected_loop_all_take_part(spec_of, play, parts):
    def loop():
        with dsl.ParallelFor([1, 2]) as item:
            made = parts.number(n=item)
            parts.word().after(made)

    spec = spec_of(loop)
    selection = select(spec, until="number")
    assert play(spec, selection=selection).order == ["for-loop-2[0]/number", "for-loop-2[1]/number"]
    assert selection.may_execute("for-loop-2[1]/number")
    assert static_path("a[0]/b[12]/c") == "a/b/c"


def test_nothing_selected_is_everything(spec):
    assert select(spec) is None
    assert len(Planner(spec).ready()) == 4


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"until": "numbr"}, "there is no task 'numbr'. Did you mean 'number'?"),
        ({"only": "zzz"}, "there is no task 'zzz'. Its tasks: inner, number, typed, word"),
        ({"only": "typed", "until": "typed"}, "--only and --until say different things"),
    ],
)
def test_an_unknown_task_is_refused_with_the_nearest(spec, asked, message):
    with pytest.raises(BadInput) as error:
        select(spec, **asked)
    assert message in str(error.value)
