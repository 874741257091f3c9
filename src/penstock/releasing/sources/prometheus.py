"""Counters and histograms in Prometheus: differences from look to look, series by series.

Nothing is extrapolated and no rate is smoothed: the samples of one moment are compared with those of the look before,
which the cursor holds. A counter that fell has begun anew (its pod was restarted), and what it shows was counted since;
one that was not there before has begun at 0. What is not a number, or is not there at all, is never a zero.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

from penstock.releasing.gates.observations import Arm, Comparison, Histogram
from penstock.releasing.gates.source_spec import Queries
from penstock.releasing.gates.spec import Gate, Metric
from penstock.releasing.sources.dialects import DIALECTS
from penstock.releasing.sources.source import Asked, Seen, Unmeasurable

TIMEOUT_SECONDS = 10.0
MOST_SERIES = 2000
"""Series that one query may find: more is a query that selects too much."""
MOST_BYTES = 16 << 20
_WORKLOAD = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")

_Role = Literal["stable", "candidate"]


@dataclass(frozen=True)
class _Grown:
    """By how much each series of a query grew, and whether it is the first look."""

    by_labels: Mapping[str, float]
    first: bool

    @property
    def total(self) -> float:
        return math.fsum(self.by_labels.values())


class PrometheusSource:
    """One Prometheus server."""

    def __init__(self, url: str, *, token_file: Path | None = None, client: httpx.Client | None = None) -> None:
        """Say where it is; nothing is asked yet.

        Args:
            url: Its address, as `http://prometheus.monitoring:9090`.
            token_file: A file with a bearer token, read at each look: it may change.
            client: For other settings of TLS.
        """
        self._url, self._token_file = url.rstrip("/"), token_file
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def observe(self, asked: Asked, gates: Sequence[Gate], cursor: str) -> Seen:
        """See `Source`. The first look only notes where the counters are."""
        before: dict[str, dict[str, float]] = json.loads(cursor) if cursor else {}
        try:
            moment = self._moment()
        except Unmeasurable as problem:
            return Seen(problems={gate.name: str(problem) for gate in gates}, cursor=cursor)
        now: dict[str, dict[str, float]] = {}
        comparisons, problems = [], {}
        for gate in gates:
            look = _Look(self, moment, before)
            try:
                comparison = look.compare(asked, gate)
            except Unmeasurable as problem:
                problems[gate.name] = str(problem)
                now |= {key: counters for key, counters in before.items() if key.startswith(f"{gate.name}/")}
                continue
            now |= look.now
            if comparison is not None:
                comparisons.append(comparison)
        return Seen(tuple(comparisons), problems, json.dumps(now, sort_keys=True, separators=(",", ":")))

    def _moment(self) -> float:
        """The server's time: all queries of a look are about the same moment."""
        return float(self._ask("time()", None)["result"][0])

    def query(self, promql: str, moment: float) -> dict[str, float]:
        """The value of each series that a query finds.

        Raises:
            Unmeasurable: It does not answer, refuses, finds no series of numbers, or too many.
        """
        data = self._ask(promql, moment)
        if data["resultType"] != "vector":
            raise Unmeasurable(f"Prometheus answers {promql} with a {data['resultType']}, and a vector is wanted")
        if len(data["result"]) > MOST_SERIES:
            raise Unmeasurable(f"{promql} finds {len(data['result']):,} series: more than {MOST_SERIES:,}")
        found: dict[str, float] = {}
        for each in data["result"]:
            labels, value = json.dumps(each["metric"], sort_keys=True), float(each["value"][1])
            if not math.isfinite(value) or value < 0:
                raise Unmeasurable(f"{promql} gives {each['value'][1]}, and counters are at least 0")
            found[labels] = value
        return found

    def _ask(self, promql: str, moment: float | None) -> dict[str, Any]:
        parameters = {"query": promql} | ({} if moment is None else {"time": f"{moment:.3f}"})
        headers = {"Authorization": f"Bearer {self._token()}"} if self._token_file else {}
        try:
            answer = self._client.post(f"{self._url}/api/v1/query", data=parameters, headers=headers)
        except httpx.HTTPError as error:
            raise Unmeasurable(f"Prometheus at {self._url} does not answer: {error or type(error).__name__}") from None
        if len(answer.content) > MOST_BYTES:
            raise Unmeasurable(f"Prometheus at {self._url} answers {promql} with {len(answer.content):,} bytes")
        try:
            document = answer.json()
            if document["status"] != "success":
                raise Unmeasurable(f"Prometheus refuses {promql}: {document.get('error', document['status'])}")
            data: dict[str, Any] = document["data"]
            if isinstance(data["result"], list) and "resultType" in data:
                return data
        except (ValueError, KeyError, TypeError):
            pass
        raise Unmeasurable(f"{self._url} answers {answer.status_code}, and not as Prometheus does")

    def _token(self) -> str:
        try:
            return self._token_file.read_text().strip() if self._token_file else ""
        except OSError as error:
            raise Unmeasurable(f"the token for Prometheus cannot be read: {error.strerror}") from None


