"""SavedModels whose bytes depend on nothing but what they compute.

TensorFlow writes nodes in hash order, numbers functions with a counter of the process, names lookup tables by the path
of a temporary file, and draws a random identity for every save. A digest over such files would never be the same twice.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from penstock.artifacts.digest import digest_file

_TABLE_PATH = re.compile(rb"b'(/[^']*/)?([^/']+)'")
_UUID = "00000000-0000-4000-8000-000000000000"


def make_reproducible(folder: Path) -> None:
    """Rewrite a SavedModel so that the same model, saved again elsewhere, has the same bytes.

    What it computes stays the same. Lookup tables are named by the content of their vocabulary instead of by its path:
    TensorFlow lets tables of one name share their content within a process, whichever model they came with.

    Args:
        folder: A folder that `tf.saved_model.save` wrote; nothing may have been added to it.
    """
    from tensorflow.core.protobuf import fingerprint_pb2, saved_model_pb2
    from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting

    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    digests = {asset.name.encode(): digest_file(asset)[7:23].encode() for asset in folder.glob("assets/*")}
    for meta_graph in model.meta_graphs:
        graph = meta_graph.graph_def
        for function in graph.library.function:
            _name_tables(function.node_def, digests)
            _sort_nodes(function.node_def)
        _name_tables(graph.node, digests)
        functions = sorted(graph.library.function, key=lambda function: function.signature.name)
        del graph.library.function[:]
        graph.library.function.extend(functions)
    path.write_bytes(model.SerializeToString(deterministic=True))

    identity = folder / "fingerprint.pb"
    fingerprint = fingerprint_pb2.FingerprintDef.FromString(fingerprinting.CreateFingerprintDef(str(folder)))
    fingerprint.DiscardUnknownFields()
    if "uuid" in fingerprint.DESCRIPTOR.fields_by_name:  # since TensorFlow 2.17
        fingerprint.uuid = _UUID
    identity.write_bytes(fingerprint.SerializeToString(deterministic=True))


def _name_tables(nodes: Iterable[Any], digests: dict[bytes, bytes]) -> None:
    def by_content(match: re.Match[bytes]) -> bytes:
        return b"%s:%s" % (match[2], digests.get(match[2], b""))

    for node in nodes:
        if "shared_name" in node.attr:
            node.attr["shared_name"].s = _TABLE_PATH.sub(by_content, node.attr["shared_name"].s)


def _sort_nodes(nodes: Any) -> None:
    """Put nodes into the one order in which each follows its inputs and names break ties."""
    by_name = {node.name: node for node in nodes}
    waits = {name: {i.lstrip("^").split(":")[0] for i in node.input} & set(by_name) for name, node in by_name.items()}
    followers: dict[str, list[str]] = {name: [] for name in by_name}
    for name, sources in waits.items():
        for source in sources:
            followers[source].append(name)
    ready = [name for name, sources in waits.items() if not sources]
    heapq.heapify(ready)
    order = []
    while ready:
        name = heapq.heappop(ready)
        order.append(by_name[name])
        for follower in followers[name]:
            waits[follower].discard(name)
            if not waits[follower]:
                heapq.heappush(ready, follower)
    if len(order) == len(by_name):  # a cycle (a TF1 loop) is left as it is
        copies = [type(node).FromString(node.SerializeToString()) for node in order]
        del nodes[:]
        nodes.extend(copies)
