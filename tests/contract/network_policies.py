"""What NetworkPolicies allow, decided as the API's reference says: the API server takes any, and checks nothing.

**Source:** https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.manifests import Thing

Direction = Literal["Ingress", "Egress"]


@dataclass(frozen=True)
class Peer:
    """A pod, or an address outside the cluster."""

    namespace: str = ""
    labels: Mapping[str, str] | None = None
    address: str = ""


def allowed(policies: Sequence[Thing], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out where it begins, and let in where it ends."""
    return all(
        _lets(policies, direction, here, there, (port, protocol))
        for here, there, direction in ((source, target, "Egress"), (target, source, "Ingress"))
    )


def selects(selector: Thing, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches; an empty one matches everything."""
    assert set(selector) <= {"matchLabels"}, f"the tests do not know {sorted(selector)}"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def _lets(policies: Sequence[Thing], direction: Direction, here: Peer, there: Peer, port: tuple[int, str]) -> bool:
    if here.labels is None:
        return True
    concerned = [
        policy["spec"]
        for policy in policies
        if policy["metadata"]["namespace"] == here.namespace
        and direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], here.labels)
    ]
    if not concerned:
        return True
    rules = [rule for spec in concerned for rule in spec.get(direction.lower(), [])]
    side = "to" if direction == "Egress" else "from"
    return any(_ports(rule, *port) and _peers(rule.get(side), here, there) for rule in rules)


def _ports(rule: Thing, port: int, protocol: str) -> bool:
    given = rule.get("ports")
    return given is None or any(one["port"] == port and one.get("protocol", "TCP") == protocol for one in given)


def _peers(given: Sequence[dict[str, Any]] | None, here: Peer, there: Peer) -> bool:
    return given is None or any(_peer(one, here, there) for one in given)


def _peer(one: dict[str, Any], here: Peer, there: Peer) -> bool:
    if block := one.get("ipBlock"):
        if not there.address:
            return False
        address = ipaddress.ip_address(there.address)
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(address in ipaddress.ip_network(net) for net in block.get("except", []))
    if there.labels is None:
        return False
    if "namespaceSelector" in one:
        # The one label that every namespace has, its name, is all that these policies ask for.
        if not selects(one["namespaceSelector"], {"kubernetes.io/metadata.name": there.namespace}):
            return False
    elif there.namespace != here.namespace:
        return False
    return "podSelector" not in one or selects(one["podSelector"], there.labels)
