"""What is done to a cluster's recurring runs, and above all what is not."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from penstock.kubeflow.records import RecurringRun
from penstock.kubeflow.schedules.plan import Found, Mark, Plan, Verb, Wanted, describe, mark_of, plan

NIGHTLY = Wanted("nightly", {"cron": "0 0 4 * * *", "version": "sha256-1"})


def there(wanted: Wanted, id_: str = "1", *, enabled: bool = True, busy: bool = False) -> Found:
    return Found(id_, Mark("penstock", wanted.name, wanted.digest), wanted.shape, enabled, busy)


def verbs(made: Plan) -> list[tuple[str, str]]:
    return [(str(step.verb), step.id) for step in made.steps]


def test_a_new_schedule_is_created_and_then_left_alone() -> None:
    assert verbs(plan([NIGHTLY], [], prune=True)) == [("create", "")]
    assert plan([NIGHTLY], [there(NIGHTLY)], prune=True) == Plan((), (), ())


def test_a_changed_schedule_is_disabled_made_anew_and_deleted() -> None:
    old = there(replace(NIGHTLY, shape={"cron": "0 0 3 * * *"}), "old")
    made = plan([NIGHTLY], [old], prune=False)
    assert verbs(made) == [("disable", "old"), ("create", ""), ("delete", "old")]
    assert made.changes == (("nightly", {"cron": "0 0 3 * * *", "enabled": True}, {**NIGHTLY.shape, "enabled": True}),)


def test_what_runs_is_never_ended_by_a_change() -> None:
    changed = replace(NIGHTLY, shape={"cron": "0 0 3 * * *"})
    old = there(changed, "old", busy=True)
    made = plan([NIGHTLY], [old], prune=False)
    assert verbs(made) == [("disable", "old"), ("create", "")]
    assert "runs of it are under way, so a later apply deletes it (old)" in made.notes[0]
    still = plan([NIGHTLY], [replace(old, enabled=False), there(NIGHTLY, "new")], prune=False)
    assert (verbs(still), len(still.notes)) == ([], 1)
    after = plan([NIGHTLY], [replace(old, enabled=False, busy=False), there(NIGHTLY, "new")], prune=False)
    assert verbs(after) == [("delete", "old")]


def test_an_apply_that_was_cut_off_is_finished_by_the_next() -> None:
    old = there(replace(NIGHTLY, shape={"cron": "0 0 3 * * *"}), "old", enabled=False)
    assert verbs(plan([NIGHTLY], [old], prune=False)) == [("create", ""), ("delete", "old")]


def test_of_two_that_two_applies_made_at_once_the_older_stays() -> None:
    made = plan([NIGHTLY], [there(NIGHTLY, "a"), there(NIGHTLY, "b")], prune=False)
    assert verbs(made) == [("disable", "b"), ("delete", "b")]


def test_enabled_is_changed_in_place_also_when_somebody_did_it_by_hand() -> None:
    off = replace(NIGHTLY, enabled=False)
    assert off.digest == NIGHTLY.digest
    assert verbs(plan([off], [there(NIGHTLY)], prune=False)) == [("disable", "1")]
    assert verbs(plan([NIGHTLY], [there(NIGHTLY, enabled=False)], prune=False)) == [("enable", "1")]


def test_what_is_gone_is_deleted_only_when_that_is_asked_for() -> None:
    made = plan([], [there(NIGHTLY)], prune=False)
    assert (verbs(made), made.notes) == ([], ("nightly: is declared no more; --prune deletes it",))
    assert verbs(plan([], [there(NIGHTLY)], prune=True)) == [("disable", "1"), ("delete", "1")]
    busy = plan([], [there(NIGHTLY, busy=True)], prune=True)
    assert verbs(busy) == [("disable", "1")]
    assert "a later apply deletes it" in busy.notes[0]


def test_the_mark_survives_whatever_people_write_before_it() -> None:
    wanted = replace(NIGHTLY, description='Trains "every" night [penstock {"owner": "x"}]\n{}')
    run = RecurringRun(recurring_run_id="1", description=describe(wanted, "team/a"))
    assert mark_of(run) == Mark("team/a", "nightly", wanted.digest)
    for text in ("", "by hand", "[penstock {}]", "[penstock {not json}]", "[penstock []]", '[penstock {"owner": 1}]'):
        assert mark_of(RecurringRun(recurring_run_id="1", description=text)) is None


_shapes = st.sampled_from([{"cron": "0 0 1 * * *"}, {"cron": "0 0 2 * * *"}])
_wanted = st.dictionaries(st.sampled_from("abc"), st.tuples(_shapes, st.booleans()), max_size=3)
_found = st.lists(st.tuples(st.sampled_from("abcd"), _shapes, st.booleans(), st.booleans()), max_size=6)


@given(_wanted, _found, st.booleans())
def test_applying_a_plan_leaves_nothing_to_do_and_never_ends_what_runs(
    declared: dict[str, tuple[dict[str, str], bool]], present: list[tuple[str, dict[str, str], bool, bool]], prune: bool
) -> None:
    wanted = [Wanted(name, shape, enabled) for name, (shape, enabled) in declared.items()]
    found = [
        there(Wanted(name, shape), str(number), enabled=enabled, busy=busy)
        for number, (name, shape, enabled, busy) in enumerate(present)
    ]
    after = list(found)
    by_name = {each.name: each for each in wanted}
    for step in plan(wanted, found, prune=prune).steps:
        match step.verb:
            case Verb.CREATE:
                after.append(there(by_name[step.name], "new-" + step.name, enabled=by_name[step.name].enabled))
            case Verb.DELETE:
                (gone,) = [each for each in after if each.id == step.id]
                assert not gone.busy
                assert not gone.enabled
                after.remove(gone)
            case _:
                after = [
                    replace(each, enabled=step.verb is Verb.ENABLE) if each.id == step.id else each for each in after
                ]
    assert plan(wanted, after, prune=prune).steps == ()
    for each in wanted:
        right = [other for other in after if other.mark.name == each.name and other.mark.digest == each.digest]
        assert [other.enabled for other in right if other.enabled] == ([True] if each.enabled else [])
