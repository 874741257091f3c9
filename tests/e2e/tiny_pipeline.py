"""A compiled pipeline of the small components in `parts/`, and a way to run it in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from penstock.running.events import Note, TaskRetrying
from penstock.running.report import report
from penstock.running.runner import run_pipeline
from penstock.sdk import PenstockError

HERE = Path(__file__).parent
if str(HERE) not in sys.path:
    sys.path.append(str(HERE))  # the runner finds `parts` there
DRIVER = """
import json, os, sys
from pathlib import Path
from penstock.running.report import report
from penstock.running.runner import run_pipeline
from penstock.sdk import PenstockError
order = json.loads(sys.argv[1])
notes = []
def listen(event):
    if type(event).__name__ in ("Note", "TaskRetrying"):
        notes.append(str(event))
    if order.get("say") == type(event).__name__:
        print(event, file=sys.stderr, flush=True)
try:
    result = run_pipeline(Path(order["compiled"]), home=Path(order["home"]), settings=order["settings"],
                          use_cache=order["use_cache"], only=order["only"], until=order["until"], on_event=listen)
except PenstockError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
print(json.dumps({**report(result), "notes": notes}))
sys.exit(result.exit_code)
"""

TASKS: dict[str, dict[str, Any]] = {
    "numbers": {"parameters": {"count": "count", "source": "source"}},
    "double": {
        "artifacts": {"examples": ("numbers", "examples")},
        "parameters": {
            name: name for name in ("factor", "seconds", "fail_until", "touch", "megabytes", "crash", "leave")
        },
        "retries": 2,
    },
    "judge": {"artifacts": {"examples": ("double", "examples_out")}, "parameters": {"most": "most"}},
    "publish": {"artifacts": {"examples": ("double", "examples_out")}},
}
PARAMETERS: dict[str, tuple[str, Any]] = {
    "count": ("NUMBER_INTEGER", 3),
    "source": ("STRING", ""),
    "factor": ("NUMBER_INTEGER", 2),
    "seconds": ("NUMBER_DOUBLE", 0.0),
    "fail_until": ("STRING", ""),
    "touch": ("STRING", ""),
    "megabytes": ("NUMBER_INTEGER", 0),
    "crash": ("BOOLEAN", False),
    "leave": ("BOOLEAN", False),
    "most": ("NUMBER_INTEGER", 100),
}
OUTPUTS = {"numbers": "examples", "double": "examples_out", "judge": "blessing", "publish": "pushed_model"}
TITLES = {"publish": "system.Model", "judge": "system.Artifact"}


def write_pipeline(folder: Path, *, retry: bool = False, image: str = "example.com/penstock/runtime:1") -> Path:
    """Write compiled.yaml, as kfp would: numbers -> double -> judge, and publish when judge's gate is open."""
    components, executors, tasks = {}, {}, {}
    for name, task in TASKS.items():
        component: dict[str, Any] = {
            "executorLabel": f"exec-{name}",
            "inputDefinitions": {
                "parameters": {
                    p: {"parameterType": PARAMETERS[s][0], "isOptional": True}
                    for p, s in task.get("parameters", {}).items()
                },
                "artifacts": {
                    a: {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}
                    for a in task.get("artifacts", {})
                },
            },
            "outputDefinitions": {
                "artifacts": {
                    OUTPUTS[name]: {
                        "artifactType": {"schemaTitle": TITLES.get(name, "system.Dataset"), "schemaVersion": "0.0.1"}
                    }
                }
            },
        }
        if name == "judge":
            component["outputDefinitions"]["parameters"] = {"gate": {"parameterType": "STRING"}}
        components[f"comp-{name}"] = component
        container = {"image": image, "command": ["python", "-m", f"parts.{name}.main"], "args": ["{{$}}"]}
        executors[f"exec-{name}"] = {"container": container}
        inputs: dict[str, Any] = {
            "parameters": {p: {"componentInputParameter": s} for p, s in task.get("parameters", {}).items()},
            "artifacts": {
                a: {"taskOutputArtifact": {"producerTask": t, "outputArtifactKey": o}}
                for a, (t, o) in task.get("artifacts", {}).items()
            },
        }
        node: dict[str, Any] = {
            "taskInfo": {"name": name},
            "componentRef": {"name": f"comp-{name}"},
            "inputs": inputs,
            "cachingOptions": {"enableCache": True},
            "dependentTasks": sorted({t for t, _ in task.get("artifacts", {}).values()}),
        }
        if retry and task.get("retries"):
            node["retryPolicy"] = {
                "maxRetryCount": task["retries"],
                "backoffDuration": "0.02s",
                "backoffFactor": 1.0,
                "backoffMaxDuration": "1s",
            }
        if not node["dependentTasks"]:
            del node["dependentTasks"]
        tasks[name] = node
    _put_behind_gate(components, tasks)
    document = {
        "pipelineInfo": {"name": "tiny"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.13.0",
        "components": components,
        "deploymentSpec": {"executors": executors},
        "root": {
            "dag": {"tasks": tasks},
            "inputDefinitions": {
                "parameters": {
                    n: {"parameterType": t, "defaultValue": d, "isOptional": True} for n, (t, d) in PARAMETERS.items()
                }
            },
        },
    }
    path = folder / "compiled.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def _put_behind_gate(components: dict[str, Any], tasks: dict[str, Any]) -> None:
    """Move `publish` into a graph of its own with a condition, as `dsl.If` does."""
    gate, numbers = "pipelinechannel--judge-gate", "pipelinechannel--double-examples_out"
    inner = tasks.pop("publish")
    outer_inputs = inner.pop("inputs")
    del inner["dependentTasks"]
    inner["inputs"] = {"artifacts": {"examples": {"componentInputArtifact": numbers}}}
    components["comp-condition-1"] = {
        "dag": {"tasks": {"publish": inner}},
        "inputDefinitions": {
            "artifacts": {numbers: {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}},
            "parameters": {gate: {"parameterType": "STRING"}},
        },
    }
    tasks["condition-1"] = {
        "taskInfo": {"name": "condition-1"},
        "componentRef": {"name": "comp-condition-1"},
        "dependentTasks": ["double", "judge"],
        "inputs": {
            "artifacts": {numbers: outer_inputs["artifacts"]["examples"]},
            "parameters": {gate: {"taskOutputParameter": {"producerTask": "judge", "outputParameterKey": "gate"}}},
        },
        "triggerPolicy": {"condition": f"inputs.parameter_values['{gate}'] == 'open'"},
    }


def start(
    compiled: Path,
    home: Path,
    *,
    parts: Path = HERE,
    use_cache: bool = True,
    only: str = "",
    until: str = "",
    say: str = "",
    prelude: str = "",
    **settings: object,
) -> subprocess.Popen[str]:
    """Start a run in a process of its own; `parts` is where the components are."""
    order = {
        "compiled": str(compiled),
        "home": str(home),
        "settings": {k: json.dumps(v) if not isinstance(v, str) else v for k, v in settings.items()},
        "use_cache": use_cache,
        "only": only,
        "until": until,
        "say": say,
    }
    return subprocess.Popen(
        [sys.executable, "-c", prelude + DRIVER, json.dumps(order)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(parts), str(HERE.parents[1] / "src")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> dict[str, Any]:
    """Wait for a run to end as expected; returns its report, or what it said on standard error."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
    return json.loads(out) if out else {"stderr": err}


def run(compiled: Path, home: Path, code: int = 0, **options: Any) -> dict[str, Any]:
    """Run to the end; in this process, unless it needs one of its own."""
    if options.keys() & {"parts", "prelude"}:
        return finish(start(compiled, home, **options), code)
    notes: list[str] = []
    chosen = {name: options.pop(name) for name in ("use_cache", "only", "until") if name in options}
    settings = {k: v if isinstance(v, str) else json.dumps(v) for k, v in options.items()}
    try:
        result = run_pipeline(
            compiled,
            home=home,
            settings=settings,
            on_event=lambda event: notes.append(str(event)) if isinstance(event, Note | TaskRetrying) else None,
            **chosen,
        )
    except PenstockError as error:
        assert error.exit_code == code, error
        return {"stderr": str(error)}
    document = {**report(result), "notes": notes}
    assert result.exit_code == code, document
    return document


def states(document: dict[str, Any]) -> dict[str, str]:
    """How each task ended."""
    return {task["task"]: task["state"] for task in document["tasks"]}


def digests(document: dict[str, Any]) -> dict[str, str]:
    """The digest of each output."""
    return {f"{t['task']}.{o['name']}": o["digest"] for t in document["tasks"] for o in t["outputs"]}
