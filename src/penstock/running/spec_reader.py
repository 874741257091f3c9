"""Reading compiled.yaml: from text to a checked `PipelineSpec`, or one line that says what is wrong with it.

Everything is checked here, before anything runs: the shape, the types of constants, that names mean something, that
graphs have no circles, and that nothing is asked for that this machine does not do. A key that is not known is
refused by name: dropping it in silence would run another pipeline than the one that was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.running.closed_yaml import Place, load_documents
from penstock.running.expressions import Expression, ExpressionError
from penstock.running.pipeline_spec import (
    ROOT,
    ArtifactDef,
    Binding,
    Component,
    Constant,
    ContainerExecutor,
    Dag,
    FinalStatus,
    FromInput,
    FromTask,
    ImporterExecutor,
    Loop,
    ParameterDef,
    PipelineSpec,
    Resources,
    Retry,
    Task,
)
from penstock.running.spec_checks import check, typed
from penstock.running.values import ParameterType, plain
from penstock.sdk.errors import BadInput

SCHEMA_VERSION = re.compile(r"2\.1\.\d+")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")


def read_pipeline(path: Path) -> PipelineSpec:
    """Read a compiled pipeline from its file.

    Raises:
        BadInput: The file is not there, is not a compiled pipeline, or asks for what this machine does not do.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(f"{path}: cannot be read: {reason}") from None
    return parse_pipeline(text, str(path))


def parse_pipeline(text: str, where: str = "compiled.yaml") -> PipelineSpec:
    """Read a compiled pipeline from its text.

    Args:
        text: YAML or JSON: a PipelineSpec, and behind it, as a second document, a PlatformSpec or nothing.
        where: What a person opens to see it; the beginning of every error.

    Raises:
        BadInput: As `read_pipeline`.
    """
    documents = load_documents(text, where)
    if not documents or not isinstance(documents[0], dict) or "root" not in documents[0]:
        raise BadInput(f"{where}: not a compiled pipeline: it has no 'root'", "Make one with `penstock compile`")
    if len(documents) > 2 or not all(isinstance(document, dict) for document in documents):
        raise BadInput(f"{where}: a compiled pipeline has one document, or two with platform settings")
    return _pipeline(Place(where, "", documents[0]), documents[1] if documents[1:] else {})


def _pipeline(top: Place, platform: Mapping[str, Any]) -> PipelineSpec:
    top.closed(
        {"components", "deploymentSpec", "pipelineInfo", "root", "schemaVersion"},
        {"sdkVersion", "defaultPipelineRoot"},
    )
    version = str(top.data.get("schemaVersion", ""))
    if not SCHEMA_VERSION.fullmatch(version):
        raise top.wrong(f"{version!r} is not supported; 2.1.x is", "schemaVersion", "Compile with kfp 2")
    deployment = top.node("deploymentSpec").closed({"executors"})
    executors = {label: _executor(node) for label, node in deployment.node("executors").items()}
    components = {
        name: _component(name, node, executors)
        for name, node in [*top.node("components").items(), (ROOT, top.node("root"))]
    }
    info = top.node("pipelineInfo")
    spec = PipelineSpec(
        name=info.text("name"),
        components=components,
        where=top.where,
        description=info.get("description", str, ""),
        sdk_version=str(top.data.get("sdkVersion", "")),
        platform=platform.get("platforms") or {},
    )
    if not isinstance(spec.root.body, Dag):
        raise top.wrong("must be a graph of tasks", "root")
    check(spec, top)
    return spec


def _parameter_def(node: Place) -> ParameterDef:
    node.closed({"parameterType", "defaultValue", "isOptional", "description"}, {"literals"})
    name = node.text("parameterType")
    if name not in ParameterType.__members__:
        raise node.wrong(f"the type {name} is not supported", "parameterType", "")
    type_, default = ParameterType(name), node.data.get("defaultValue")
    if default is not None:
        default = typed(node, "defaultValue", default, type_)
    return ParameterDef(type_, default, node.get("isOptional", bool, False), node.get("description", str, ""))


def _artifact_def(node: Place) -> ArtifactDef:
    node.closed({"artifactType", "isArtifactList", "isOptional", "description"}, {"metadata"})
    title = _schema_title(node.node("artifactType", required=True))
    return ArtifactDef(title, node.get("isArtifactList", bool, False), node.get("isOptional", bool, False))


def _schema_title(node: Place) -> str:
    node.closed({"schemaTitle", "schemaVersion"})
    return node.text("schemaTitle")


