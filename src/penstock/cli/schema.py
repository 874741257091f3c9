"""`penstock schema`: what newer data would change in a reviewed schema, and accepting it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.output import console, json_option, print_json, print_table
from penstock.cli.store import open_lineage

if TYPE_CHECKING:
    from penstock.authoring.schema_review import Change
    from penstock.authoring.schema_review_data import Reviewed

run_option = click.option("--run", "run", metavar="RUN", default="", help="The run; the newest with statistics.")


@click.group(name="schema", short_help="Review a pipeline's schema against newer data.")
def command() -> None:
    """Review a pipeline's schema against what a run has seen, compare schemas, accept changes.

    \b
    Examples:
      penstock schema review flights
      penstock schema accept flights --feature carrier
    """


@command.command(name="review")
@click.argument("pipeline")
@run_option
@json_option
@click.pass_obj
def review_(home: Path, pipeline: str, run: str, as_json: bool) -> None:
    """Say what the data of a run would change in the schema of PIPELINE, and write nothing.

    `relax`: without the change such data are refused, or rows of them are set aside. `tighten`: the schema allows what
    the data never show.

    \b
    Examples:
      penstock schema review flights
      penstock schema review flights --run latest --json
    """
    reviewed, run_id, changes = _review(home, pipeline, run)
    if as_json:
        print_json({"schema": str(reviewed.path), "run": run_id, "changes": [_plain(change) for change in changes]})
        return
    _show(changes)
    console().print(f"{'' if changes else 'nothing to change: '}{reviewed.path.name} against run {run_id}")


@command.command(name="diff")
@click.argument("one")
@click.argument("other")
@json_option
@click.pass_obj
def diff(home: Path, one: str, other: str, as_json: bool) -> None:
    """Say what two schemas mean differently. Each is a file, a pipeline, or a run (the schema that it used).

    \b
    Examples:
      penstock schema diff flights latest
      penstock schema diff old/schema.pbtxt pipelines/flights/schema.pbtxt
    """
    from penstock.authoring.schema_review_diff import as_mapping, compare

    found = compare(_schema(home, one), _schema(home, other))
    if as_json:
        print_json({"one": one, "other": other, "differences": as_mapping(found)})
        return
    if found:
        print_table(["feature", "what", one, other], [[d.feature, d.what, d.one, d.other] for d in found])
    else:
        console().print("they mean the same")


@command.command(name="accept")
@click.argument("pipeline")
@click.option("--feature", "features", metavar="NAME", multiple=True, help="Changes of this feature; may be repeated.")
@click.option("--relax", is_flag=True, help="Only changes that let more pass.")
@click.option("--tighten", is_flag=True, help="Only changes that let less pass.")
@run_option
@json_option
@click.pass_obj
def accept(
    home: Path, pipeline: str, features: tuple[str, ...], relax: bool, tighten: bool, run: str, as_json: bool
) -> None:
    """Write changes that `penstock schema review` proposes into the schema of PIPELINE; nothing else in it changes.

    \b
    Examples:
      penstock schema accept flights --feature carrier
      penstock schema accept flights --relax
    """
    from penstock.authoring.schema_review import chosen
    from penstock.authoring.schema_review_text import write

    if not (features or relax or tighten):
        raise click.UsageError("Say which: --feature NAME, --relax, --tighten.", click.get_current_context())
    reviewed, run_id, changes = _review(home, pipeline, run)
    wanted = chosen(changes, features, relax=relax, tighten=tighten)
    write(reviewed.path, reviewed.text, [change.edit for change in wanted])
    if as_json:
        accepted = [_plain(change) for change in wanted]
        print_json({"schema": str(reviewed.path), "run": run_id, "accepted": accepted})
        return
    _show(wanted)
    if wanted:
        console().print(f"{reviewed.path.name}: {len(wanted)} of {len(changes)} changes accepted")
        console().print(f"Look at them with `git diff`, then: penstock compile {reviewed.path.parent.name}")
    else:
        console().print(f"nothing to accept: {reviewed.path.name} against run {run_id}")


def _review(home: Path, pipeline: str, run: str) -> tuple[Reviewed, str, list[Change]]:
    from penstock.authoring.config import read_config
    from penstock.authoring.discovery import find_pipeline
    from penstock.authoring.schema_review import review
    from penstock.authoring.schema_review_data import read_reviewed, seen_by

    folder = find_pipeline(pipeline)
    reviewed = read_reviewed(folder)
    seen = seen_by(open_lineage(home), read_config(folder).file.name, run)
    return reviewed, seen.run_id, review(reviewed.schema, seen.observed)


def _schema(home: Path, named: str) -> Any:
    """The schema that a word means: a file, a pipeline's, or a run's."""
    from penstock.authoring.discovery import find_pipelines
    from penstock.authoring.schema_review_data import read_reviewed, read_schema_file, schema_of_run

    if Path(named).suffix or "/" in named:
        path = Path(named)
        return read_reviewed(path).schema if path.is_dir() else read_schema_file(path).schema
    folder = find_pipelines().get(named.replace("-", "_"))
    return read_reviewed(folder).schema if folder else schema_of_run(open_lineage(home), named)


def _show(changes: list[Change]) -> None:
    if changes:
        rows = [[c.feature, c.aspect, c.says, c.shows, c.direction] for c in changes]
        print_table(["feature", "about", "the schema says", "the data show", "change"], rows)


def _plain(change: Change) -> dict[str, str]:
    return {name: str(getattr(change, name)) for name in ("feature", "aspect", "says", "shows", "direction")}
