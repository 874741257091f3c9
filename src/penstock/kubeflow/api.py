"""A typed client of the REST API v2beta1 of Kubeflow Pipelines: one method for each thing that Penstock asks.

Source:
    kubeflow/pipelines: backend/api/v2beta1/*.proto and backend/src/apiserver/server/pipeline_upload_server.go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from penstock.kubeflow.connection import connect
from penstock.kubeflow.records import Experiment, Pipeline, PipelineVersion, RecurringRun, Run, Trigger
from penstock.kubeflow.sending import PATIENCE_SECONDS, Exists, NotFound, Sender
from penstock.profiles.cluster import ClusterProfile
from penstock.sdk import PenstockError

_V2 = "/apis/v2beta1"
_PAGE = 100
_Record = TypeVar("_Record", bound=BaseModel)


class Kubeflow:
    """The API server of one cluster, as one profile sees it.

    Args:
        sender: Sends the requests.
        namespace: The namespace whose things are meant, where the server has several tenants; empty otherwise.
    """

    def __init__(self, sender: Sender, namespace: str = "") -> None:
        self._send = sender.send
        self.namespace = namespace

    # Pipelines and their versions

    def find_pipeline(self, name: str) -> Pipeline | None:
        """The pipeline of that name, if there is one."""
        try:
            found = self._send(
                "GET", f"{_V2}/pipelines/names/{quote(name, safe='')}", query={"namespace": self.namespace}
            )
        except NotFound:
            return None
        return _read(Pipeline, found)

    def pipeline(self, pipeline_id: str) -> Pipeline:
        """One pipeline by its id."""
        return _read(Pipeline, self._send("GET", f"{_V2}/pipelines/{pipeline_id}"))

    def ensure_pipeline(self, name: str, description: str = "") -> Pipeline:
        """The pipeline of that name, made where it is not there; whoever else makes it now makes the same one."""
        if found := self.find_pipeline(name):
            return found
        body = {"name": name, "display_name": name, "description": description, "namespace": self.namespace}
        try:
            return _read(Pipeline, self._send("POST", f"{_V2}/pipelines", json=body))
        except Exists:
            return _there("pipeline", name, self.find_pipeline(name))

    def find_version(self, pipeline_id: str, name: str) -> PipelineVersion | None:
        """The version of that name, if there is one."""
        query: dict[str, str | int] = {"filter": _equals("name", name), "page_size": 1}
        found = self._send("GET", f"{_V2}/pipelines/{pipeline_id}/versions", query=query)
        versions = found.get("pipeline_versions") or []
        return _read(PipelineVersion, versions[0]) if versions else None

    def version(self, pipeline_id: str, version_id: str) -> PipelineVersion:
        """One version by its id."""
        return _read(PipelineVersion, self._send("GET", f"{_V2}/pipelines/{pipeline_id}/versions/{version_id}"))

    def newest_version(self, pipeline_id: str) -> PipelineVersion | None:
        """The version that was uploaded last."""
        query: dict[str, str | int] = {"sort_by": "created_at desc", "page_size": 1}
        versions = self._send("GET", f"{_V2}/pipelines/{pipeline_id}/versions", query=query).get("pipeline_versions")
        return _read(PipelineVersion, versions[0]) if versions else None

    def ensure_version(self, pipeline_id: str, name: str, content: bytes, description: str = "") -> PipelineVersion:
        """The version of that name, uploaded where it is not there.

        Args:
            pipeline_id: Its pipeline.
            name: Its name, which must follow from the content: what has the name already is taken for the same.
            content: The compiled pipeline.
            description: Shown in the UI.
        """
        if found := self.find_version(pipeline_id, name):
            return found
        query = {"pipelineid": pipeline_id, "name": name, "description": description}
        file = (f"{name}.yaml", content)
        try:
            return _read(PipelineVersion, self._send("POST", f"{_V2}/pipelines/upload_version", query=query, file=file))
        except PenstockError:
            # Somebody uploaded the same meanwhile; which error that is has changed from release to release.
            if found := self.find_version(pipeline_id, name):
                return found
            raise

    # Experiments

    def experiment(self, experiment_id: str) -> Experiment:
        """One experiment by its id."""
        return _read(Experiment, self._send("GET", f"{_V2}/experiments/{experiment_id}"))

    def find_experiment(self, name: str) -> Experiment | None:
        """The experiment of that name, if there is one."""
        query = {"filter": _equals("name", name), "namespace": self.namespace}
        experiments = self._send("GET", f"{_V2}/experiments", query=query).get("experiments") or []
        return _read(Experiment, experiments[0]) if experiments else None

    def ensure_experiment(self, name: str) -> Experiment:
        """The experiment of that name, made where it is not there."""
        if found := self.find_experiment(name):
            return found
        body = {"display_name": name, "namespace": self.namespace}
        try:
            return _read(Experiment, self._send("POST", f"{_V2}/experiments", json=body))
        except Exists:
            return _there("experiment", name, self.find_experiment(name))

    # Runs

    def create_run(
        self,
        name: str,
        *,
        experiment: Experiment,
        version: PipelineVersion,
        parameters: Mapping[str, Any],
        pipeline_root: str = "",
        service_account: str = "",
        description: str = "",
    ) -> Run:
        """Start a run."""
        body = {
            "display_name": name,
            "description": description,
            "experiment_id": experiment.experiment_id,
            "pipeline_version_reference": _reference(version.pipeline_id, version.pipeline_version_id),
            "runtime_config": _runtime_config(parameters, pipeline_root),
            "service_account": service_account,
        }
        return _read(Run, self._send("POST", f"{_V2}/runs", json=body, twice=False))

    def run(self, run_id: str) -> Run:
        """One run.

        Raises:
            NotFound: There is none of that id (caller).
        """
        return _read(Run, self._send("GET", f"{_V2}/runs/{run_id}"))

    def runs(
        self, *, experiment_id: str = "", recurring_run_id: str = "", states: tuple[str, ...] = ()
    ) -> Iterator[Run]:
        """Runs, newest first.

        Args:
            experiment_id: Only those of this experiment.
            recurring_run_id: Only those that this recurring run started.
            states: Only those in one of these states.
        """
        predicates: list[dict[str, Any]] = []
        if recurring_run_id:
            predicates.append(_predicate("recurring_run_id", recurring_run_id))
        if states:
            predicates.append({"operation": "IN", "key": "state", "string_values": {"values": list(states)}})
        query = {
            "experiment_id": experiment_id,
            "namespace": "" if experiment_id else self.namespace,
            "sort_by": "created_at desc",
            "filter": json.dumps({"predicates": predicates}) if predicates else "",
        }
        yield from self._each(f"{_V2}/runs", "runs", Run, query)

    def terminate(self, run_id: str) -> None:
        """Stop a run."""
        self._send("POST", f"{_V2}/runs/{run_id}:terminate")

    def retry(self, run_id: str) -> None:
        """Go on with a failed run from the tasks that failed."""
        self._send("POST", f"{_V2}/runs/{run_id}:retry", twice=False)

    def engine_nodes(self, run_id: str) -> dict[str, Any]:
        """What the workflow engine keeps of a run's nodes: why each failed, which pod it was.

        Only the older API tells it. Empty where the server does not have that any more, or nothing is known yet.
        """
        try:
            found = self._send("GET", f"/apis/v1beta1/runs/{run_id}")
            manifest = json.loads(found["pipeline_runtime"]["workflow_manifest"])
            return {"name": manifest["metadata"]["name"], "nodes": manifest["status"]["nodes"]}
        except (PenstockError, LookupError, TypeError, ValueError):
            return {}

    def log(self, run_id: str, pod: str) -> str:
        """What a task's container wrote, from its pod or from the archive.

        Raises:
            PenstockError: Neither has it any more (operator).
        """
        text = str(self._send("GET", f"/apis/v1alpha1/runs/{run_id}/nodes/{pod}/log"))
        if text.startswith('{"error_message":'):  # sent with the code 200
            raise PenstockError("neither its pod nor the archive has it any more")
        return text

    # Recurring runs

    def recurring_runs(self) -> list[RecurringRun]:
        """Every recurring run, oldest first."""
        query = {"namespace": self.namespace, "sort_by": "created_at asc"}
        return list(self._each(f"{_V2}/recurringruns", "recurringRuns", RecurringRun, query))

    def create_recurring_run(
        self,
        name: str,
        *,
        description: str,
        experiment: Experiment,
        pipeline_id: str,
        version_id: str,
        trigger: Trigger,
        parameters: Mapping[str, Any],
        max_concurrency: int,
        catch_up: bool,
        enabled: bool,
        pipeline_root: str = "",
        service_account: str = "",
    ) -> RecurringRun:
        """Make a recurring run; without a version it always starts the newest one."""
        body = {
            "display_name": name,
            "description": description,
            "experiment_id": experiment.experiment_id,
            "namespace": self.namespace,
            "pipeline_version_reference": _reference(pipeline_id, version_id),
            "trigger": trigger.model_dump(mode="json", exclude_none=True),
            "runtime_config": _runtime_config(parameters, pipeline_root),
            "max_concurrency": max_concurrency,
            "no_catchup": not catch_up,
            "mode": "ENABLE" if enabled else "DISABLE",
            "service_account": service_account,
        }
        return _read(RecurringRun, self._send("POST", f"{_V2}/recurringruns", json=body, twice=False))

    def enable(self, recurring_run_id: str, enabled: bool) -> None:
        """Let a recurring run start runs, or let it not; those under way go on."""
        self._send("POST", f"{_V2}/recurringruns/{recurring_run_id}:{'enable' if enabled else 'disable'}")

    def delete_recurring_run(self, recurring_run_id: str) -> None:
        """Delete a recurring run; that there is none any more is well.

        Its Workflow resources stay where the server knows how to (2.17 and newer); an older one deletes those too, and
        what is running of it ends. So delete one only when none of its runs is under way.
        """
        try:
            query = {"propagation_policy": "ORPHAN"}
            self._send("DELETE", f"{_V2}/recurringruns/{recurring_run_id}", query=query)
        except NotFound:
            return

    def _each(self, path: str, key: str, model: type[_Record], query: Mapping[str, str | int]) -> Iterator[_Record]:
        token = ""
        while True:
            page = self._send("GET", path, query={**query, "page_size": _PAGE, "page_token": token})
            yield from (_read(model, item) for item in page.get(key) or [])
            token = page.get("next_page_token") or page.get("nextPageToken") or ""
            if not token:
                return


def open_kubeflow(profile: ClusterProfile, *, patience_seconds: float = PATIENCE_SECONDS) -> Kubeflow:
    """The API server of a profile's cluster; nothing is sent yet.

    Args:
        profile: Where it is, and how one is let in.
        patience_seconds: How long a server that does not answer is tried again [s].

    Raises:
        BadInput: A file of credentials is missing or unusable (the profile's author).
    """
    namespace = profile.namespace if profile.kubeflow.multi_user else ""
    return Kubeflow(Sender(connect(profile.kubeflow), patience_seconds), namespace)


def _read(model: type[_Record], answer: Any) -> _Record:
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise PenstockError(f"the server's answer is no {model.__name__}: {place}: {first['msg']}") from None


def _there(kind: str, name: str, found: _Record | None) -> _Record:
    """What somebody else has just made, and what is therefore there."""
    if found is None:
        raise PenstockError(f"the server says that the {kind} {name!r} exists, and does not list it")
    return found


def _reference(pipeline_id: str, version_id: str) -> dict[str, str]:
    found = {"pipeline_id": pipeline_id, "pipeline_version_id": version_id}
    return {key: value for key, value in found.items() if value}


def _runtime_config(parameters: Mapping[str, Any], pipeline_root: str) -> dict[str, Any]:
    return {"parameters": dict(parameters), **({"pipeline_root": pipeline_root} if pipeline_root else {})}


def _predicate(key: str, value: str) -> dict[str, Any]:
    return {"operation": "EQUALS", "key": key, "string_value": value}


def _equals(key: str, value: str) -> str:
    return json.dumps({"predicates": [_predicate(key, value)]})
