"""`penstock controller`: the process that carries releases out on a cluster."""

from __future__ import annotations

from pathlib import Path

import click

_LEVELS = ("debug", "info", "warning", "error")


@click.command(name="controller", short_help="Carry out the releases of a cluster: shadow, canary, rollback.")
@click.option("--namespace", default="", help="Only the releases of one namespace. Left out: of all.")
@click.option(
    "--lease-namespace",
    default="penstock",
    show_default=True,
    help="Where the Lease is by which one controller leads and the others wait.",
)
@click.option(
    "--identity",
    default="",
    help="Who it is in the Lease: of a pod, its UID, so that its container, started again, leads on at once. No two "
    "processes at a time may have the same. Left out: one of its own.",
)
@click.option("--context", default="", help="A context of the kubeconfig. Left out: its current one, or the pod's own.")
@click.option("--prometheus", default="", metavar="URL", help="The Prometheus of gates whose source names none.")
@click.option(
    "--prediction-log",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the prediction log of gates whose source names none.",
)
@click.option("--listen", default="127.0.0.1", show_default=True, help="Address of /metrics, /healthz and /readyz.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port of them.")
@click.option("--workers", default=4, show_default=True, type=click.IntRange(1, 64), help="Releases looked at at once.")
@click.option("--log-level", default="info", show_default=True, type=click.Choice(_LEVELS), help="What is logged.")
def command(
    namespace: str,
    lease_namespace: str,
    identity: str,
    context: str,
    prometheus: str,
    prediction_log: Path | None,
    listen: str,
    port: int,
    workers: int,
    log_level: str,
) -> None:
    """Carry out every ModelRelease of a cluster, until SIGTERM: it then finishes what it does and lets another lead.

    Nothing is kept in the process: killed at any moment, the next one goes on where it was. The log is one JSON object
    a line, on standard error.

    \b
    Examples:
      penstock controller
      penstock controller --namespace ml --context staging --log-level debug
    """
    from penstock.releasing.kubernetes.running import Settings, run

    settings = Settings(
        namespace=namespace,
        lease_namespace=lease_namespace,
        identity=identity,
        context=context,
        prometheus=prometheus,
        prediction_log=prediction_log,
        listen=listen,
        port=port,
        workers=workers,
        log_level=log_level,
    )
    run(settings)
