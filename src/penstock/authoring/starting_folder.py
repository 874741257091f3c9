"""Starting a pipeline: its folder, complete and compiled, or nothing at all.

The folder is made aside, held against every component's declaration, compiled, and only then put in its place. What it
was made of is remembered in it, so that it can be made again as long as nobody has changed a file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.artifacts.digest import digest_file
from penstock.authoring.compiling import compile_whole
from penstock.authoring.config import CONFIG_FILE, shown
from penstock.authoring.discovery import COMPILED_FILE, PIPELINES
from penstock.authoring.documents import run_parameter_table, with_section
from penstock.authoring.starting_readme import write_readme
from penstock.authoring.starting_schema import write_schema
from penstock.authoring.starting_yaml import write_yaml
from penstock.profiling.choices import Because, plain
from penstock.profiling.choosing import Choices
from penstock.profiling.profile import Profile
from penstock.sdk import BadInput, PenstockError
from penstock.strict_yaml import read_yaml

_NAME = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
_LONGEST_NAME = 50
_MADE = ".init.json"
"""Remembers what the files of a folder were when they were made."""


def check_name(name: str) -> str:
    """A new pipeline's name.

    Returns:
        The name with hyphens for underscores; its folder has it the other way round.

    Raises:
        BadInput: It cannot be a pipeline's name (caller's user).

    Example:
        >>> check_name("late_payers")
        'late-payers'
    """
    if "/" in name or os.sep in name or name in (".", ".."):
        raise BadInput(f"{name!r} is a path, and a pipeline has a name", f"Its folder will be {PIPELINES}/<name>")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise BadInput(
            f"{name!r} cannot be a pipeline's name",
            f"Use lower-case letters, digits and single hyphens, a letter first, at most {_LONGEST_NAME} characters",
        )
    return name.replace("_", "-")


def check_place(root: Path, name: str, *, force: bool) -> Path:
    """The folder of a new pipeline, found free.

    Args:
        root: The project.
        name: What `check_name` gave.
        force: Whether to take the place of a folder in which nothing has been changed since it was made.

    Raises:
        BadInput: Something is there already, or has been changed (caller's user).
    """
    folder = root / PIPELINES / name
    if (root / PIPELINES).exists() and not (root / PIPELINES).is_dir():
        raise BadInput(f"{shown(root / PIPELINES)} is not a folder", "Pipelines live in a folder of this name")
    if not folder.exists():
        return folder
    if not force:
        raise BadInput(f"{shown(folder)} exists", "Choose another name, or replace what init made with --force")
    changed = changed_files(folder)
    if changed:
        raise BadInput(f"{shown(folder)}: {changed} since init made it", "Choose another name, or remove the folder")
    return folder


def changed_files(folder: Path) -> str:
    """What was changed in a pipeline's folder since it was made; empty where nothing was."""
    try:
        made = json.loads((folder / _MADE).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return "it was not made by init, or is not as it was"
    present = {p.name: p for p in folder.iterdir() if p.name not in (_MADE, "__pycache__")}
    added = sorted(present.keys() - made.keys())
    gone = sorted(made.keys() - present.keys())
    edited = sorted(n for n in made.keys() & present.keys() if not _is(present[n], made[n]))
    parts = (("was edited", edited), ("was added", added), ("is gone", gone))
    return "; ".join(f"{', '.join(names)} {what}" for what, names in parts if names)


def start_pipeline(folder: Path, name: str, profile: Profile, choices: Choices) -> tuple[str, ...]:
    """Write a pipeline's folder.

    Args:
        folder: Where it is to be, found free by `check_place`.
        name: The name as the user wrote it.
        profile: What was seen of the table.
        choices: What follows from it.

    Returns:
        The names of the files that were written.

    Raises:
        BadInput: The pipeline could not be compiled, or its folder not be written; nothing is left of it (its message
            says what is wrong).
    """
    root = folder.parents[1]
    try:
        root.mkdir(parents=True, exist_ok=True)
        # Aside, in a project of its own: the folder has its right name, and nobody finds it.
        with tempfile.TemporaryDirectory(prefix=".penstock-init-", dir=root) as aside:
            new = Path(aside) / PIPELINES / folder.name
            new.mkdir(parents=True)
            _write(new, name, profile, choices)
            folder.parent.mkdir(exist_ok=True)
            _put(new, folder, Path(aside))
    except OSError as error:
        raise BadInput(
            f"{shown(folder)} cannot be written: {(error.strerror or str(error)).lower()}",
            "Go to a folder that you may write to, whose disk has space",
        ) from error
    return tuple(sorted(path.name for path in folder.iterdir() if path.name != _MADE))


def _write(folder: Path, name: str, profile: Profile, choices: Choices) -> None:
    values: dict[str, Any] = {
        "name": name,
        "description": choices.description,
        "run_may_set": Because(
            list(choices.run_may_set),
            f"What a run may set: `penstock run {name} --set train.epochs=2`, or the form in the Kubeflow UI.",
        ),
        "tasks": choices.tasks,
    }
    intro = (
        f"# The values of the pipeline {name}; the wiring is in pipeline.py. After a change: penstock compile {name}.\n"
    )
    texts = {
        "__init__.py": f'"""{choices.description}"""\n',
        "pipeline.py": _WIRING.format(name=name),
        CONFIG_FILE: intro + write_yaml(values),
        "schema.pbtxt": write_schema(profile, choices.uses),
        "README.md": write_readme(folder.name, profile, choices.uses),
    }
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    _check_written(folder, values)
    compiled = compile_whole(folder)
    (folder / COMPILED_FILE).write_text(compiled.text, encoding="utf-8")
    table = run_parameter_table(compiled.run_parameters.values())
    readme = with_section(texts["README.md"], "run parameters", table)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    made = {path.name: digest_file(path) for path in sorted(folder.iterdir())}
    (folder / _MADE).write_text(json.dumps({"files": made}, indent=1) + "\n", encoding="utf-8")


def _check_written(folder: Path, values: Mapping[str, Any]) -> None:
    """Refuse a file that does not say what was meant: whatever a table is called, its names stay names."""
    if read_yaml(folder / CONFIG_FILE).value != plain(values):
        raise PenstockError(f"{CONFIG_FILE} could not be written so that it can be read again")


def _put(new: Path, folder: Path, aside: Path) -> None:
    """Put a folder in its place; what was there before goes with the folder aside."""
    if folder.exists():
        folder.rename(aside / "before")
        try:
            new.rename(folder)
        except OSError:
            (aside / "before").rename(folder)
            raise
    else:
        new.rename(folder)


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and digest_file(path) == digest


_WIRING = '''\
"""Wiring of the pipeline {name}: from a table to a release bundle, through three gates."""

from components.data_validator.spec import SPEC as DATA_VALIDATOR
from components.evaluator.spec import SPEC as EVALUATOR
from components.infra_validator.spec import SPEC as INFRA_VALIDATOR
from components.ingest.spec import SPEC as INGEST
from components.pusher.spec import SPEC as PUSHER
from components.reporter.spec import SPEC as REPORTER
from components.trainer.spec import SPEC as TRAINER
from components.transform.spec import SPEC as TRANSFORM
from penstock.authoring import Pipeline


def build(p: Pipeline) -> None:
    """Add the tasks."""
    data = p.task("ingest", INGEST)
    checked = p.task("validate", DATA_VALIDATOR, examples=data["examples"])

    with p.when_open(checked):
        features = p.task("transform", TRANSFORM, examples=checked["accepted"], schema=checked["schema"])
        trained = p.task(
            "train",
            TRAINER,
            examples=checked["accepted"],
            transformed_examples=features["transformed_examples"],
            transform_graph=features["transform_graph"],
            schema=checked["schema"],
        )
        judged = p.task("evaluate", EVALUATOR, examples=checked["accepted"], model=trained["model"])
        proven = p.task("prove", INFRA_VALIDATOR, model=trained["model"])
        p.task(
            "report",
            REPORTER,
            statistics=checked["statistics"],
            anomalies=checked["anomalies"],
            model=trained["model"],
            evaluation=judged["evaluation"],
            blessing=judged["blessing"],
            infra_blessing=proven["blessing"],
        )

        with p.when_open(judged, proven):
            p.task(
                "push",
                PUSHER,
                model=trained["model"],
                schema=checked["schema"],
                transform_graph=features["transform_graph"],
                evaluation=judged["evaluation"],
                blessing=judged["blessing"],
                infra_blessing=proven["blessing"],
            )
'''
