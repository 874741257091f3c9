"""Asks a gRPC server by KServe's own client, in the serving environment; prints what came back as JSON.

`python -m tests.servers.grpc_client ADDRESS REQUEST_ID MODEL ROWS`, the rows as JSON.
"""

import asyncio
import json
import sys

import grpc
import numpy as np
from kserve import InferInput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc


def request(model, rows):
    carriers = np.array([(row["carrier"] or "").encode() for row in rows], dtype=object)
    temps = np.array([np.nan if row["temp"] is None else row["temp"] for row in rows], dtype=np.float32)
    distances = np.array([-(2**63) if row["distance"] is None else row["distance"] for row in rows], dtype=np.int64)
    inputs = []
    for name, type_, values in (
        ("carrier", "BYTES", carriers),
        ("temp", "FP32", temps),
        ("distance", "INT64", distances),
    ):
        tensor = InferInput(name, [len(rows)], type_)
        tensor.set_data_from_numpy(values, binary_data=True)
        inputs.append(tensor)
    return InferRequest(model_name=model, infer_inputs=inputs).to_grpc()


async def ask(address, request_id, model, rows):
    async with grpc.aio.insecure_channel(address) as channel:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        call = stub.ModelInfer(request(model, rows), metadata=(("x-request-id", request_id),), timeout=120)
        try:
            answer = await call
            ready = (await stub.ServerReady(pb.ServerReadyRequest())).ready
        except grpc.aio.AioRpcError as error:
            return {"code": error.code().name, "details": error.details()}
        scores = np.frombuffer(answer.raw_output_contents[0], "<f4").tolist()
        metadata = {name: value for name, value in await call.trailing_metadata() if isinstance(value, str)}
        said = {name: value.string_param for name, value in answer.parameters.items()}
        return {"scores": scores, "metadata": metadata, "parameters": said, "ready": ready}


address, request_id, model, rows = sys.argv[1:]
print(json.dumps(asyncio.run(ask(address, request_id, model, json.loads(rows)))))
