"""A profile by its name or its file: one strict reader for all kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from penstock.profiles.cluster import ClusterProfile
from penstock.profiles.containers import ContainersProfile
from penstock.profiles.local import LocalProfile
from penstock.sdk import BadInput
from penstock.sdk.params import explain_each
from penstock.strict_yaml import read_yaml

Profile = LocalProfile | ContainersProfile | ClusterProfile

PROFILE_FILE = "profile.yaml"
OVERLAYS = Path("kustomize") / "overlays"
"""Where a project keeps the profiles of its clusters: beside what is applied there."""

_BUILT_IN: dict[str, type[LocalProfile | ContainersProfile]] = {"local": LocalProfile, "containers": ContainersProfile}
_KINDS: dict[str, type[Profile]] = {**_BUILT_IN, "cluster": ClusterProfile}


def find_profile(reference: str) -> Profile:
    """Find a profile.

    Args:
        reference: `local`, `containers`, the name of an overlay under kustomize/overlays of this folder or of one
            above, or the path of a file.

    Raises:
        BadInput: There is none of that name, or the file is not a profile; the message has the line (caller).
    """
    if reference in _BUILT_IN:
        return _BUILT_IN[reference]()
    if "/" in reference or reference.endswith((".yaml", ".yml")):
        return read_profile(Path(reference))
    here = Path.cwd()
    overlays = [folder / OVERLAYS for folder in (here, *here.parents) if (folder / OVERLAYS).is_dir()]
    for folder in overlays:
        if (folder / reference / PROFILE_FILE).is_file():
            return read_profile(folder / reference / PROFILE_FILE)
    known = [
        *_BUILT_IN,
        *(path.parent.name for folder in overlays for path in sorted(folder.glob(f"*/{PROFILE_FILE}"))),
    ]
    raise BadInput(f"there is no profile {reference!r}", f"There are: {', '.join(known)}; or name a file")


def find_cluster(reference: str) -> ClusterProfile:
    """Find the profile of a cluster, as `find_profile` does.

    Raises:
        BadInput: There is none, or it is no cluster's (caller).
    """
    profile = find_profile(reference)
    if not isinstance(profile, ClusterProfile):
        hint = f"Name an overlay under {OVERLAYS}, or a file with `kind: cluster`"
        raise BadInput(f"the profile {reference!r} is no cluster's", hint)
    return profile


def read_profile(path: Path) -> Profile:
    """Read a profile's file.

    Raises:
        BadInput: It is missing or not a profile; the message has the line (the file's author).
    """
    document = read_yaml(path)
    value: Any = document.value
    model = _KINDS.get(str(value.get("kind"))) if isinstance(value, dict) else None
    if model is None:
        raise BadInput(f"{document.place(('kind',))}: a profile is a mapping with `kind: {' | '.join(_KINDS)}`")
    try:
        profile = model.model_validate(value)
    except ValidationError as error:
        found = explain_each(error, model, place=document.prefix)
        raise BadInput("; ".join(found), findings=found) from None
    if isinstance(profile, ClusterProfile):
        profile.stands_in(document)
    return profile
