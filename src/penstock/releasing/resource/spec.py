"""What Git holds of a release."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from penstock.releasing.base import Part
from penstock.releasing.gates.spec import Gates
from penstock.releasing.resource.bundle import Bundle, Name, Scaling, Serving, Version
from penstock.releasing.resource.ladder import (
    BAKE,
    DEFAULT_LADDER,
    Bake,
    Guardrails,
    LadderStep,
    Promotion,
    WarmUp,
)


class RouteMode(StrEnum):
    """How traffic is split."""

    AUTO = "auto"
    """By what the cluster has: Istio with Knative, else the Gateway API. What was chosen is kept, see status."""
    GATEWAY_API = "gatewayAPI"
    """An HTTPRoute over two InferenceServices: KServe's Standard mode."""
    ISTIO = "istio"
    """A VirtualService over two InferenceServices: KServe's Serverless mode."""
    KSERVE_CANARY = "kserveCanary"
    """One InferenceService with canaryTrafficPercent: Serverless mode only. It has no shadow."""


class Gateway(Part):
    """The gateway that clients come through."""

    name: Name
    """Its name: `kserve-ingress-gateway`, `kubeflow-gateway`."""
    namespace: Name
    """Its namespace."""


class Route(Part):
    """Where clients reach the model, and how their traffic is split."""

    CEL: ClassVar[tuple[tuple[str, str], ...]] = (
        (
            "self.mode == 'kserveCanary' || (self.host != '' && has(self.gateway))",
            "route needs host and gateway, except in mode kserveCanary, where KServe's own route is used.",
        ),
    )

    mode: RouteMode = RouteMode.AUTO
    """How traffic is split."""
    host: Annotated[str, StringConstraints(max_length=253, pattern=r"^([a-z0-9*]([-a-z0-9.]*[a-z0-9])?)?$")] = ""
    """The host name that clients ask for."""
    gateway: Gateway | None = None
    """The gateway that they come through."""

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if self.mode is not RouteMode.KSERVE_CANARY and not (self.host and self.gateway):
            raise ValueError(self.CEL[0][1])
        return self


class ModelReleaseSpec(Part):
    """The model that is to serve, and how it is to earn that. The controller writes nothing of it."""

    CEL: ClassVar[tuple[tuple[str, str], ...]] = (
        (
            "self.ladder.all(s, self.ladder.exists_one(t, t.name == s.name))",
            "Each step of the ladder needs a name of its own.",
        ),
        (
            "self.ladder.all(s, s.name != 'bake')",
            "No step of the ladder may be called 'bake': that is what follows the last one.",
        ),
        (
            "self.ladder.map(s, s.weightPercent).isSorted()",
            "The ladder's weightPercent must not fall from one step to the next; shadow steps come first.",
        ),
        (
            "self.ladder.exists(s, s.weightPercent == 100)",
            "The ladder must end with a step of weightPercent 100.",
        ),
        (
            "self.route.mode != 'kserveCanary' || self.ladder.all(s, s.mirrorPercent == 0)",
            "Mode kserveCanary has no shadow: KServe cannot mirror. Remove the steps that have mirrorPercent.",
        ),
        (
            "self.promotion.approveBefore.all(n, n == 'bake' || self.ladder.exists(s, s.name == n))",
            "promotion.approveBefore names a step that the ladder does not have.",
        ),
        (
            "!has(self.fallback) || self.fallback.digest != self.model.digest",
            "fallback must be another bundle than model.",
        ),
        (
            "self.ladder.all(s, s.mirrorPercent == 0) || self.analysis.gates.exists(g, g.advance && g.inShadow)",
            "The ladder has a shadow step, and no gate that a step waits for (advance) is judged in shadow (inShadow).",
        ),
    )

    model: Bundle
    """The bundle that is to serve."""
    serving: Serving
    """What it runs on."""
    scaling: Scaling = Scaling()
    """How many pods serve it."""
    route: Route
    """Where clients reach it."""
    fallback: Bundle | None = None
    """The bundle that serves where none has been promoted yet: the first model is then compared with it."""
    ladder: Annotated[tuple[LadderStep, ...], Field(min_length=1, max_length=32)] = DEFAULT_LADDER
    """Steps from shadow to all traffic."""
    analysis: Gates = Gates()
    """The gates: what the candidate must prove, and what must not be proven of it."""
    warm_up: WarmUp = WarmUp()
    """What the candidate gets before the first."""
    promotion: Promotion = Promotion()
    """Whether a person approves steps."""
    bake: Bake = Bake()
    """How long the way back is kept open after the last step."""
    guardrails: Guardrails = Guardrails()
    """Limits whatever the gates say."""
    paused: bool = False
    """Hold where it is: no advance and no promotion. Harm still rolls back."""
    retry_token: Annotated[str, StringConstraints(max_length=64)] = ""
    """Any other word than before: try a rejected bundle again, or go on with a paused release."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        weights = [step.weight_percent for step in self.ladder]
        names = {step.name for step in self.ladder}
        shadows = any(step.is_shadow for step in self.ladder)
        met = (
            len(names) == len(self.ladder),
            BAKE not in names,
            weights == sorted(weights),
            100 in weights,
            not (shadows and self.route.mode is RouteMode.KSERVE_CANARY),
            {*self.promotion.approve_before} <= {*names, BAKE},
            not self.fallback or self.fallback.digest != self.model.digest,
            not shadows or any(gate.advance and gate.in_shadow for gate in self.analysis.gates),
        )
        for holds, (_, message) in zip(met, self.CEL, strict=True):
            if not holds:
                raise ValueError(message)
        return self

    @cached_property
    def target(self) -> Version:
        """What is to serve in the end."""
        return Version(bundle=self.model, serving=self.serving)

    @property
    def steps(self) -> tuple[LadderStep, ...]:
        """The ladder with the bake as its last step."""
        bake = LadderStep(
            name=BAKE,
            weight_percent=100,
            min_samples=self.bake.min_samples,
            min_seconds=self.bake.seconds,
            deadline_seconds=self.bake.deadline_seconds,
        )
        return (*self.ladder, bake)
