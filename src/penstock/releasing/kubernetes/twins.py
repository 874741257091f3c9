"""A twin as a KServe InferenceService, and what its status says.

Source: the CRDs of KServe 0.15 to 0.20; `status.modelStatus` and the conditions as its controller writes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from penstock.releasing.kubernetes.api import Thing
from penstock.releasing.kubernetes.comparing import says
from penstock.releasing.planning.observed import TwinSeen
from penstock.releasing.port import Key
from penstock.releasing.resource.bundle import Scaling, Version
from penstock.releasing.resource.names import RELEASE_LABEL, TWIN_LABEL, VERSION_ANNOTATION
from penstock.releasing.resource.spec import RouteMode
from penstock.releasing.resource.status import Twin

_MODES = {RouteMode.GATEWAY_API: "RawDeployment", RouteMode.ISTIO: "Serverless"}
"""KServe's names of its modes; the newer ones, Standard and Knative, are not known before 0.16."""


def name_of(key: Key, twin: Twin) -> str:
    """The InferenceService that a twin is."""
    return f"{key.name}-{twin}"


def inference_service(key: Key, twin: Twin, version: Version, scaling: Scaling, mode: str) -> Thing:
    """The InferenceService of a twin, without its owner.

    It keeps KServe from making a route of its own (visibility), and both twins serve one model name (`modelname`, for a
    runtime that is started with `--model_name={{.Labels.modelname}}`), so that clients see no difference.
    """
    serving = version.serving
    model: Thing = {
        "modelFormat": {"name": serving.model_format},
        "runtime": serving.runtime,
        "protocolVersion": serving.protocol_version,
        "storageUri": version.bundle.storage_uri,
        "resources": {"requests": dict(serving.resources.requests), "limits": dict(serving.resources.limits)},
    }
    if serving.environment:
        model["env"] = [{"name": name, "value": value} for name, value in sorted(serving.environment.items())]
    predictor: Thing = {"minReplicas": scaling.min_replicas, "maxReplicas": scaling.max_replicas, "model": model}
    if serving.service_account:
        predictor["serviceAccountName"] = serving.service_account
    if serving.node_pool.node_selector:
        predictor["nodeSelector"] = dict(serving.node_pool.node_selector)
    if serving.node_pool.tolerations:
        dumped = [each.model_dump(mode="json", by_alias=True) for each in serving.node_pool.tolerations]
        predictor["tolerations"] = [{name: value for name, value in each.items() if value} for each in dumped]
    metadata: Thing = {
        "name": name_of(key, twin),
        "namespace": key.namespace,
        "labels": {
            RELEASE_LABEL: key.name,
            TWIN_LABEL: str(twin),
            "app.kubernetes.io/managed-by": "penstock",
            "modelname": key.name,
            "networking.kserve.io/visibility": "cluster-local",
            "networking.knative.dev/visibility": "cluster-local",
        },
        "annotations": {
            "serving.kserve.io/deploymentMode": _MODES[RouteMode(mode)],
            VERSION_ANNOTATION: json.dumps(version.model_dump(mode="json", by_alias=True), sort_keys=True),
        },
    }
    kind = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService"}
    return {**kind, "metadata": metadata, "spec": {"predictor": predictor}}


def seen_as(found: Thing, wanted: Thing) -> TwinSeen:
    """What a twin's InferenceService says.

    Args:
        found: As it is.
        wanted: As it would be made for the version that it says it is of.
    """
    metadata, status = found["metadata"], found.get("status") or {}
    version = version_of(found)
    # What answers is the model of the specification once KServe has come so far; only then does it say Loaded.
    model = (found["spec"].get("predictor") or {}).get("model")
    intact = says(model, wanted["spec"]["predictor"]["model"])
    return TwinSeen(
        version=version,
        ready=version is not None and intact and is_ready(status),
        drifted=not says(found, wanted),
        going="deletionTimestamp" in metadata,
        trouble=_trouble(status) if intact else "its specification was changed by hand",
    )


def version_of(found: Thing) -> Version | None:
    """The version that a twin says it was made for."""
    told = (found["metadata"].get("annotations") or {}).get(VERSION_ANNOTATION, "")
    try:
        return Version.model_validate_json(told)
    except ValidationError:
        return None


def is_ready(status: Mapping[str, Any]) -> bool:
    """Whether KServe says that requests are answered, by the newest revision, with the model that is named.

    `status.observedGeneration` is not looked at: KServe does not compare it with `metadata.generation`.
    """
    conditions = {each["type"]: each.get("status") for each in status.get("conditions") or []}
    if conditions.get("Ready") != "True" or conditions.get("PredictorReady", "True") != "True":
        return False
    if conditions.get("Stopped") == "True":
        return False
    model = status.get("modelStatus") or {}
    state = (model.get("states") or {}).get("targetModelState", "Loaded")
    if state != "Loaded" or model.get("transitionStatus", "UpToDate") != "UpToDate":
        return False
    predictor = (status.get("components") or {}).get("predictor") or {}
    created, ready = predictor.get("latestCreatedRevision"), predictor.get("latestReadyRevision")
    return bool(created == ready)


def _trouble(status: Mapping[str, Any]) -> str:
    """What KServe says is the matter, shortened."""
    failure = (status.get("modelStatus") or {}).get("lastFailureInfo") or {}
    said = " ".join(str(failure[key]) for key in ("reason", "message") if failure.get(key))
    for each in status.get("conditions") or []:
        if not said and each.get("status") == "False" and each["type"] in ("PredictorReady", "Ready"):
            said = " ".join(str(each[key]) for key in ("reason", "message") if each.get(key))
    return said[:300]