def _executor(node: Place) -> ContainerExecutor | ImporterExecutor:
    node.closed({"container", "importer"})
    if node.only("container", "importer") == "container":
        return _container(node.node("container"))
    importer = node.node("importer")
    importer.closed({"artifactUri", "typeSchema", "metadata", "reimport"})
    uri = importer.node("artifactUri", required=True)
    kind = uri.only("constant", "runtimeParameter")
    return ImporterExecutor(
        uri=Constant(uri.text(kind)) if kind == "constant" else FromInput(uri.text(kind)),
        schema_title=_schema_title(importer.node("typeSchema", required=True)),
        metadata=plain(importer.node("metadata").data),
        reimport=importer.get("reimport", bool, False),
    )


def _container(node: Place) -> ContainerExecutor:
    node.closed({"image", "command", "args", "env", "resources"}, {"imagePullPolicy"})
    env = {}
    for position, entry in enumerate(node.data.get("env") or []):
        variable = Place(node.where, f"{node.path}.env[{position}]", entry).closed({"name", "value"})
        env[variable.text("name")] = variable.get("value", str, "")
    resources = node.node("resources")
    gigabytes = resources.get("memoryLimit", (int, float), 0)
    cores = resources.get("cpuLimit", (int, float), 0)
    limits = Resources(
        cpu=str(resources.data.get("resourceCpuLimit") or cores or ""),
        memory=str(resources.data.get("resourceMemoryLimit") or (gigabytes and f"{gigabytes}G") or ""),
    )
    return ContainerExecutor(node.text("image"), node.strings("command"), node.strings("args"), env, limits)


def _component(name: str, node: Place, executors: Mapping[str, ContainerExecutor | ImporterExecutor]) -> Component:
    node.closed(
        {"dag", "executorLabel", "inputDefinitions", "outputDefinitions"},
        {"taskConfigPassthroughs", "singlePlatformSpecs"} if name != ROOT else (),
    )
    body: Dag | ContainerExecutor | ImporterExecutor
    if node.only("dag", "executorLabel") == "dag":
        body = _dag(node.node("dag"))
    else:
        body = executors[node.one_of(node.text("executorLabel"), executors, "executorLabel", "executor")]
    inputs = node.node("inputDefinitions").closed({"parameters", "artifacts"})
    outputs = node.node("outputDefinitions").closed({"parameters", "artifacts"})
    return Component(
        name=name.removeprefix("comp-"),
        body=body,
        parameters={n: _parameter_def(d) for n, d in inputs.node("parameters").items()},
        artifacts={n: _artifact_def(d) for n, d in inputs.node("artifacts").items()},
        output_parameters={n: _parameter_def(d) for n, d in outputs.node("parameters").items()},
        output_artifacts={n: _artifact_def(d) for n, d in outputs.node("artifacts").items()},
    )


def _dag(node: Place) -> Dag:
    node.closed({"tasks", "outputs"})
    outputs = node.node("outputs").closed({"parameters", "artifacts"})
    return Dag(
        tasks={name: _task(name, task) for name, task in node.node("tasks", required=True).items()},
        parameters={name: _parameter_output(output) for name, output in outputs.node("parameters").items()},
        artifacts={
            name: _selectors(output.closed({"artifactSelectors"}), "artifactSelectors", "outputArtifactKey")
            for name, output in outputs.node("artifacts").items()
        },
    )


def _parameter_output(node: Place) -> tuple[FromTask, ...]:
    if node.closed({"valueFromParameter", "valueFromOneof"}).only("valueFromParameter", "valueFromOneof") == (
        "valueFromParameter"
    ):
        return (_selector(node.node("valueFromParameter"), "outputParameterKey"),)
    return _selectors(node.node("valueFromOneof"), "parameterSelectors", "outputParameterKey")


def _selectors(node: Place, key: str, output: str) -> tuple[FromTask, ...]:
    entries = node.get(key, list, [])
    if not entries:
        raise node.wrong("is empty", key)
    return tuple(_selector(Place(node.where, f"{node.path}.{key}[{i}]", e), output) for i, e in enumerate(entries))


def _selector(node: Place, output: str) -> FromTask:
    node.closed({"producerSubtask", output})
    return FromTask(node.text("producerSubtask"), node.text(output))


