"""`penstock release propose`: another bundle, as a change of Git."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.output import json_option, print_json


@click.command(name="propose", short_help="Change the bundle of a release in Git: a commit, or a patch.")
@click.option(
    "-f", "--file", "path", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The release's file."
)
@click.option("--digest", default="", metavar="sha256:...", help="The bundle's digest.")
@click.option(
    "--bundle", type=click.Path(path_type=Path, file_okay=False), help="Instead: the bundle, whose manifest says it."
)
@click.option("--storage-uri", required=True, help="Where the cluster finds the bundle: s3://models/flights/6f1c.")
@click.option("--commit", "as_commit", is_flag=True, help="Commit the file, and nothing else, on the current branch.")
@click.option("--patch", type=click.Path(path_type=Path, dir_okay=False), help="Write a patch, and leave the file.")
@json_option
def command(
    path: Path, digest: str, bundle: Path | None, storage_uri: str, as_commit: bool, patch: Path | None, as_json: bool
) -> None:
    """Change the bundle that a release names, and nothing else in its file: the rest is Argo CD's or Flux's to do.

    Without --commit and --patch, the file is changed where it is.

    \b
    Examples:
      penstock release propose -f releases/flights.yaml --bundle pushed/ --storage-uri s3://models/f/6f1c --commit
      penstock release propose -f releases/flights.yaml --digest sha256:... --storage-uri s3://... --patch new.patch
    """
    from penstock.releasing.proposing import commit, digest_of_bundle, propose
    from penstock.sdk.entry import write_atomically

    if bool(digest) == (bundle is not None):
        raise click.UsageError("Give either --digest or --bundle.", click.get_current_context())
    if as_commit and patch:
        raise click.UsageError("Give either --commit or --patch.", click.get_current_context())
    proposal = propose(path, digest or digest_of_bundle(bundle or Path()), storage_uri)
    name, short = path.stem, proposal.digest.removeprefix("sha256:")[:12]
    told = {"file": str(path), "digest": proposal.digest, "changed": proposal.before != proposal.after}
    if not told["changed"]:
        said = f"{path} names {short} already"
    elif patch:
        write_atomically(patch, proposal.patch)
        told["patch"], said = str(patch), f"wrote {patch}: {name} is to serve {short}"
    elif as_commit:
        told["commit"] = commit(proposal, f"Release {short} of {name}")
        said = f"committed {str(told['commit'])[:12]}: {name} is to serve {short}"
    else:
        write_atomically(path, proposal.after)
        said = f"changed {path}: {name} is to serve {short}"
    if as_json:
        print_json(told)
    else:
        click.echo(said)
