"""Wiring of the flights pipeline: from source files to a release bundle, through three gates."""

from components.data_validator.spec import SPEC as DATA_VALIDATOR
from components.evaluator.spec import SPEC as EVALUATOR
from components.infra_validator.spec import SPEC as INFRA_VALIDATOR
from components.ingest.spec import SPEC as INGEST
from components.pusher.spec import SPEC as PUSHER
from components.reporter.spec import SPEC as REPORTER
from components.trainer.spec import SPEC as TRAINER
from components.transform.spec import SPEC as TRANSFORM
from penstock.authoring import Pipeline


def build(p: Pipeline) -> None:
    """Add the tasks."""
    data = p.task("ingest", INGEST)
    checked = p.task("validate", DATA_VALIDATOR, examples=data["examples"])

    with p.when_open(checked):
        features = p.task("transform", TRANSFORM, examples=checked["accepted"], schema=checked["schema"])
        trained = p.task(
            "train",
            TRAINER,
            examples=checked["accepted"],
            transformed_examples=features["transformed_examples"],
            transform_graph=features["transform_graph"],
            schema=checked["schema"],
        )
        judged = p.task("evaluate", EVALUATOR, examples=checked["accepted"], model=trained["model"])
        proven = p.task("prove", INFRA_VALIDATOR, model=trained["model"])
        p.task(
            "report",
            REPORTER,
            statistics=checked["statistics"],
            anomalies=checked["anomalies"],
            model=trained["model"],
            evaluation=judged["evaluation"],
            blessing=judged["blessing"],
            infra_blessing=proven["blessing"],
        )

        with p.when_open(judged, proven):
            p.task(
                "push",
                PUSHER,
                model=trained["model"],
                schema=checked["schema"],
                transform_graph=features["transform_graph"],
                evaluation=judged["evaluation"],
                blessing=judged["blessing"],
                infra_blessing=proven["blessing"],
            )