def _task(name: str, node: Place) -> Task:
    node.closed(
        {
            "componentRef", "inputs", "taskInfo", "dependentTasks", "triggerPolicy", "cachingOptions", "retryPolicy",
            "parameterIterator", "artifactIterator", "iteratorPolicy",
        }
    )  # fmt: skip
    inputs = node.node("inputs").closed({"parameters", "artifacts"})
    trigger = node.node("triggerPolicy").closed({"condition", "strategy"})
    strategy = trigger.get("strategy", str, "") or "ALL_UPSTREAM_TASKS_SUCCEEDED"
    strategies = ("ALL_UPSTREAM_TASKS_SUCCEEDED", "ALL_UPSTREAM_TASKS_COMPLETED", "TRIGGER_STRATEGY_UNSPECIFIED")
    trigger.one_of(strategy, strategies, "strategy", "strategy")
    condition = trigger.get("condition", str, "")
    return Task(
        name=name,
        display_name=node.node("taskInfo").closed({"name"}, {"taskName"}).get("name", str, "") or name,
        component=node.node("componentRef", required=True).closed({"name"}).text("name"),
        parameters={key: _binding(binding) for key, binding in inputs.node("parameters").items()},
        artifacts={key: _artifact_source(source) for key, source in inputs.node("artifacts").items()},
        after=node.strings("dependentTasks"),
        condition=_expression(trigger, "condition", condition) if condition else None,
        whatever_happens=strategy == "ALL_UPSTREAM_TASKS_COMPLETED",
        loop=_loop(node),
        cacheable=node.node("cachingOptions").closed({"enableCache"}, {"cacheKey"}).get("enableCache", bool, False),
        retry=_retry(node.node("retryPolicy")),
    )


def _expression(node: Place, key: str, text: str) -> Expression:
    try:
        return Expression(text)
    except ExpressionError as error:
        raise node.wrong(str(error), key, "") from None


def _binding(node: Place) -> Binding:
    kinds = ("componentInputParameter", "runtimeValue", "taskOutputParameter", "taskFinalStatus")
    node.closed({*kinds, "parameterExpressionSelector"})
    source: Constant | FromInput | FromTask | FinalStatus
    match node.only(*kinds):
        case "componentInputParameter":
            source = FromInput(node.text("componentInputParameter"))
        case "taskOutputParameter":
            output = node.node("taskOutputParameter").closed({"producerTask", "outputParameterKey"})
            source = FromTask(output.text("producerTask"), output.text("outputParameterKey"))
        case "taskFinalStatus":
            source = FinalStatus(node.node("taskFinalStatus").closed({"producerTask"}).text("producerTask"))
        case _:
            value = node.node("runtimeValue").closed({"constant"})
            if "constant" not in value.data:
                raise value.wrong("is missing", "constant")
            source = Constant(value.data["constant"])
    selector = node.get("parameterExpressionSelector", str, "")
    return Binding(source, _expression(node, "parameterExpressionSelector", selector) if selector else None)


def _artifact_source(node: Place) -> FromInput | FromTask:
    node.closed({"componentInputArtifact", "taskOutputArtifact"})
    if node.only("componentInputArtifact", "taskOutputArtifact") == "componentInputArtifact":
        return FromInput(node.text("componentInputArtifact"))
    output = node.node("taskOutputArtifact").closed({"producerTask", "outputArtifactKey"})
    return FromTask(output.text("producerTask"), output.text("outputArtifactKey"))


def _loop(node: Place) -> Loop | None:
    policy = node.node("iteratorPolicy").closed({"parallelismLimit"})
    limit = policy.get("parallelismLimit", int, 0)
    if "parameterIterator" in node.data and "artifactIterator" in node.data:
        raise node.wrong("a task loops over parameters or over artifacts, not both")
    if "artifactIterator" in node.data:
        iterator = node.node("artifactIterator").closed({"itemInput", "items"})
        items = iterator.node("items", required=True).closed({"inputArtifact"})
        return Loop(iterator.text("itemInput"), items.text("inputArtifact"), artifacts=True, limit=limit)
    if "parameterIterator" not in node.data:
        return None
    iterator = node.node("parameterIterator").closed({"itemInput", "items"})
    items = iterator.node("items", required=True).closed({"raw", "inputParameter"})
    if items.only("raw", "inputParameter") == "inputParameter":
        return Loop(iterator.text("itemInput"), items.text("inputParameter"), limit=limit)
    try:
        raw = json.loads(items.text("raw"))
    except ValueError:
        raw = None
    if not isinstance(raw, list):
        raise items.wrong("must be a JSON list", "raw")
    return Loop(iterator.text("itemInput"), items=tuple(plain(raw)), limit=limit)


def _retry(node: Place) -> Retry:
    node.closed({"maxRetryCount", "backoffDuration", "backoffFactor", "backoffMaxDuration"})

    def seconds(key: str, default: float) -> float:
        text = node.get(key, str, f"{default}s")
        found = _DURATION.fullmatch(text)
        if not found:
            raise node.wrong(f"{text!r} is not a duration such as '60s'", key)
        return float(found[1])

    return Retry(
        count=node.get("maxRetryCount", int, 0),
        backoff_seconds=seconds("backoffDuration", 0.0),
        backoff_factor=float(node.get("backoffFactor", (int, float), 2.0)),
        backoff_max_seconds=seconds("backoffMaxDuration", 3600.0),
    )
