"""A release as it is kept, with two attempts: one promoted, one rolled back; names as hostile as they may be."""

from __future__ import annotations

from penstock.artifacts.verdict import Verdict
from penstock.releasing.local.store import Stored
from penstock.releasing.local.timeline import Seen, seen_of
from penstock.releasing.reading import GateReading
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.status import (
    Condition,
    Deployed,
    HistoryEntry,
    ModelReleaseStatus,
    Phase,
    Rejection,
    RouteStatus,
    Split,
    Trial,
    Twin,
)
from tests.unit.releasing.releases import at, bundle, spec_of

HOSTILE = "<script>alert(1)</script>"
SPEC = spec_of("three")


def deployed(name: str, twin: Twin) -> Deployed:
    return Deployed(version=Version(bundle=spec_of(name).model, serving=SPEC.serving), twin=twin)


def readings(samples: int, e_value: float, verdict: Verdict) -> tuple[GateReading, ...]:
    whole = GateReading(
        gate="errors",
        verdict=verdict,
        stable_samples=samples,
        candidate_samples=samples,
        estimate=0.01,
        lower=-0.01 if samples > 20 else None,
        upper=0.03 if samples > 20 else None,
        e_value=e_value,
        text=f"{verdict} on {HOSTILE}",
    )
    return whole, whole.model_copy(update={"slice": f"carrier={HOSTILE}"})


def moment(number: int, seconds: float, name: str, **fields: object) -> Seen:
    """A look at an attempt."""
    stable, candidate = deployed("one" if number == 1 else "two", Twin.A), deployed(name, Twin.B)
    trial = Trial(number=number, started=at(0), step=str(fields.pop("step", "shadow")))
    share, copies = int(str(fields.pop("share", 0))), int(str(fields.pop("copies", 0)))
    split = Split.of(Twin.A, share, copies)
    whole = {
        **{"phase": Phase.RELEASING, "message": "on its way", "stable": stable, "candidate": candidate},
        **{"trial": trial, "route": RouteStatus(wanted=split, seen=split)},
    }
    return seen_of(ModelReleaseStatus.model_validate({**whole, **fields}), at(seconds))


def moments() -> list[Seen]:
    found = []
    for number, name in ((1, "two"), (2, "three")):
        begin = number * 1000.0
        found.append(moment(number, begin, name, step="", phase=Phase.PREPARING))
        found.append(moment(number, begin + 5, name, copies=20))
        for look in range(400):
            grown = 2.0**look if number == 2 and look < 8 else 0.1
            gates = readings(look * 10, grown, Verdict.INCONCLUSIVE)
            found.append(moment(number, begin + 10 + look, name, copies=20, gates=gates))
        last = readings(5000, 200.0 if number == 2 else 0.0, Verdict.FAILED if number == 2 else Verdict.SUCCESSFUL)
        found.append(moment(number, begin + 450, name, step="canary-50", share=50, gates=last))
    return found


def stored() -> Stored:
    digests = {name: bundle(name)["digest"] for name in ("two", "three")}
    history = (
        HistoryEntry(at=at(1000), trial=1, digest=digests["two"], event="Started", text="trial 1 begins"),
        HistoryEntry(at=at(1460), trial=1, digest=digests["two"], event="Promoted", text="two is promoted"),
        HistoryEntry(at=at(2460), trial=2, digest=digests["three"], event="RolledBack", text=f"three: {HOSTILE}"),
    )
    rejection = Rejection(
        digest=digests["three"],
        version_id=SPEC.target.id,
        retry_token="",
        at=at(2460),
        reason="GateFailed",
        text=f"errors: {HOSTILE}",
    )
    status = ModelReleaseStatus(
        observed_generation=2,
        phase=Phase.ROLLED_BACK,
        message=f"rejected: {HOSTILE}",
        stable=deployed("two", Twin.B),
        previous=deployed("one", Twin.A).version,
        trial=Trial(number=2, started=at(2000), step="canary-50", weight_percent=50),
        route=RouteStatus(wanted=Split.of(Twin.B), seen=Split.of(Twin.B)),
        history=history,
        rejected=(rejection,),
        conditions=(
            Condition(type="Degraded", status="True", reason="GateFailed", message="", last_transition_time=at(2460)),
        ),
    )
    return Stored("flights", 2, SPEC, 9, status)
