"""Reading and showing times on the incident clock. Stored times are aware UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils import timezone

FUTURE_TOLERANCE = timedelta(minutes=5)
# Years that a record can mean. Outside them a time is a slip of the pen, and near the
# ends of the calendar it cannot even be shown in another zone.
FIRST_YEAR, LAST_YEAR = 1970, 2199
_CLOCK_ONLY = re.compile(r"^(\d{1,2})[:.](\d{2})(?::(\d{2}))?$")
_HAS_HOUR = re.compile(r"[T ]\d{2}", re.IGNORECASE)
_OFFSET = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
_ZONES = available_timezones()


def validate_zone(name: str) -> None:
    """Refuse a zone that is not in the IANA database (R-TL-02)."""
    if name not in _ZONES:
        raise ValidationError(
            f"“{name}” is not a time zone of the IANA database. "
            "Use a name such as UTC, Europe/Berlin or America/New_York.",
            code="unknown_zone",
        )


def zone_names() -> list[str]:
    """Zones to choose from: UTC first, then the regions in alphabetical order."""
    legacy = ("Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/")
    return ["UTC", *sorted(n for n in _ZONES if "/" in n and not n.startswith(legacy))]


def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def read_time(text: str, *, clock_zone: str, near: datetime | None = None) -> datetime:
    """The moment that a person typed, read on the incident clock.

    `14:05` or `14:05:30` is taken on the day of `near` (default: now); a date and time
    without offset is taken in `clock_zone`; with an offset it stands as written. A time
    that the clock skips or shows twice (daylight saving) is refused with the way out.
    """
    text = text.strip()
    if len(text) > 64:
        raise _unreadable(f"{text[:40]}…")
    here = zone(clock_zone)
    if match := _CLOCK_ONLY.match(text):
        hour, minute, second = (int(part or 0) for part in match.groups())
        day = (near or timezone.now()).astimezone(here).date()
        if hour > 23 or minute > 59 or second > 59:
            raise _unreadable(text)
        return _on_clock(datetime.combine(day, time(hour, minute, second)), here)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise _unreadable(text) from error
    refuse_odd_year(moment)
    if not _HAS_HOUR.search(text):
        raise ValidationError(
            f"“{text}” names a day, not a time. Add the time, or choose the precision "
            "“day” so that nobody reads it as midnight.",
            code="bare_day",
        )
    if moment.tzinfo:
        return moment.astimezone(UTC)
    return _on_clock(moment, here)


def _on_clock(moment: datetime, here: ZoneInfo) -> datetime:
    first, second = (moment.replace(tzinfo=here, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    back = first.astimezone(UTC).astimezone(here).replace(tzinfo=None)
    if back != moment:
        raise ValidationError(
            f"{moment:%H:%M} does not exist on {moment:%d %B %Y} in {here.key}: the "
            "clock goes forward then. Check the time.",
            code="skipped_time",
        )
    raise ValidationError(
        f"{moment:%H:%M} happens twice on {moment:%d %B %Y} in {here.key}. Add the "
        f"offset, for example {first.isoformat()} or {second.isoformat()}.",
        code="ambiguous_time",
    )


def _unreadable(text: str) -> ValidationError:
    return ValidationError(
        f"“{text}” could not be read as a time. Write 14:05, 2026-03-10 14:05 or "
        "2026-03-10T14:05:00+01:00.",
        code="unreadable_time",
    )


def refuse_odd_year(moment: date | None) -> None:
    """Refuse a day or a moment whose year no record can mean."""
    if moment and not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValidationError(
            f"The year {moment.year:04} cannot be right. Check the date.",
            code="odd_year",
        )


def has_offset(text: str) -> bool:
    return bool(_OFFSET.search(text.strip()))


def refuse_future(
    moment: datetime | None, field: str = "", *, now: datetime | None = None
) -> None:
    """Decision 13: more than five minutes ahead of now is a typing error, told at the
    field that holds the time."""
    now = now or timezone.now()
    if moment and moment > now + FUTURE_TOLERANCE:
        fault = ValidationError(
            f"{moment.astimezone(UTC):%d %b %Y, %H:%M} UTC lies in the future. A "
            "record tells what has happened; check the date and the zone.",
            code="future_time",
        )
        raise ValidationError({field: fault}) if field else fault


def span(delta: timedelta | None) -> str:
    """`5 h 37 min`, `9 min`, `3 d 4 h`; None is 'not recorded', never zero."""
    if delta is None:
        return "not recorded"
    sign = "−" if delta < timedelta(0) else ""
    minutes = round(abs(delta).total_seconds() / 60)
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    if days:
        return f"{sign}{days} d {hours} h" if hours else f"{sign}{days} d"
    if hours:
        return f"{sign}{hours} h {minutes} min" if minutes else f"{sign}{hours} h"
    if not minutes and delta:
        return f"{sign}{round(abs(delta).total_seconds())} s"
    return f"{sign}{minutes} min"


def on_clock(moment: datetime, clock_zone: str) -> datetime:
    return moment.astimezone(zone(clock_zone))


def start_of_day(day: date, clock_zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone(clock_zone)).astimezone(UTC)
