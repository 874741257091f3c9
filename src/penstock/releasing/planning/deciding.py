"""The next phase of a release: one transition at most, from what is remembered and what is seen."""

from __future__ import annotations

from penstock.releasing.planning.draft import (
    Moment,
    attempt_of,
    begun,
    changed,
    noted,
    rejection_of,
    short,
    usable,
)
from penstock.releasing.planning.trying import try_candidate
from penstock.releasing.resource.bundle import Version
from penstock.releasing.resource.status import Deployed, ModelReleaseStatus, Phase, Twin


def decide(at: Moment, status: ModelReleaseStatus) -> ModelReleaseStatus:
    """Make one transition, if any is due."""
    if status.stable is None:
        return _first(at, status)
    if status.phase is Phase.STARTING:
        return _starting(at, status, status.stable)
    attempt = attempt_of(status)
    if attempt:
        return try_candidate(at, attempt)
    return _resting(at, status, status.stable)


def _first(at: Moment, status: ModelReleaseStatus) -> ModelReleaseStatus:
    """Nothing is remembered: take over what serves, else start the first model."""
    split = at.observed.route.split if at.observed.route else None
    if split:
        twin = max(Twin, key=split.weight_of)
        seen = at.observed.twins.get(twin)
        if seen and seen.version:
            status = changed(status, stable=Deployed(version=seen.version, twin=twin), phase=Phase.STABLE)
            return noted(status, at.now, "Adopted", f"{short(seen.version.bundle.digest)} was found serving")
        return changed(status, message=f"twin {twin} has traffic and does not say what it is: remove the route first")
    version = _first_version(at)
    status = changed(status, stable=Deployed(version=version, twin=Twin.A), phase=Phase.STARTING)
    return noted(status, at.now, "Started", f"{short(version.bundle.digest)} starts as the first model")


def _starting(at: Moment, status: ModelReleaseStatus, stable: Deployed) -> ModelReleaseStatus:
    if usable(at.observed, stable):
        text = f"{short(stable.version.bundle.digest)} serves as the first model"
        return noted(changed(status, phase=Phase.STABLE), at.now, "Promoted", text)
    version = _first_version(at)
    if version.id != stable.version.id:
        # It never served: nothing is lost with it.
        status = changed(status, stable=Deployed(version=version, twin=stable.twin))
        return noted(status, at.now, "Started", f"{short(version.bundle.digest)} starts as the first model instead")
    seen = at.observed.twins.get(stable.twin)
    return changed(status, message=(seen and seen.trouble) or "waiting for the first model to be ready")


def _first_version(at: Moment) -> Version:
    return Version(bundle=at.spec.fallback or at.spec.model, serving=at.spec.serving)


def _resting(at: Moment, status: ModelReleaseStatus, stable: Deployed) -> ModelReleaseStatus:
    """Nothing is being tried: begin, if Git names what is neither stable nor rejected."""
    spec = at.spec
    if spec.target.id == stable.version.id:
        return changed(status, phase=Phase.STABLE, message=f"{short(spec.model.digest)} serves")
    rejection = rejection_of(status, spec)
    if rejection:
        text = f"{short(rejection.digest)} was rejected: {rejection.text}. Name another bundle, or another retryToken"
        return changed(status, phase=Phase.ROLLED_BACK, message=text)
    if spec.paused:
        return changed(status, phase=Phase.STABLE, message=f"paused before {short(spec.model.digest)} is tried")
    return begun(status, spec, stable, at.now)
