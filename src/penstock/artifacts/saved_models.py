"""SavedModels whose bytes depend on nothing but what they compute.

TensorFlow writes nodes in hash order, numbers functions and their captured arguments with a counter of the process,
names lookup tables by the path of a temporary file, and draws a random identity for every save. A digest over such
files would never be the same twice.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_TABLE_PATH = re.compile(rb"b'/[^']*/([^/']+)'")
_TABLE_LOADED = re.compile(rb"(_load_\d+_\d+)+$")
_NUMBERED = re.compile(r"(.*)_(\d+)")


def make_reproducible(folder: Path) -> None:
    """Rewrite a SavedModel so that the same model, saved again elsewhere, has the same bytes.

    What it computes stays the same.

    Args:
        folder: A folder that `tf.saved_model.save` wrote.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for meta_graph in model.meta_graphs:
        _rewrite(meta_graph)
    path.write_bytes(model.SerializeToString(deterministic=True))
    # A hash of the rest, in an order that changes from one process to the next; readers do without.
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def _rewrite(meta_graph: Any) -> None:
    library = meta_graph.graph_def.library
    concrete = meta_graph.object_graph_def.concrete_functions
    for function in library.function:
        name = function.signature.name
        captured = len(concrete[name].bound_inputs) if name in concrete else len(function.signature.input_arg)
        _name_arguments(function, captured)
        _name_tables(function.node_def)
        _sort_nodes(function.node_def)
    _name_tables(meta_graph.graph_def.node)
    _name_functions(meta_graph)
    functions = sorted(library.function, key=lambda function: str(function.signature.name))
    del library.function[:]
    library.function.extend(functions)


def _name_arguments(function: Any, captured: int) -> None:
    """Name the last arguments, which are captured and bear a counter, by their position."""
    arguments = function.signature.input_arg
    names = {}
    for position in range(len(arguments) - captured, len(arguments)):
        names[arguments[position].name] = arguments[position].name = f"captured_argument_{position}"
        if "_user_specified_name" in function.arg_attr[position].attr:
            function.arg_attr[position].attr["_user_specified_name"].s = arguments[position].name.encode()
    for node in function.node_def:
        for place, name in enumerate(node.input):
            if name in names:
                node.input[place] = names[name]
    for returned in (function.ret, function.control_ret):
        for key, name in list(returned.items()):
            if name in names:
                returned[key] = names[name]


def _name_functions(meta_graph: Any) -> None:
    """Count functions of one kind from 0 in the order in which they were traced."""
    library, objects = meta_graph.graph_def.library, meta_graph.object_graph_def
    kinds: dict[str, list[int]] = {}
    for function in library.function:
        if match := _NUMBERED.fullmatch(function.signature.name):
            kinds.setdefault(match[1], []).append(int(match[2]))
    names = {f"{kind}_{old}": f"{kind}_{new}" for kind, n in kinds.items() for new, old in enumerate(sorted(n))}

    for function in library.function:
        function.signature.name = names.get(function.signature.name, function.signature.name)
    nodes = [node for function in library.function for node in function.node_def]
    for node in [*meta_graph.graph_def.node, *nodes]:
        node.op = names.get(node.op, node.op)
        for value in node.attr.values():
            for called in (*([value.func] if value.HasField("func") else []), *value.list.func):
                called.name = names.get(called.name, called.name)
    concrete = {names.get(key, key): value.SerializeToString() for key, value in objects.concrete_functions.items()}
    objects.concrete_functions.clear()
    for key in sorted(concrete):
        objects.concrete_functions[key].ParseFromString(concrete[key])
    for saved in objects.nodes:
        if saved.HasField("bare_concrete_function"):
            bare = saved.bare_concrete_function
            bare.concrete_function_name = names.get(bare.concrete_function_name, bare.concrete_function_name)
        if saved.HasField("function"):
            renamed = [names.get(name, name) for name in saved.function.concrete_functions]
            saved.function.concrete_functions[:] = renamed


def _name_tables(nodes: Iterable[Any]) -> None:
    """Take the folder of the vocabulary, and what loading has added, out of the names of lookup tables."""
    for node in nodes:
        if "shared_name" in node.attr:
            name = _TABLE_PATH.sub(rb"\1", node.attr["shared_name"].s)
            node.attr["shared_name"].s = _TABLE_LOADED.sub(b"", name)


def _sort_nodes(nodes: Any) -> None:
    """Put nodes into the one order in which each follows its inputs and names break ties."""
    by_name = {str(node.name): node for node in nodes}
    order = list(_sorted({name: {_source(i) for i in node.input} & set(by_name) for name, node in by_name.items()}))
    if len(order) == len(by_name):  # loops of TensorFlow 1 go round; they are left as they are
        copies = [type(by_name[name]).FromString(by_name[name].SerializeToString()) for name in order]
        del nodes[:]
        nodes.extend(copies)


def _source(node_input: str) -> str:
    return node_input.lstrip("^").split(":")[0]


def _sorted(waits: dict[str, set[str]]) -> Iterator[str]:
    """Sort names topologically, smallest first among those that are ready; those in a circle never come."""
    followers: dict[str, list[str]] = {name: [] for name in waits}
    for name, sources in waits.items():
        for source in sources:
            followers[source].append(name)
    ready = [name for name, sources in waits.items() if not sources]
    heapq.heapify(ready)
    while ready:
        name = heapq.heappop(ready)
        yield name
        for follower in followers[name]:
            waits[follower].discard(name)
            if not waits[follower]:
                heapq.heappush(ready, follower)
