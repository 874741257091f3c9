"""An artifact with what lies around it, and one of its files. Pure: records and previews in, HTML out."""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup

from penstock.lineage.neighbourhood import Neighbourhood
from penstock.lineage.records import ArtifactRecord, ExecutionRecord
from penstock.reporting import formats
from penstock.reporting.graph import Node, draw_graph
from penstock.reporting.page import mark, tone
from penstock.viewing.pages import artifact_link, render, run_link, task_anchor
from penstock.viewing.server_files import Listing, Preview


def artifact_page(around: Neighbourhood, listing: Listing) -> str:
    """The page of one artifact: what it is, where it came from, what was made of it, its files."""
    artifact = around.artifacts[0]
    contents = [("lineage", "Lineage"), ("files", "Files"), ("metadata", "Metadata")]
    return render(
        "local_artifact.html.j2",
        title=f"{artifact.kind} {formats.digest(artifact.digest or artifact.uri)}",
        contents=contents,
        artifact=artifact,
        around=around,
        numbered={known.id: known for known in around.artifacts},
        graph=Markup(draw_lineage(around)),  # noqa: S704 - drawn from escaped texts
        listing=listing,
        file_link=lambda name: file_link(artifact, name),
    )


def file_page(artifact: ArtifactRecord, name: str, shown: Preview) -> str:
    """The page of one file of an artifact."""
    return render(
        "local_file.html.j2",
        title=name,
        artifact=artifact,
        name=name,
        shown=shown,
        raw=file_link(artifact, name, raw=True),
    )


def draw_lineage(around: Neighbourhood) -> str:
    """The graph around an artifact as SVG; every box is a link."""
    nodes = [_artifact_box(artifact, artifact.id == around.centre) for artifact in around.artifacts]
    nodes += [_execution_box(execution) for execution in around.executions]
    edges = [(f"e{execution}", f"a{artifact}") for execution, artifact in around.made]
    edges += [(f"a{artifact}", f"e{execution}") for artifact, execution in around.took]
    return draw_graph(nodes, edges, says="Where this artifact came from and what was made of it", css_class="right")


def file_link(artifact: ArtifactRecord, name: str, *, raw: bool = False) -> str:
    """Where a file of an artifact is shown, or handed out as it is.

    Example:
        >>> file_link(ArtifactRecord(kind="model", uri="/m", digest="", id=3), "variables/a b")
        '/artifacts/3/files/variables/a%20b'
    """
    return f"{artifact_link(artifact.id)}/{'raw' if raw else 'files'}/{quote(name)}"


def _execution_box(execution: ExecutionRecord) -> Node:
    return Node(
        id=f"e{execution.id}",
        title=execution.task,
        text=f"…{execution.run_id[-16:]}",
        tone=tone(execution.state),
        mark=mark(execution.state),
        href=f"{run_link(execution.run_id)}#{task_anchor(execution.task)}",
        says=f"Task {execution.task} of run {execution.run_id}: {execution.state}",
    )


def _artifact_box(artifact: ArtifactRecord, central: bool) -> Node:
    return Node(
        id=f"a{artifact.id}",
        title=artifact.kind,
        text=formats.digest(artifact.digest) or artifact.uri[-22:],
        tone="centre" if central else "plain",
        mark="◆" if central else "◇",
        href=artifact_link(artifact.id),
        says=f"{artifact.kind} {artifact.uri}" + (" (this one)" if central else ""),
    )
