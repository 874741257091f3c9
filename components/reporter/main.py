"""Reads whatever artifacts it is given, writes the page and its summary."""

from components.reporter.logic import PARTS, parts, view
from components.reporter.spec import SPEC, ReporterParams
from penstock.artifacts import Artifact, Report, Summary
from penstock.sdk import BadInput, Context, main


def run(context: Context[ReporterParams]) -> None:
    """Read, draw, write."""
    from penstock.reporting import drawing_process
    from penstock.reporting.page import render
    from penstock.reporting.reading import read_findings
    from penstock.reporting.summary import summarize

    names = [name for inputs in PARTS.values() for name in inputs]
    given: dict[str, Artifact] = {}
    for name in names:
        artifact = context.optional(name, SPEC.inputs[name].noun)
        if artifact is not None:
            given[name] = artifact
    if not given:
        raise BadInput("reporter was given nothing to report", f"Give it at least one of {', '.join(names)}")
    with drawing_process.ahead():
        title, findings = context.params.title, read_findings(parts(given))
        context.output("report", Report).write_text(Report.main_file, render(view(title, findings)))
    context.output("summary", Summary).write_text(Summary.main_file, summarize(title, findings))


if __name__ == "__main__":
    main(SPEC, run)
