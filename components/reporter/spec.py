"""The interface of `reporter`."""

from pydantic import Field

from penstock.artifacts import (
    Anomalies,
    InfraBlessing,
    Model,
    ModelBlessing,
    ModelEvaluation,
    Report,
    Statistics,
    Summary,
    Tuning,
)
from penstock.sdk import ComponentSpec, In, Out, Params


class ReporterParams(Params):
    """What the page is called."""

    title: str = Field(default="Report", min_length=1, max_length=200)
    """The heading of the page."""


SPEC = ComponentSpec(
    name="reporter",
    stage="analyse",
    image="runtime",
    summary="Write what the artifacts of a run say as one HTML page and in short, which Kubeflow's UI shows.",
    params=ReporterParams,
    inputs={
        "statistics": In(Statistics, optional=True),
        "anomalies": In(Anomalies, optional=True),
        "tuning": In(Tuning, optional=True),
        "model": In(Model, optional=True),
        "evaluation": In(ModelEvaluation, optional=True),
        "blessing": In(ModelBlessing, optional=True),
        "infra_blessing": In(InfraBlessing, optional=True),
    },
    outputs={"report": Out(Report), "summary": Out(Summary)},
    warm=("jinja2", "vl_convert", "penstock.reporting.run_page", "penstock.reporting.reading"),
    uses=("penstock.reporting",),
)
