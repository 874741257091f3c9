"""What Git holds of a release."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from penstock.releasing.base import Part
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
from penstock.releasing.resource.rules import Rule


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

    RULES: ClassVar = (
        Rule(
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


class ModelReleaseSpec(Part):
    """The model that is to serve, and how it is to earn that. The controller writes nothing of it."""

    RULES: ClassVar = (
        Rule(
            "self.ladder.all(s, self.ladder.exists_one(t, t.name == s.name))",
            "Each step of the ladder needs a name of its own.",
        ),
        Rule(
            "self.ladder.all(s, s.name != 'bake')",
            "No step of the ladder may be called 'bake': that is what follows the last one.",
        ),
        Rule(
            "self.ladder.map(s, s.weightPercent).isSorted()",
            "The ladder's weightPercent must not fall from one step to the next; shadow steps come first.",
        ),
        Rule(
            "self.ladder.exists(s, s.weightPercent == 100)",
            "The ladder must end with a step of weightPercent 100.",
        ),
        Rule(
            "self.route.mode != 'kserveCanary' || self.ladder.all(s, s.mirrorPercent == 0)",
            "Mode kserveCanary has no shadow: KServe cannot mirror. Remove the steps that have mirrorPercent.",
        ),
        Rule(
            "self.promotion.approveBefore.all(n, n == 'bake' || self.ladder.exists(s, s.name == n))",
            "promotion.approveBefore names a step that the ladder does not have.",
        ),
        Rule(
            "!has(self.fallback) || self.fallback.digest != self.model.digest",
            "fallback must be another bundle than model.",
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

    @property
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
