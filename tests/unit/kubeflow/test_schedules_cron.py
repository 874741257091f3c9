"""Cron lines: what Kubeflow is told fires when the author meant, or nothing is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from penstock.kubeflow.schedules.cron import to_kubeflow
from penstock.sdk import BadInput


@pytest.mark.parametrize(
    ("line", "zone", "cluster", "expected"),
    [
        ("30 4 * * MON-FRI", "UTC", "UTC", "0 30 4 * * 1-5"),
        ("30 4 * * 7", "Etc/UTC", "UTC", "0 30 4 * * 0"),
        ("*/20 * * jan *", "UTC", "UTC", "0 0,20,40 * * 1 *"),
        ("0 0 */2 * 1", "UTC", "UTC", "0 0 0 */2 * 1"),
        ("30 4 * * 1-5", "Asia/Kolkata", "UTC", "0 0 23 * * 0-4"),
        ("0 1 1 * *", "America/Bogota", "UTC", "0 0 6 1 * *"),
        ("15 * * * *", "Europe/Berlin", "UTC", "0 15 * * * *"),
        ("*/30 * * * *", "Asia/Kolkata", "UTC", "0 0,30 * * * *"),
        ("30 2 * * *", "Europe/Berlin", "Europe/Paris", "0 30 2 * * *"),
        ("30 2 * * *", "Europe/Berlin", "Europe/Berlin", "0 30 2 * * *"),
        ("0,10 4 * * *", "Asia/Kathmandu", "UTC", "0 15,25 22 * * *"),
        ("0 9 * * SUN", "Asia/Tokyo", "UTC", "0 0 0 * * 0"),
        ("0 8 * * SUN", "Asia/Tokyo", "UTC", "0 0 23 * * 6"),
    ],
)
def test_a_line_is_said_in_the_clusters_zone(line: str, zone: str, cluster: str, expected: str) -> None:
    assert to_kubeflow(line, zone, cluster) == expected


@pytest.mark.parametrize(
    ("line", "zone", "message"),
    [
        ("30 4 * * *", "Europe/Berlin", r"summer time.*cron_time_zone"),
        ("0 3 1 * *", "Asia/Tokyo", r"no cron line in UTC says the same"),  # the last of the month before
        ("0 3 * 1 *", "Asia/Tokyo", r"no cron line in UTC says the same"),
        ("0 3,12 * * MON", "Asia/Tokyo", r"no cron line in UTC says the same"),  # on two days
        ("0,50 4 * * *", "Asia/Kathmandu", r"no cron line in UTC says the same"),  # 22:15 and 23:05
        ("0 4 * * * *", "UTC", r"has 6 fields. Five: minute"),
        ("61 4 * * *", "UTC", r"bad minute"),
        ("0 4 L * *", "UTC", r"neither L nor #"),
        ("0 4 * * MON#1", "UTC", r"neither L nor #"),
        ("0 4 31 2 *", "UTC", r"bad day-of-month"),
        ("0 4 * * *", "Europe/Berln", r"no time zone 'Europe/Berln'"),
        ("0 4 * * *", "../etc/passwd", r"no time zone"),
    ],
)
def test_what_cannot_be_said_is_refused(line: str, zone: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        to_kubeflow(line, zone)


_fields = st.tuples(
    st.sampled_from(["0", "15", "30", "0,30", "*/15", "50", "5,10"]),
    st.sampled_from(["0", "3", "23", "*", "*/6", "1-5", "22,23"]),
    st.sampled_from(["*", "1", "15", "28-31"]),
    st.sampled_from(["*", "2", "6,12"]),
    st.sampled_from(["*", "0", "1-5", "SAT,SUN", "7"]),
)
_zones = st.sampled_from(["UTC", "Asia/Tokyo", "Asia/Kolkata", "America/Bogota", "Asia/Kathmandu", "Europe/Berlin"])


@given(_fields, _zones)
def test_what_is_said_fires_exactly_when_it_was_meant(fields: tuple[str, ...], zone: str) -> None:
    line = " ".join(fields)
    try:
        said = to_kubeflow(line, zone)
    except BadInput:
        return
    start = datetime(2026, 3, 20, tzinfo=UTC)
    meant = CronSim(line, start.astimezone(ZoneInfo(zone)))
    told = CronSim(said, start)
    for _ in range(30):
        wanted = next(meant).astimezone(UTC)
        assert next(told) == wanted
        if wanted - start > timedelta(days=400):
            return
