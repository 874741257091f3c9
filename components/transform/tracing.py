"""A `preprocessing_fn` as a TensorFlow graph, with as much put into it as is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.transform.preprocessing import PreprocessingFn
from penstock.artifacts.features import FeatureType

Results = Mapping[str, Any]
"""What was learnt from data: eager tensors by the name of the placeholder that they stand for."""


@dataclass(frozen=True)
class Traced:
    """A graph made from a `preprocessing_fn`."""

    module: Any
    """What is saved; keeps tables and vocabularies alive."""
    graph: Any
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    @property
    def sinks(self) -> list[Any]:
        """The results that are still to be learnt from data."""
        from tensorflow_transform import analyzer_nodes

        return list(self.graph.get_collection(analyzer_nodes.TENSOR_REPLACEMENTS))

    def __call__(self, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        """Compute the outputs for dense columns of equal length, eagerly."""
        import tensorflow as tf

        outputs: Mapping[str, Any] = self.module.transform_fn(*(tf.constant(columns[n]) for n in sorted(self.inputs)))
        return outputs

    def cut(self, names: list[str]) -> Any:
        """A function like `__call__` that computes the named tensors of the graph and nothing else."""
        import tensorflow as tf
        from tensorflow.python.eager import wrap_function

        holder = wrap_function.VariableHolder(share_variables=True)
        order = sorted(self.inputs)
        function = wrap_function.WrappedFunction(self.graph, variable_holder=holder).prune(
            [self.inputs[name] for name in order], {name: self.graph.get_tensor_by_name(name) for name in names}
        )
        return lambda columns: function(*(tf.constant(columns[name]) for name in order))

    def needed(self) -> dict[str, set[str]]:
        """For each output, the columns that it is computed from."""
        from tensorflow_transform import graph_tools

        names = {tensor.op.name: name for name, tensor in self.inputs.items()}
        needed = {}
        for output, tensor in self.outputs.items():
            sources = graph_tools.retrieve_sources([tensor.op], ignore_control_dependencies=True)
            needed[output] = {names[source.op.name] for source in sources if source.op.name in names}
        return needed

    def schema(self) -> Any:
        """Infer TFMD's schema of what comes out: types, shapes, and the ranges of categories that analyzers found.

        TFT traces the function once more for this, because a traced graph gives nothing but its outputs. What it notes
        of ranges needs no input, though, and can be cut out of the graph that is there.
        """
        from tensorflow_transform import schema_inference as inference

        # Tracing ends each output in an identity; notes are about the tensor before it.
        ends = {name: tensor.op for name, tensor in self.outputs.items() if tensor.op.type == "Identity"}
        names = {operation.inputs[0].name: name for name, operation in ends.items()}
        ranges = inference._get_schema_overrides(
            self.graph,
            names,
            inference._TF_METADATA_TENSOR_COLLECTION,
            [inference._TF_METADATA_TENSOR_MIN_COLLECTION, inference._TF_METADATA_TENSOR_MAX_COLLECTION],
        )
        annotations = inference._get_schema_overrides(
            self.graph,
            names,
            inference._TF_METADATA_EXTRA_ANNOTATION,
            [inference._TF_METADATA_EXTRA_ANNOTATION_TYPE_URL, inference._TF_METADATA_EXTRA_ANNOTATION_PROTO],
            inference._TF_METADATA_EXTRA_ANNOTATION_GLOBAL,
        )
        notes = self._constants({**ranges, **annotations})
        notes[inference._METADATA_SPARSE_OUTPUT_OVERRIDES_FIELD] = []
        return inference.infer_feature_schema_v2(self.outputs, lambda: notes, evaluate_schema_overrides=True)

    def _constants(self, notes: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Compute what needs no input: names become tensors, tensors of the graph eager ones."""
        import tensorflow as tf
        from tensorflow.python.eager import wrap_function

        holder = wrap_function.VariableHolder(share_variables=True)
        wanted = [note for about in notes.values() for note in about if not isinstance(note, str)]
        known = iter(wrap_function.WrappedFunction(self.graph, variable_holder=holder).prune([], wanted)())
        return {
            key: [tf.constant(note) if isinstance(note, str) else next(known) for note in about]
            for key, about in notes.items()
        }

    def assets(self) -> dict[str, str]:
        """The vocabularies' files by the names that the function gave them."""
        from tensorflow_transform import annotators

        return dict(annotators.get_asset_annotations(self.graph))


@dataclass(frozen=True)
class Tracer:
    """Traces one function, again and again, as more becomes known."""

    function: PreprocessingFn
    types: Mapping[str, FeatureType]
    """The raw columns that it takes."""
    temporary: Path
    """A folder for stand-in files and vocabularies; it must stay until the graph is saved."""

    @property
    def signature(self) -> dict[str, Any]:
        """A TensorSpec of shape (n,) for each raw column."""
        import tensorflow as tf

        kinds = {"string": tf.string, "float": tf.float32, "int": tf.int64}
        return {name: tf.TensorSpec([None], kinds[type_], name=name) for name, type_ in sorted(self.types.items())}

    def trace(self, results: Results, fetch: list[str] | None = None) -> Traced:
        """Trace the function with what is known in place.

        Args:
            results: What was learnt already.
            fetch: Names of tensors to put out instead of the function's outputs, while anything is unknown.
        """
        import tensorflow as tf
        from tensorflow_transform.saved import saved_transform_io_v2

        module = tf.Module()
        function = self._function(module, results, fetch)
        concrete = saved_transform_io_v2.trace_and_update_module(
            module, function, "transform_fn", strip_control_dependencies=False
        )
        return _traced(module, concrete)

    def trace_unknown(self) -> Traced:
        """Trace the function with nothing known, to see what it needs from data.

        Such a graph is cut into parts, never saved or called: TFT need not copy it once more into one that can be.
        """
        import tensorflow as tf
        from tensorflow.python.trackable.resource import ResourceTracker, resource_tracker_scope
        from tensorflow_transform.annotators import ObjectTracker, object_tracker_scope

        module = tf.Module()
        module.tables, module.objects, module.variables_made = ResourceTracker(), ObjectTracker(), []

        def creator(make: Any, **how: Any) -> Any:
            module.variables_made.append(made := make(**how))
            return made

        function = self._function(module)
        with (
            resource_tracker_scope(module.tables),
            object_tracker_scope(module.objects),
            tf.variable_creator_scope(creator),
        ):
            return _traced(module, function.get_concrete_function())

    def _function(self, module: Any, results: Results | None = None, fetch: list[str] | None = None) -> Any:
        from tensorflow_transform import graph_context, impl_helper

        context = graph_context.TFGraphContext(
            module_to_export=module,
            temp_dir=str(self.temporary),
            evaluated_replacements=dict(results) if results else None,
        )
        return impl_helper.get_traced_transform_fn(
            self.function, self.signature, context, {name: name for name in fetch} if fetch else None
        )


def _traced(module: Any, concrete: Any) -> Traced:
    from tensorflow_transform import tf2_utils

    inputs = tf2_utils.get_structured_inputs_from_func_graph(concrete.graph)
    return Traced(module, concrete.graph, inputs, concrete.structured_outputs)
