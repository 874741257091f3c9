"""`penstock components`: what there is to build pipelines from."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from penstock.cli.output import console, json_option, print_json, print_table

if TYPE_CHECKING:
    from penstock.authoring.interface import Interface, Key


@click.command(name="components", short_help="List the components, or show one's interface.")
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the components of the project, or show the parameters, inputs and outputs of one.

    \b
    Examples:
      penstock components
      penstock components trainer
      penstock components trainer --json
    """
    from penstock.authoring.discovery import find_component, find_components
    from penstock.authoring.interface import describe

    if name:
        interface = describe(find_component(name))
        print_json(asdict(interface)) if as_json else _show(interface)
        return
    interfaces = [describe(spec) for spec in find_components().values()]
    if as_json:
        print_json([asdict(interface) for interface in interfaces])
        return
    rows = [[i.name, i.stage, i.image, "yes" if i.gate else "", i.summary] for i in interfaces]
    print_table(["component", "stage", "image", "gate", "what it does"], rows)


def _show(interface: Interface) -> None:
    out = console()
    out.print(f"[bold]{interface.name}[/bold]  {interface.summary}\n")
    ports = [("input", port) for port in interface.inputs] + [("output", port) for port in interface.outputs]
    rows = [[way, port.name, port.kind, "optional" if port.optional else ""] for way, port in ports]
    print_table(["port", "name", "kind", ""], rows)
    out.print()
    keys: list[tuple[str, Key]] = [(p.name, p) for p in interface.parameters]
    for structure in interface.structures:
        keys += [(f"{structure.name}.{key.name}", key) for key in structure.keys]
    rows = [
        [n, k.shown, "required" if k.required else repr(k.default), " ".join(k.description.split())] for n, k in keys
    ]
    print_table(["parameter", "type", "default", "meaning"], rows)
