"""Releases for tests: a specification with short times, and what a gate says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.artifacts.digest import digest_bytes
from penstock.artifacts.verdict import Verdict
from penstock.releasing.reading import GateReading
from penstock.releasing.resource.spec import ModelReleaseSpec

START = datetime(2026, 1, 1, tzinfo=UTC)
LADDER = [
    {"name": "shadow", "mirrorPercent": 20, "minSamples": 10, "minSeconds": 5, "deadlineSeconds": 300},
    {"name": "canary-5", "weightPercent": 5, "minSamples": 10, "minSeconds": 5, "deadlineSeconds": 300},
    {"name": "canary-50", "weightPercent": 50, "minSamples": 10, "minSeconds": 5, "deadlineSeconds": 300},
    {"name": "canary-100", "weightPercent": 100, "minSamples": 10, "minSeconds": 5, "deadlineSeconds": 300},
]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def bundle(name: str) -> dict[str, str]:
    return {"digest": digest_bytes(name.encode()), "storageUri": f"s3://models/{name}"}


def spec_of(model: str, **fields: Any) -> ModelReleaseSpec:
    """A specification that names a bundle; ladder, bake and guardrails take seconds."""
    whole = {
        "model": bundle(model),
        "serving": {"runtime": "penstock"},
        "route": {
            "mode": "gatewayAPI",
            "host": "flights.example.com",
            "gateway": {"name": "public", "namespace": "gateways"},
        },
        "ladder": LADDER,
        "analysis": {"gates": [{"name": "errors", "metric": "errorRate"}], "missingLimitSeconds": 60},
        "warmUp": {"seconds": 5},
        "bake": {"seconds": 30, "deadlineSeconds": 600},
        "guardrails": {"startupSeconds": 120, "drainSeconds": 10, "maxInterruptions": 2},
    }
    return ModelReleaseSpec.model_validate({**whole, **fields})


def reading(verdict: Verdict, samples: int = 0, gate: str = "errors") -> GateReading:
    return GateReading(gate=gate, verdict=verdict, candidate_samples=samples, stable_samples=samples)
