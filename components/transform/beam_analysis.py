"""TFT's analysis by Apache Beam, for analyzers that are not computed in process. Correct, and many times slower."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from components.transform.analysis import Batches
from components.transform.fitting import Fitted
from components.transform.tracing import Traced, Tracer


def fit(tracer: Tracer, batches: Batches) -> Fitted:
    """Learn what a function needs from the rows, as `fitting.fit` does, by TFT's own Beam pipeline."""
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform.beam as tft_beam
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader
    from tensorflow_transform.tf_metadata import metadata_io

    folder = tracer.temporary / "beam"
    # The runner is named: the default one may fetch another from the network. Rows are read inside the pipeline:
    # `Create` would pickle each of them.
    with tft_beam.Context(temp_dir=str(tracer.temporary / "beam_temporary")), beam.Pipeline(FnApiRunner()) as pipeline:
        rows = pipeline | beam.Create([None]) | beam.FlatMap(lambda _: _record_batches(batches()))
        fitted = (rows, _tensors(tracer)) | tft_beam.AnalyzeDataset(tracer.function)
        fitted | tft_beam.WriteTransformFn(str(folder))

    loader = SavedModelLoader(str(folder / "transform_fn"))
    metadata = folder / "transformed_metadata"
    assets = metadata / "asset_map"
    traced = Traced(loader._imported, loader._func_graph, loader._structured_inputs, loader.structured_outputs)

    def transform(columns: Mapping[str, Any]) -> Mapping[str, Any]:
        outputs: Mapping[str, Any] = loader.apply_transform_model({n: tf.constant(c) for n, c in columns.items()})
        return outputs

    return Fitted(
        transform=transform,
        schema=metadata_io.read_metadata(str(metadata)).schema,
        needed=traced.needed(),
        assets=json.loads(assets.read_text(encoding="utf-8")) if assets.exists() else {},
        save=lambda target: shutil.copytree(folder / "transform_fn", target),
    )


def _record_batches(batches: Any) -> Iterator[Any]:
    """Dense arrays as what TFT reads: lists of one value a row."""
    import numpy as np
    import pyarrow as pa

    for batch in batches:
        arrays = {}
        for name in sorted(batch):
            values = pa.array(batch[name], pa.binary() if batch[name].dtype == object else None)
            arrays[name] = pa.ListArray.from_arrays(np.arange(len(values) + 1, dtype=np.int32), values)
        yield pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


def _tensors(tracer: Tracer) -> Any:
    """How TFT makes dense tensors of shape (n,) of the columns."""
    import pyarrow as pa
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

    kinds = {"string": pa.binary(), "float": pa.float32(), "int": pa.int64()}
    columns = sorted(tracer.types.items())
    return TensorAdapterConfig(
        pa.schema([(name, pa.list_(kinds[type_])) for name, type_ in columns]),
        {
            name: schema_pb2.TensorRepresentation(
                dense_tensor=schema_pb2.TensorRepresentation.DenseTensor(
                    column_name=name, shape=schema_pb2.FixedShape()
                )
            )
            for name, _ in columns
        },
    )
