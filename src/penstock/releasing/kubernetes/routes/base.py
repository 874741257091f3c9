"""What a kind of route must know."""

from __future__ import annotations

from typing import Protocol

from penstock.releasing.kubernetes.api import Kind, Thing
from penstock.releasing.port import Key
from penstock.releasing.resource.names import RELEASE_LABEL, REVISION_ANNOTATION
from penstock.releasing.resource.spec import Route
from penstock.releasing.resource.status import Split, Twin


class RouteKind(Protocol):
    """A kind of route: pure functions between splits and objects."""

    kind: Kind
    """Where its objects are."""

    def route(self, key: Key, spec: Route, split: Split, revision: int) -> Thing:
        """The route that says a split, without its owner."""
        ...

    def helpers(self, key: Key) -> list[tuple[Kind, Thing]]:
        """What must be there before the route is written."""
        ...

    def split_of(self, key: Key, found: Thing) -> Split | None:
        """The split that a route says; None where it says none that sums to 100 over the two twins."""
        ...

    def is_live(self, found: Thing) -> bool:
        """Whether the gateway says that it took it, as far as it says such things."""
        ...


def route_name(key: Key) -> str:
    """What the route is called."""
    return f"{key.name}-release"


def metadata_of(key: Key, revision: int) -> Thing:
    """Name, labels and the revision of a route."""
    return {
        "name": route_name(key),
        "namespace": key.namespace,
        "labels": {RELEASE_LABEL: key.name, "app.kubernetes.io/managed-by": "penstock"},
        "annotations": {REVISION_ANNOTATION: str(revision)},
    }


def revision_of(found: Thing) -> int:
    """The decision that a route was written for; 0 where it does not say."""
    told = (found["metadata"].get("annotations") or {}).get(REVISION_ANNOTATION, "")
    return int(told) if told.isdecimal() else 0


def split_from(weights: dict[Twin, int], mirror: tuple[Twin, int] | None) -> Split | None:
    """A split from what was read, if it is one.

    Example:
        >>> split_from({Twin.A: 98, Twin.B: 2}, None).b_percent
        2
        >>> split_from({Twin.A: 98, Twin.B: 50}, None) is None
        True
    """
    a, b = weights.get(Twin.A, 0), weights.get(Twin.B, 0)
    if a < 0 or b < 0 or a + b != 100 or (mirror and not 0 < mirror[1] <= 100):
        return None
    return Split(a_percent=a, b_percent=b, mirror_percent=mirror[1] if mirror else 0, mirror_to=mirror and mirror[0])


def twins_in(split: Split) -> list[Twin]:
    """The twins that a route must name: those with traffic, and the one that gets a copy.

    One that gets nothing is not named: its Service may not be there, and some gateways refuse the whole route then.
    """
    return [twin for twin in Twin if split.weight_of(twin) or split.mirror_to is twin]
