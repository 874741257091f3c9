"""From a cron line of five fields in a time zone to the six fields that Kubeflow reads in its own, single time zone.

Kubeflow's cron lines have no time zone: the whole installation reads them in one. A line that is meant in another is
rewritten where that can be done without a lie, and refused otherwise: a zone with summer time is at one distance from
UTC in winter and at another in summer, and one line cannot be both.

Source:
    robfig/cron v1.2.0 (parser.go, spec.go), which reads the lines; kubeflow/pipelines:
    backend/src/crd/controller/scheduledworkflow/main.go for CRON_SCHEDULE_TIMEZONE.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.sdk import BadInput

_DAY = 24 * 60
"""Minutes of a day."""
_FROM, _TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)
"""The years in which two zones are compared: zones know their rules until 2037."""
_EVERY_MINUTE, _EVERY_HOUR = frozenset(range(60)), frozenset(range(24))
_EVERY_WEEKDAY = frozenset(range(7))


@dataclass(frozen=True)
class _Line:
    """A cron line, taken apart."""

    minutes: frozenset[int]
    hours: frozenset[int]
    day: str
    month: str
    weekday: str
    weekdays: frozenset[int]

    @property
    def every_day(self) -> bool:
        return self.day == self.month == "*" and self.weekdays == _EVERY_WEEKDAY


def to_kubeflow(line: str, time_zone: str, cluster_zone: str = "UTC") -> str:
    """Write a cron line as Kubeflow reads it.

    Args:
        line: Five fields: minute, hour, day of the month, month, day of the week; names (`MON`, `JAN`), lists,
            ranges, steps.
        time_zone: In which it is meant: `Europe/Berlin`.
        cluster_zone: In which Kubeflow reads it.

    Returns:
        Six fields, the first of them seconds.

    Raises:
        BadInput: It is no cron line, there is no such zone, or no line says the same in the cluster's zone (its
            author).

    Example:
        >>> to_kubeflow("30 4 * * MON-FRI", "UTC")
        '0 30 4 * * 1-5'
        >>> to_kubeflow("30 4 * * 1-5", "Asia/Kolkata")
        '0 0 23 * * 0-4'
    """
    parsed = _parse(line)
    shifts = sorted(_shifts(time_zone, cluster_zone))
    written = {shift: _shifted(parsed, shift) for shift in shifts}
    if None not in written.values() and len(set(written.values())) == 1:
        return str(written[shifts[0]])
    way_out = f"Say when in {cluster_zone}, or let the cluster read cron lines in {time_zone}: kubeflow.cron_time_zone"
    if len(shifts) > 1:
        raise BadInput(
            f"cron {line!r} in {time_zone}: the cluster reads cron lines in {cluster_zone}, and the two are not always "
            "equally far apart (summer time), so no line says this all year",
            way_out,
        )
    raise BadInput(f"cron {line!r} in {time_zone}: no cron line in {cluster_zone} says the same", way_out)


def _parse(line: str) -> _Line:
    from cronsim import CronSim, CronSimError

    fields = line.upper().split()
    if len(fields) != 5:
        raise BadInput(f"cron {line!r}: has {len(fields)} fields", "Five: minute hour day-of-month month day-of-week")
    try:
        parsed = CronSim(line, _FROM)
    except CronSimError as error:
        raise BadInput(f"cron {line!r}: {str(error).lower()}") from None
    unknown = [item for item in (*parsed.days, *parsed.weekdays) if not isinstance(item, int) or item < 0]
    if unknown:
        raise BadInput(f"cron {line!r}: Kubeflow knows neither L nor #")
    weekdays = frozenset(int(day) % 7 for day in parsed.weekdays if isinstance(day, int))
    return _Line(
        minutes=frozenset(parsed.minutes),
        hours=frozenset(parsed.hours),
        # What begins with a star is kept: it decides whether day and weekday must both fit, or either.
        day=fields[2] if fields[2].startswith("*") else _written(parsed.days),
        month=fields[3] if fields[3].startswith("*") else _written(parsed.months),
        weekday=fields[4] if fields[4].startswith("*") else _written(weekdays),
        weekdays=weekdays,
    )


def _shifted(line: _Line, minutes: int) -> str | None:
    """The line in a zone whose clocks show so many minutes less; None where none says the same."""
    times = {divmod(hour * 60 + minute - minutes, _DAY) for hour in line.hours for minute in line.minutes}
    days = {day for day, _ in times}
    clock = {divmod(time, 60) for _, time in times}
    hours, past = {hour for hour, _ in clock}, {minute for _, minute in clock}
    if len(clock) != len(hours) * len(past):
        return None
    weekday = line.weekday
    if days != {0} and not line.every_day:
        if len(days) > 1 or line.day != "*" or line.month != "*":
            return None
        weekday = _written({(day + next(iter(days))) % 7 for day in line.weekdays})
    minute_text = "*" if past == _EVERY_MINUTE else _written(past)
    hour_text = "*" if hours == _EVERY_HOUR else _written(hours)
    return f"0 {minute_text} {hour_text} {line.day} {line.month} {weekday}"


@cache
def _shifts(time_zone: str, cluster_zone: str) -> Set[int]:
    """By how many minutes the first zone's clocks are ahead of the second's: every distance that occurs."""
    first, second = _zone(time_zone), _zone(cluster_zone)
    found = set()
    moment = _FROM
    while moment < _TO:
        ahead = moment.astimezone(first).utcoffset(), moment.astimezone(second).utcoffset()
        found.add(int(((ahead[0] or timedelta()) - (ahead[1] or timedelta())).total_seconds() // 60))
        moment += timedelta(days=1)
    return frozenset(found)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"there is no time zone {name!r}", "Zones are called like Europe/Berlin, or UTC") from None


def _written(values: Iterable[int]) -> str:
    """Numbers as cron writes them.

    Example:
        >>> _written({0, 1, 2, 5, 30})
        '0-2,5,30'
    """
    ordered, parts = sorted(values), list[str]()
    start = 0
    for index, value in enumerate(ordered):
        if index + 1 < len(ordered) and ordered[index + 1] == value + 1:
            continue
        first = ordered[start]
        parts.append(str(first) if first == value else f"{first}{',' if value == first + 1 else '-'}{value}")
        start = index + 1
    return ",".join(parts)
