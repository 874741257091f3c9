"""From `pipeline.py` and `pipeline.yaml` to kfp's PipelineSpec, as text that people review: `compiled.yaml`.

The same sources give the same bytes: keys are sorted, texts of several lines stand as blocks, whole numbers are
written without a fraction (as the cluster hands them over), and nothing of the machine or the hour is in it.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from penstock.artifacts.digest import digest_bytes
from penstock.authoring.config import Config, PipelineFile, read_config, shown
from penstock.authoring.discovery import COMPILED_FILE, load_pipeline
from penstock.authoring.freshness import mark, seal
from penstock.authoring.pipeline import Pipeline, WiringError
from penstock.authoring.placing import Place, Placement, on_cluster, on_laptop
from penstock.authoring.run_parameters import RunParameter, run_parameters
from penstock.profiles.cluster import ClusterProfile
from penstock.provenance.compiled import version_name
from penstock.sdk import BadInput, ComponentSpec, PenstockError
from penstock.sdk.entry import write_atomically
from penstock.strict_yaml import reads_as_text

_HEADER = """\
# Generated from {sources} by `penstock compile {name}`; do not edit.
# {description}
{mark}
{seal}
"""

Build = Callable[[Pipeline], None]


@dataclass(frozen=True)
class Compiled:
    """A compiled pipeline, and what is known of it."""

    text: str
    """The content of `compiled.yaml`: a PipelineSpec, behind it what is for Kubernetes alone, where there is any."""
    digest: str
    """Of everything in the text but its header: of what runs, whatever comments stand in the sources."""
    file: PipelineFile
    """The checked content of its `pipeline.yaml`."""
    documents: Sequence[dict[str, Any]]
    """The PipelineSpec, and the PlatformSpec where there is one, in the JSON form of protocol buffers."""
    components: Mapping[str, ComponentSpec]
    """The components by task."""
    run_parameters: Mapping[str, RunParameter]
    """What a run may set, by `task.parameter`."""

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.file.name

    @property
    def version_name(self) -> str:
        """What this very pipeline is called on a cluster."""
        return version_name(self.name, self.digest)


def compile_whole(folder: Path, images: Mapping[str, str] | None = None) -> Compiled:
    """Compile a pipeline as a laptop runs it.

    Args:
        folder: The pipeline's folder.
        images: Image references by environment name; `penstock/<environment>:<version>` for those not given.

    Raises:
        BadInput: The wiring or the values are wrong (the pipeline's author).
    """
    config = read_config(folder)
    return _compile(config, on_laptop(config, images or {}), "pipeline.py and pipeline.yaml")


def compile_for(folder: Path, profile: ClusterProfile) -> Compiled:
    """Compile a pipeline for a cluster: the same tasks with the same values, surrounded by what the profile says.

    Args:
        folder: The pipeline's folder.
        profile: The cluster.

    Raises:
        BadInput: The wiring or the values are wrong, or a task asks for what the cluster does not have (the pipeline's
            author); the profile lacks an image (the profile's author).
    """
    config = read_config(folder)
    place = on_cluster(config, profile, compile_whole(folder).digest if profile.lineage else "")
    return _compile(config, place, "pipeline.py, pipeline.yaml and a cluster's profile", profile.pipeline_root)


def _compile(config: Config, place: Place, sources: str, pipeline_root: str = "") -> Compiled:
    build = load_build(config.folder)
    # What a run may set is typed by the components that the tasks run, and those are known once it has been built.
    components = build_pipeline(config, build, {}, _anywhere)[0].components
    config.check_tasks(components)
    settable = run_parameters(config, components)
    _, made = build_pipeline(config, build, settable, place, pipeline_root)
    documents = _documents(made)
    content = yaml_text(documents)
    header = _HEADER.format(
        sources=sources,
        name=config.file.name,
        description=" ".join(config.file.description.split()),
        mark=mark(config.folder),
        seal=seal(content),
    )
    return Compiled(header + content, digest_bytes(content.encode()), config.file, documents, components, settable)


def _anywhere(_task: str, component: ComponentSpec) -> Placement:
    """Surround a task by nothing, where only what it runs is asked for."""
    return Placement(component.image)


def compile_pipeline(folder: Path, images: Mapping[str, str] | None = None) -> str:
    """The text of a pipeline's `compiled.yaml`, as `compile_whole` makes it."""
    return compile_whole(folder, images).text


def write_compiled(folder: Path) -> bool:
    """Write a pipeline's `compiled.yaml`.

    Returns:
        Whether that changed it.

    Raises:
        BadInput: The wiring or the values are wrong; nothing was written (the pipeline's author).
    """
    text = compile_pipeline(folder)
    path = folder / COMPILED_FILE
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_atomically(path, text)
    return True


def check_compiled(folder: Path) -> str:
    """Compare `compiled.yaml` with what would be compiled now.

    Returns:
        A unified diff; empty where it is up to date.

    Raises:
        BadInput: The wiring or the values are wrong (the pipeline's author).
    """
    path = folder / COMPILED_FILE
    present = path.read_text(encoding="utf-8") if path.is_file() else ""
    return diff(present, compile_pipeline(folder), path)


def diff(present: str, wanted: str, path: Path) -> str:
    """A unified diff from what a file holds to what it should hold; empty where they agree."""
    lines = difflib.unified_diff(
        present.splitlines(keepends=True), wanted.splitlines(keepends=True), f"{path}", f"{path} (generated)"
    )
    return "".join(lines)


def load_build(folder: Path) -> Build:
    """The function `build` of a pipeline's `pipeline.py`.

    Raises:
        BadInput: There is none (the pipeline's author).
    """
    build = getattr(load_pipeline(folder), "build", None)
    if not callable(build):
        raise BadInput(f"{shown(folder / 'pipeline.py')}: has no function `build(p: Pipeline)`")
    return build  # type: ignore[no-any-return]


def build_pipeline(
    config: Config, build: Build, settable: Mapping[str, RunParameter], place: Place, pipeline_root: str = ""
) -> tuple[Pipeline, Any]:
    """Run `build` under kfp; returns the pipeline with its tasks, and what kfp made.

    Raises:
        BadInput: The wiring or the values are wrong (the pipeline's author).
    """
    from kfp import dsl

    from penstock.authoring.kfp_component import docstring, function, parameter_of

    built: list[Pipeline] = []

    def pipeline(*channels: Any) -> None:
        built.append(Pipeline(config, dict(zip(settable, channels, strict=True)), place))
        build(built[0])

    items = [(item.name, item.parameter, item.description) for item in settable.values()]
    arguments = [parameter_of(name, item.type, item.required, item.default) for name, item, _ in items]
    function(pipeline, "pipeline", arguments, docstring(config.file.name, [(name, text) for name, _, text in items]))
    decorate = dsl.pipeline(
        name=config.file.name,
        display_name=config.file.display_name or None,
        description=config.file.description.strip(),
        pipeline_root=pipeline_root or None,
    )
    try:
        made = decorate(pipeline)
    except WiringError as error:
        raise BadInput(f"{_line(config.folder, error)}: {error.message}", error.remedy) from None
    except PenstockError:
        raise
    except Exception as error:
        raise BadInput(f"{_line(config.folder, error)}: {' '.join(str(error).split())}") from error
    return built[0], made


def _line(folder: Path, error: Exception) -> str:
    """The last line of `pipeline.py` on the way to an error."""
    path = folder / "pipeline.py"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    return f"{shown(path)}:{lines[-1]}" if lines else str(shown(path))


def _documents(made: Any) -> list[dict[str, Any]]:
    """The PipelineSpec; behind it what is for Kubernetes alone, where there is any."""
    from google.protobuf import json_format

    messages = [made.pipeline_spec, *([made.platform_spec] if made.platform_spec.platforms else [])]
    return [_whole(json_format.MessageToDict(message)) for message in messages]


def yaml_text(documents: Sequence[Any]) -> str:
    """Write documents as YAML that people review, and that every reader of YAML reads alike."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=True, width=110, allow_unicode=True)


def _whole(value: Any) -> Any:
    """Write 3.0 as 3: protocol buffers know one kind of number, and Go's JSON writes it so too."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML quotes what YAML 1.1 takes for something else than text; the cluster reads 1.2 (`1e-3` is a number there).
    style = "|" if "\n" in text else None if reads_as_text(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
