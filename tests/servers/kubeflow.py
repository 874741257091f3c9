"""The REST API of Kubeflow Pipelines as far as Penstock uses it: a stand-in on loopback, and a real one if there is.

The stand-in keeps everything in memory and lets a test play the engine: how runs go on is what the test says. That it
answers like the real one is what tests/contract/kubeflow is for: PENSTOCK_KUBEFLOW_URL names a real API server (2.17
was tried), and the same tests then run against both.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.servers.processes import free_port

URL_VARIABLE = "PENSTOCK_KUBEFLOW_URL"
_ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")


class Wrong(Exception):
    """An error as grpc-gateway gives it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def answer(self) -> JSONResponse:
        """The body of a google.rpc.Status."""
        body = {"error": self.message, "code": self.code, "message": self.message, "details": []}
        return JSONResponse(body, self.status)


@dataclass
class KubeflowStandIn:
    """The state of the server, which tests look at and change."""

    pipelines: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    recurring: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    """What was uploaded, by version."""
    logs: dict[str, str] = field(default_factory=dict)
    """By pod."""
    engine: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The workflow engine's nodes, by their ids."""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path and headers of every request."""
    failures: list[Response] = field(default_factory=list)
    """Given instead of the next answers."""
    script: list[dict[str, Any]] = field(default_factory=list)
    """What becomes of a run, one entry each time that it is looked at."""
    lets_in: str = ""
    """The token asked of every request, when it is set."""
    knows_orphans: bool = True
    """Whether deleting a recurring run can spare its runs; before 2.17 it cannot."""
    slow_seconds: float = 0.0
    """How long an upload takes between looking for the name and taking it [s]."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start_from(self, recurring_run_id: str, state: str = "RUNNING") -> str:
        """Do what the scheduled workflow controller does when the hour has come."""
        schedule = self.recurring[recurring_run_id]
        run = self._run({"display_name": schedule["display_name"], "experiment_id": schedule["experiment_id"]})
        run |= {"recurring_run_id": recurring_run_id, "state": state}
        return str(run["run_id"])

    def task(self, name: str, state: str, why: str = "") -> list[dict[str, Any]]:
        """A task as a run's details have it: the task, and the node of the pod that does its work.

        Neither says why it failed; that is in the older API alone.
        """
        began = {"start_time": self._now(), "end_time": "0001-01-01T00:00:00Z" if state == "RUNNING" else self._now()}
        about = {"state": state, **began}
        self.engine |= {
            f"wf-{name}": {"displayName": name, "type": "DAG", "phase": state.title(), "templateName": "x"},
            f"wf-{name}1": {
                "displayName": "executor",
                "type": "Pod",
                "phase": {"SUCCEEDED": "Succeeded", "FAILED": "Failed"}.get(state, "Running"),
                "message": why,
                "boundaryID": f"wf-{name}",
                "templateName": "impl",
            },
        }
        return [
            {"task_id": f"{name}-0", "display_name": "executor", **about},
            {"task_id": name, "display_name": name, "child_tasks": [{"pod_name": f"wf-{name}1"}], **about},
        ]

    # What a run is made of

    def _run(self, body: dict[str, Any]) -> dict[str, Any]:
        made = {**body, "run_id": str(uuid.uuid4()), "state": "PENDING", "created_at": self._now()}
        self.runs[made["run_id"]] = made
        return made

    def _now(self) -> str:
        """Times that all differ, so that 'newest first' means something."""
        return datetime.fromtimestamp(1_767_225_600 + next(self._numbers), UTC).isoformat().replace("+00:00", "Z")

    # Routes

    async def pipeline_by_name(self, request: Request) -> Any:
        """GET /pipelines/names/{name}."""
        name = request.path_params["name"]
        return _one((p for p in self.pipelines.values() if p["name"] == name), f"Pipeline {name}")

    async def pipeline(self, request: Request) -> Any:
        """GET /pipelines/{id}."""
        return _got(self.pipelines, request.path_params["id"], "Pipeline")

    async def create_pipeline(self, request: Request) -> Any:
        """POST /pipelines."""
        body = await request.json()
        with self._lock:
            if any(p["name"] == body["name"] for p in self.pipelines.values()):
                raise Wrong(409, 6, f"Already exist error: The name {body['name']} already exists")
            made = {**body, "pipeline_id": str(uuid.uuid4()), "created_at": self._now()}
            self.pipelines[made["pipeline_id"]] = made
        return made

    async def upload_version(self, request: Request) -> Any:
        """POST /pipelines/upload_version."""
        query = request.query_params
        content = _uploaded(request.headers["content-type"], await request.body())
        pipeline_id, name = query["pipelineid"], query["name"]
        _got(self.pipelines, pipeline_id, "Pipeline")
        if b"pipelineInfo" not in content:
            return JSONResponse({"error_message": "unknown template format", "error_details": "..."}, 400)
        if self.slow_seconds:
            time.sleep(self.slow_seconds)
        with self._lock:
            if any((v["pipeline_id"], v["name"]) == (pipeline_id, name) for v in self.versions.values()):
                body = {"error_message": "Failed to create a pipeline version", "error_details": "already exists"}
                return JSONResponse(body, 409)
            about = {"pipeline_id": pipeline_id, "name": name, "display_name": name}
            made = {**about, "description": query.get("description", ""), "created_at": self._now()}
            made["pipeline_version_id"] = str(uuid.uuid4())
            self.versions[made["pipeline_version_id"]] = made
            self.contents[name] = content
        return made

    async def list_versions(self, request: Request) -> Any:
        """GET /pipelines/{id}/versions."""
        found = [v for v in self.versions.values() if v["pipeline_id"] == request.path_params["id"]]
        return _page(request, "pipeline_versions", found)

    async def version(self, request: Request) -> Any:
        """GET /pipelines/{id}/versions/{version}."""
        found = _got(self.versions, request.path_params["version"], "PipelineVersion")
        spec, *platform = yaml.safe_load_all(self.contents[found["name"]])
        both = {"pipeline_spec": spec, "platform_spec": platform[0]} if platform else spec
        return {**found, "pipeline_spec": both}

    async def list_experiments(self, request: Request) -> Any:
        """GET /experiments."""
        found = [{**e, "name": e["display_name"]} for e in self.experiments.values()]
        return _page(request, "experiments", found)

    async def experiment(self, request: Request) -> Any:
        """GET /experiments/{id}."""
        return _got(self.experiments, request.path_params["id"], "Experiment")

    async def create_experiment(self, request: Request) -> Any:
        """POST /experiments."""
        body = await request.json()
        with self._lock:
            if any(e["display_name"] == body["display_name"] for e in self.experiments.values()):
                raise Wrong(409, 6, f"Already exist error: experiment {body['display_name']} already exists")
            made = {**body, "experiment_id": str(uuid.uuid4()), "created_at": self._now()}
            self.experiments[made["experiment_id"]] = made
        return made

    async def create_run(self, request: Request) -> Any:
        """POST /runs."""
        body = await request.json()
        self._check_source(body)
        return self._run(body)

    async def run(self, request: Request) -> Any:
        """GET /runs/{id}: a step further each time, as the script says."""
        run = _got(self.runs, request.path_params["id"], "Run")
        if self.script:
            run |= self.script.pop(0)
        shown = {key: value for key, value in run.items() if key != "tasks"}
        return {**shown, "run_details": {"task_details": run.get("tasks", [])}}

    async def older_run(self, request: Request) -> Any:
        """GET /apis/v1beta1/runs/{id}: what the engine has of it."""
        _got(self.runs, request.path_params["id"], "Run")
        manifest = {"metadata": {"name": "wf"}, "status": {"nodes": self.engine}}
        return {"run": {}, "pipeline_runtime": {"workflow_manifest": json.dumps(manifest)}}

    async def list_runs(self, request: Request) -> Any:
        """GET /runs."""
        return _page(request, "runs", [{k: v for k, v in r.items() if k != "tasks"} for r in self.runs.values()])

    async def act_on_run(self, request: Request) -> Any:
        """POST /runs/{id}:verb."""
        id_, _, verb = request.path_params["id"].partition(":")
        run = _got(self.runs, id_, "Run")
        run["state"] = {"terminate": "CANCELING", "retry": "RUNNING"}[verb]
        return {}

    async def list_recurring(self, request: Request) -> Any:
        """GET /recurringruns."""
        return _page(request, "recurringRuns", list(self.recurring.values()))

    async def create_recurring(self, request: Request) -> Any:
        """POST /recurringruns."""
        body = await request.json()
        self._check_source(body)
        if cron := (body.get("trigger") or {}).get("cron_schedule", {}).get("cron"):
            fields = cron.split()
            if len(fields) not in (5, 6):
                raise Wrong(400, 3, f"Invalid input error: Expected 5 to 6 fields, found {len(fields)}: {cron}")
        if not 1 <= int(body["max_concurrency"]) <= 10:
            raise Wrong(400, 3, "Invalid input error: Max concurrency of a recurring run must be at least 1")
        made = {**body, "recurring_run_id": str(uuid.uuid4()), "created_at": self._now()}
        made["status"] = "ENABLED" if made.pop("mode") == "ENABLE" else "DISABLED"
        self.recurring[made["recurring_run_id"]] = made
        return made

    async def act_on_recurring(self, request: Request) -> Any:
        """POST /recurringruns/{id}:verb."""
        id_, _, verb = request.path_params["id"].partition(":")
        _got(self.recurring, id_, "Job")["status"] = {"enable": "ENABLED", "disable": "DISABLED"}[verb]
        return {}

    async def delete_recurring(self, request: Request) -> Any:
        """DELETE /recurringruns/{id}: what is running of it ends, unless it is to be spared and that is known."""
        id_ = request.path_params["id"]
        _got(self.recurring, id_, "Job")
        del self.recurring[id_]
        if not (self.knows_orphans and request.query_params.get("propagation_policy") == "ORPHAN"):
            for run in self.runs.values():
                if run.get("recurring_run_id") == id_ and run["state"] not in _ENDED:
                    run["state"] = "FAILED"
        return {}

    async def log(self, request: Request) -> Any:
        """GET /apis/v1alpha1/runs/{run}/nodes/{pod}/log."""
        pod = request.path_params["pod"]
        if pod not in self.logs:
            return PlainTextResponse(json.dumps({"error_message": f"Failed to read logs for run: {pod}"}))
        return PlainTextResponse(self.logs[pod])

    def _check_source(self, body: dict[str, Any]) -> None:
        reference = body["pipeline_version_reference"]
        _got(self.pipelines, reference["pipeline_id"], "Pipeline")
        if version := reference.get("pipeline_version_id"):
            _got(self.versions, version, "PipelineVersion")
        _got(self.experiments, body["experiment_id"], "Experiment")

    def app(self) -> Starlette:
        """The server's routes."""

        def route(path: str, endpoint: Any, method: str = "GET") -> Route:
            async def answer(request: Request) -> Response:
                self.requests.append((request.method, request.url.path, dict(request.headers)))
                if self.failures:
                    return self.failures.pop(0)
                if self.lets_in and request.headers.get("authorization") != f"Bearer {self.lets_in}":
                    return Wrong(401, 16, "Unauthenticated: Request header error: there is no user identity").answer()
                try:
                    made = await endpoint(request)
                except Wrong as wrong:
                    return wrong.answer()
                return made if isinstance(made, Response) else JSONResponse(made)

            return Route(path, answer, methods=[method])

        v2 = "/apis/v2beta1"
        return Starlette(
            routes=[
                route(f"{v2}/pipelines/names/{{name}}", self.pipeline_by_name),
                route(f"{v2}/pipelines/upload_version", self.upload_version, "POST"),
                route(f"{v2}/pipelines", self.create_pipeline, "POST"),
                route(f"{v2}/pipelines/{{id}}", self.pipeline),
                route(f"{v2}/pipelines/{{id}}/versions", self.list_versions),
                route(f"{v2}/pipelines/{{id}}/versions/{{version}}", self.version),
                route(f"{v2}/experiments", self.list_experiments),
                route(f"{v2}/experiments", self.create_experiment, "POST"),
                route(f"{v2}/experiments/{{id}}", self.experiment),
                route(f"{v2}/runs", self.list_runs),
                route(f"{v2}/runs", self.create_run, "POST"),
                route(f"{v2}/runs/{{id}}", self.run),
                route(f"{v2}/runs/{{id}}", self.act_on_run, "POST"),
                route(f"{v2}/recurringruns", self.list_recurring),
                route(f"{v2}/recurringruns", self.create_recurring, "POST"),
                route(f"{v2}/recurringruns/{{id}}", self.act_on_recurring, "POST"),
                route(f"{v2}/recurringruns/{{id}}", self.delete_recurring, "DELETE"),
                route("/apis/v1beta1/runs/{id}", self.older_run),
                route("/apis/v1alpha1/runs/{run}/nodes/{pod}/log", self.log),
            ]
        )


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[int]:
    """Serve an application on a free loopback port, which is given."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


def _got(known: dict[str, Any], id_: str, kind: str) -> Any:
    if id_ not in known:
        raise Wrong(404, 5, f"{kind} {id_} not found")
    return known[id_]


def _one(found: Iterator[Any], what: str) -> Any:
    first = next(found, None)
    if first is None:
        raise Wrong(404, 5, f"{what} not found")
    return first


def _page(request: Request, key: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """One page of a list: filtered, sorted by time, cut."""
    query = request.query_params
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
        wanted = predicate.get("string_values", {}).get("values") or [predicate.get("string_value")]
        items = [item for item in items if item.get(predicate["key"], "") in wanted]
    if query.get("experiment_id"):
        items = [item for item in items if item["experiment_id"] == query["experiment_id"]]
    items = sorted(items, key=lambda item: str(item["created_at"]), reverse="desc" in query.get("sort_by", ""))
    begin, size = int(query.get("page_token") or 0), int(query.get("page_size") or 20)
    page = {key: items[begin : begin + size], "total_size": len(items)}
    return page | ({"next_page_token": str(begin + size)} if begin + size < len(items) else {})


def _uploaded(content_type: str, body: bytes) -> bytes:
    """The file in a multipart body."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    for part in message.iter_parts():
        if part.get_param("name", header="content-disposition") == "uploadfile":
            return bytes(part.get_payload(decode=True))
    raise Wrong(400, 3, "Failed to create a pipeline version: no uploadfile")
