"""Requests that the two models of a release answered, as a mesh counts them and Prometheus scrapes them."""

from __future__ import annotations

from tests.servers.prometheus import Target


class Traffic:
    """Requests that two models answered, as Istio counts them."""

    def __init__(self, target: Target, namespace: str) -> None:
        self.target, self.namespace = target, namespace
        self.counted = {("a", 200): 0, ("a", 503): 0, ("b", 200): 0, ("b", 503): 0}

    def serve(self, requests: int, errors_of_b: float) -> None:
        for twin, errors in (("a", 0.01), ("b", errors_of_b)):
            self.counted[twin, 503] += round(requests * errors)
            self.counted[twin, 200] += round(requests * (1 - errors))
        self.target.show({self._series(twin, code): count for (twin, code), count in self.counted.items()})

    def _series(self, twin: str, code: int) -> str:
        where = f'destination_workload_namespace="{self.namespace}",destination_workload="flights-{twin}-predictor"'
        return f'istio_requests_total{{reporter="destination",{where},response_code="{code}"}}'
