"""The names that meshes and model servers have for the same things.

Source: the metrics of Istio 1.28 (standard metrics), of Knative Serving's queue-proxy up to 1.18, of Triton Inference
Server, and of KServe's Python server.
"""

from __future__ import annotations

from penstock.releasing.gates.source_spec import Dialect, Queries

_ISTIO = (
    'reporter="destination",destination_workload_namespace="$namespace",'
    'destination_workload=~"$workload(-[0-9]+)?(-deployment)?"'
)
_KNATIVE = 'namespace_name="$namespace",revision_name=~"$workload(-[0-9]+)?"'
_POD = 'namespace="$namespace",pod=~"$workload-.*"'

DIALECTS: dict[Dialect, Queries] = {
    Dialect.ISTIO: Queries(
        requests=f"istio_requests_total{{{_ISTIO}}}",
        errors=f'istio_requests_total{{{_ISTIO},response_code=~"5.."}}',
        buckets=f"istio_request_duration_milliseconds_bucket{{{_ISTIO}}}",
    ),
    Dialect.KNATIVE: Queries(
        requests=f"revision_request_count{{{_KNATIVE}}}",
        errors=f'revision_request_count{{{_KNATIVE},response_code_class="5xx"}}',
        buckets=f"revision_request_latencies_bucket{{{_KNATIVE}}}",
    ),
    Dialect.TRITON: Queries(
        requests=f'{{__name__=~"nv_inference_request_(success|failure)",{_POD}}}',
        errors=f"nv_inference_request_failure{{{_POD}}}",
    ),
    Dialect.KSERVE: Queries(
        requests=f"request_predict_seconds_count{{{_POD}}}",
        buckets=f"request_predict_seconds_bucket{{{_POD}}}",
    ),
}
"""Where a query is empty, there is no such metric."""