class _Look:
    """One gate at one look."""

    def __init__(self, server: PrometheusSource, moment: float, before: Mapping[str, Mapping[str, float]]) -> None:
        self._server, self._moment, self._before = server, moment, before
        self.now: dict[str, dict[str, float]] = {}

    def compare(self, asked: Asked, gate: Gate) -> Comparison | None:
        """Both models since the look before; None at the first look."""
        own, of_dialect = gate.source.queries, DIALECTS[gate.source.dialect]
        queries = Queries(**{name: getattr(own, name) or getattr(of_dialect, name) for name in Queries.model_fields})
        arms: list[Arm | Histogram] = []
        first = False
        roles: tuple[_Role, _Role] = ("stable", "candidate")
        for role in roles:
            if gate.metric is Metric.LATENCY_QUANTILE:
                grown = self._grown(asked, gate, role, "buckets", queries)
                arms.append(_histogram(grown.by_labels))
            else:
                grown = self._grown(asked, gate, role, "requests", queries)
                arms.append(self._arm(asked, gate, role, queries, grown))
            first |= grown.first
        if first:
            return None
        stable, candidate = arms
        return Comparison(gate.name, _alike(stable, candidate), _alike(candidate, stable))

    def _arm(self, asked: Asked, gate: Gate, role: _Role, queries: Queries, requests: _Grown) -> Arm:
        count = round(requests.total)
        if gate.metric is Metric.ERROR_RATE:
            return Arm.binary(count, round(self._grown(asked, gate, role, "errors", queries).total))
        total = self._grown(asked, gate, role, "total", queries).total
        harm = (total - count * gate.range.lowest) / gate.range.width
        harm = count - harm if gate.higher_is_better else harm
        return Arm(count, harm, harm)

    def _grown(self, asked: Asked, gate: Gate, role: _Role, name: str, queries: Queries) -> _Grown:
        """By how much the series of one query grew since the look before."""
        promql = getattr(queries, name)
        if not promql:
            raise Unmeasurable(
                f"{gate.source.dialect.value} has no metric for {name}: say `source: {{queries: {{{name}: ...}}}}`"
            )
        workload = (asked.stable if role == "stable" else asked.candidate).workload
        for value in (workload, asked.namespace):
            if value and not _WORKLOAD.match(value):
                raise Unmeasurable(f"{value!r} is no name of a workload or namespace")
        promql = promql.replace("$workload", workload).replace("$namespace", asked.namespace)
        key = f"{gate.name}/{role}/{name}"
        now, before = self._server.query(promql, self._moment), self._before.get(key)
        # No series of the stable: nothing is scraped, unless it has no traffic now. None of the candidate: it may have
        # had no request yet. None of errors: there were none.
        missing = not asked.stable_idle if role == "stable" else bool(before)
        if not now and name != "errors" and missing:
            raise Unmeasurable(f"Prometheus has no series for {promql}")
        short = {labels: hashlib.sha256(labels.encode()).hexdigest()[:16] for labels in now}
        # A series that is away for a while must not be counted anew from 0 when it comes back.
        self.now[key] = {**(before or {}), **{short[labels]: value for labels, value in now.items()}}
        if len(self.now[key]) > MOST_SERIES:
            raise Unmeasurable(f"{promql} found {len(self.now[key]):,} series so far: more than {MOST_SERIES:,}")
        grown = {labels: _growth(value, (before or {}).get(short[labels])) for labels, value in now.items()}
        return _Grown(grown, before is None)


def _growth(now: float, before: float | None) -> float:
    """By how much a counter grew; one that fell has begun anew at 0."""
    return now if before is None or now < before else now - before


def _histogram(grown: Mapping[str, float]) -> Histogram:
    """Buckets of several series, cumulative, as bins."""
    upto: dict[float, float] = defaultdict(float)
    for labels, growth in grown.items():
        edge = json.loads(labels).get("le")
        try:
            upto[float(edge)] += growth
        except (TypeError, ValueError):
            raise Unmeasurable(f"a bucket with the label le={edge}") from None
    if not upto:
        return Histogram()
    edges = sorted(upto)
    if not math.isinf(edges[-1]):
        raise Unmeasurable("a histogram without its bucket le=+Inf")
    cumulative = [round(upto[edge]) for edge in edges]
    counts = [high - low for low, high in zip([0, *cumulative], cumulative, strict=False)]
    return Histogram(tuple(edges[:-1]), tuple(counts))


def _alike(arm: Arm | Histogram, other: Arm | Histogram) -> Arm | Histogram:
    """An arm of which nothing is there yet, in the other's form."""
    if isinstance(arm, Histogram) and isinstance(other, Histogram) and not arm.counts:
        return Histogram(other.edges, (0,) * len(other.counts))
    return arm
