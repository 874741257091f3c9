"""What holds for every graph: it ends, nothing starts twice, nothing starts before what it needs."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.running.binding import select
from penstock.running.expressions import Expression
from penstock.running.pipeline_spec import (
    ROOT,
    Binding,
    Component,
    Constant,
    ContainerExecutor,
    Dag,
    FromInput,
    FromTask,
    Loop,
    ParameterDef,
    PipelineSpec,
    Task,
)
from penstock.running.planner import Planner
from penstock.running.values import ParameterType
from penstock.running.work import Ended, Fate, Outputs, Work

WHOLE = ParameterDef(ParameterType.NUMBER_INTEGER)
LEAF = Component(
    "leaf",
    ContainerExecutor("img", ("leaf",)),
    parameters={"n": ParameterDef(ParameterType.NUMBER_INTEGER, 1, optional=True)},
    output_parameters={"out": WHOLE},
)
TRUE, FALSE = (Expression(f"int(inputs.parameter_values['n']) == {n}") for n in (1, 2))


@st.composite
def graphs(draw: st.DrawFn, depth: int = 2) -> dict[str, Component]:
    """A pipeline of nested graphs, loops, conditions, and tasks that run whatever happens."""
    components = {"leaf": LEAF}
    components[ROOT] = draw(_graph(components, depth, ROOT))
    return components


@st.composite
def _graph(draw: st.DrawFn, components: dict[str, Component], depth: int, name: str) -> Component:
    tasks: dict[str, Task] = {}
    for index in range(draw(st.integers(0 if depth == 0 else 1, 5))):
        kind = draw(st.sampled_from(["leaf", "leaf", "leaf", "graph", "loop"] if depth else ["leaf"]))
        component = "leaf"
        if kind != "leaf":
            component = f"{name}-{index}"
            components[component] = draw(_graph(components, depth - 1, component))
        before = draw(st.lists(st.sampled_from(sorted(tasks)), unique=True, max_size=3)) if tasks else []
        feeds = [each for each in before if tasks[each].component == "leaf"]
        source = FromTask(feeds[0], "out") if feeds and draw(st.booleans()) else Constant(1)
        tasks[f"t{index}"] = Task(
            name=f"t{index}",
            display_name=f"t{index}",
            component=component,
            parameters={"n": Binding(source)},
            after=tuple(before),
            condition=draw(st.sampled_from([None, None, TRUE, FALSE])),
            whatever_happens=draw(st.integers(0, 4)) == 0,
            loop=Loop("n", items=tuple(range(draw(st.integers(0, 3)))), limit=draw(st.integers(0, 2)))
            if kind == "loop"
            else None,
        )
    return Component(name, Dag(tasks), parameters={"n": ParameterDef(ParameterType.NUMBER_INTEGER, 1, optional=True)})


def run(spec: PipelineSpec, choose: st.DataObject, **options: object) -> tuple[Planner, list[Work], list[Ended]]:
    """Run a pipeline; which work ends next, and whether well, is drawn."""
    planner = Planner(spec, **options)  # type: ignore[arg-type]
    works: list[Work] = []
    under_way: list[Work] = []
    ended: list[Ended] = []
    while True:
        for work in planner.ready():
            ended += planner.ended()
            ends = {end.id: end.fate for end in ended}
            _all_needs_are_met(spec, work, ends, {one.id for one in under_way})
            works.append(work)
            under_way.append(work)
        assert planner.done == (not under_way)
        if not under_way:
            break
        work = under_way.pop(choose.draw(st.integers(0, len(under_way) - 1)))
        if choose.draw(st.integers(0, 5)) == 0:
            planner.failed(work.id, "drawn")
        else:
            planner.finished(work.id, Outputs({"out": 1}))
    return planner, works, ended + planner.ended()


def _all_needs_are_met(spec: PipelineSpec, work: Work, ends: Mapping[str, Fate], under_way: set[str]) -> None:
    """What a work waits for has ended with all that is in it, and well unless the work runs whatever happens."""
    prefix, _, name = work.id.rpartition("/")
    tasks = dict(spec.walk())
    task = tasks["/".join(part.partition("[")[0] for part in work.id.split("/"))]
    assert task.name == name
    for upstream in task.upstream:
        upstream_id = f"{prefix}/{upstream}" if prefix else upstream
        if upstream_id in ends and not task.whatever_happens:
            assert ends[upstream_id] is Fate.SUCCEEDED
        assert not any(other.startswith((f"{upstream_id}/", f"{upstream_id}[")) for other in under_way)
        static = "/".join(part.partition("[")[0] for part in upstream_id.split("/"))
        if tasks[static].component == "leaf":
            assert upstream_id in ends


@settings(max_examples=150)
@given(graphs(), st.data())
def test_every_graph_ends_with_every_work_handed_out_once(components, choose):
    planner, works, ended = run(PipelineSpec("p", components), choose)

    assert planner.done
    assert len({work.id for work in works}) == len(works)
    assert len({end.id for end in ended}) == len(ended)
    assert {work.id for work in works} <= {end.id for end in ended}
    assert all(end.why for end in ended if end.fate is not Fate.SUCCEEDED)
    assert (planner.fate is Fate.FAILED) == any(end.fate is Fate.FAILED for end in ended)
    assert not planner.ready()
    assert not planner.ended()


@settings(max_examples=60)
@given(graphs(), st.data())
def test_a_selection_runs_a_part_of_what_the_whole_would(components, choose):
    spec = PipelineSpec("p", components)
    paths = sorted(path for path, _ in spec.walk())
    chosen = choose.draw(st.sampled_from(paths))
    selection = select(spec, until=chosen)
    assert selection is not None

    planner, works, ended = run(spec, choose, selection=selection)

    assert planner.done
    assert all(selection.may_execute(work.id) for work in works)
    assert all(selection.may_execute(end.id) for end in ended)


@settings(max_examples=40)
@given(graphs(), st.integers(0, 2**32))
def test_the_same_ends_give_the_same_plan(components, seed):
    def ids() -> list[str]:
        planner, order, under_way, draw = Planner(PipelineSpec("p", components)), [], [], seed
        while True:
            under_way += [work.id for work in planner.ready()]
            if not under_way:
                return order
            draw = (draw * 1103515245 + 12345) % 2**31
            order.append(under_way.pop(draw % len(under_way)))
            planner.finished(order[-1], Outputs({"out": 1}))

    assert ids() == ids()


def test_a_long_chain_is_planned_without_recursion():
    def link(index: int) -> Task:
        parameters = {"n": Binding(FromTask(f"t{index - 1}", "out"))} if index else {}
        return Task(f"t{index}", f"t{index}", "leaf", parameters=parameters)

    chain = Dag({f"t{index}": link(index) for index in range(3000)})
    spec = PipelineSpec("p", {"leaf": LEAF, ROOT: Component(ROOT, chain)})
    planner = Planner(spec)
    (first,) = planner.ready()
    planner.failed(first.id, "broken")
    assert planner.done
    assert len(planner.ended()) == 3000


def test_a_parameter_goes_through_a_deep_nest_of_graphs():
    components = {"leaf": LEAF}
    inner = "leaf"
    for depth in range(50):
        task = Task("t", "t", inner, parameters={"n": Binding(FromInput("n"))})
        inner = f"g{depth}"
        components[inner] = Component(inner, Dag({"t": task}), parameters={"n": WHOLE})
    components[ROOT] = components.pop(inner)
    planner = Planner(PipelineSpec("p", components), {"n": 7})
    (work,) = planner.ready()
    assert work.parameters == {"n": 7}
    planner.finished(work.id, Outputs())
    assert planner.fate is Fate.SUCCEEDED


def test_empty_graphs_and_loops_over_them_end_once():
    empty = Component("empty", Dag({}), parameters={"n": WHOLE})
    tasks = {
        "loop": Task("loop", "loop", "empty", loop=Loop("n", items=(1, 2))),
        "graph": Task("graph", "graph", "empty", parameters={"n": Binding(Constant(1))}),
        "leaf": Task("leaf", "leaf", "leaf", after=("loop", "graph")),
        "other": Task("other", "other", "leaf"),
    }
    planner = Planner(PipelineSpec("p", {"leaf": LEAF, "empty": empty, ROOT: Component(ROOT, Dag(tasks))}))
    assert [work.id for work in planner.ready()] == ["other", "leaf"]
    planner.finished("leaf", Outputs())
    assert not planner.done
    planner.finished("other", Outputs())
    assert planner.fate is Fate.SUCCEEDED
    assert not Planner(PipelineSpec("p", {ROOT: Component(ROOT, Dag({}))})).ready()
