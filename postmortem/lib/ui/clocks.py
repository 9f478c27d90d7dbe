"""Times on the clock of a zone, lengths of time, and what is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from django.utils import timezone
from django.utils.html import format_html

from postmortem.lib.times import on_clock, span
from postmortem.lib.ui.base import register

NOT_RECORDED = "not recorded"


@register.simple_tag
def clock_range(start: datetime | None, end: datetime | None, zone: str = "UTC") -> str:
    """'10 Mar 2026, 13:43 to 19:20' on the clock of `zone` (IANA name).

    A range that ends on another day repeats the date; an open end says so.
    """
    if start is None:
        return NOT_RECORDED
    begins = incident_time(start, zone)
    if end is None:
        return f"{begins}, end {NOT_RECORDED}"
    same_day = _moment(start, zone).date() == _moment(end, zone).date()
    return f"{begins} to {clock(end, zone) if same_day else incident_time(end, zone)}"


def _moment(value: datetime, zone: str) -> datetime:
    """`value` on the clock of `zone`; a naive value is taken as UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return on_clock(aware, str(zone) or "UTC")


@register.filter
def duration(value: timedelta | str | None) -> str:
    """A length of time: '5 h 37 min'; None is 'not recorded'; a text stays."""
    if isinstance(value, str):
        return value or NOT_RECORDED
    return span(value)


@register.filter
def incident_time(value: datetime | date | None, zone: str = "UTC") -> str:
    """'10 Mar 2026, 14:05' in the IANA zone; a bare date has no time of day."""
    if not value:
        return NOT_RECORDED
    if not isinstance(value, datetime):
        return f"{value.day} {value:%b %Y}"
    moment = _moment(value, zone)
    return f"{moment.day} {moment:%b %Y, %H:%M}"


@register.filter
def zone_name(zone: str) -> str:
    """The name of a zone in running text, never broken at its slash."""
    if "/" not in zone:
        return zone
    return format_html('<span class="pm-zone">{}</span>', zone)


@register.filter
def short_time(value: datetime | None, zone: str = "UTC") -> str:
    """'10 Mar 13:52:04' in the IANA zone, for dense tables of one incident."""
    if not value:
        return NOT_RECORDED
    moment = _moment(value, zone)
    return f"{moment.day} {moment:%b %H:%M:%S}"


@register.filter
def clock(value: datetime | None, zone: str = "UTC") -> str:
    """'14:05' in the IANA zone; None is 'not recorded'."""
    return f"{_moment(value, zone):%H:%M}" if value else NOT_RECORDED


@register.filter
def t_offset(value: datetime | None, origin: datetime | None) -> str:
    """Hours and minutes from `origin` (declaration): 'T+00:14', 'T−00:25', 'T+27:05',
    or nothing. The one way in which the product writes an offset."""
    if not value or not origin:
        return ""
    minutes = int((value - origin).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"T{'−' if minutes < 0 else '+'}{hours:02}:{rest:02}"


@register.filter
def t_now(origin: datetime | None) -> str:
    """The offset of this moment: 'T+00:14'; `data-elapsed` keeps it up to date."""
    return t_offset(timezone.now(), origin)


@register.filter
def relative_due(value: datetime | date | None, now: datetime | None = None) -> str:
    """How far a due time is from `now`: 'in 2 d', 'in 3 h 5 min', '1 d overdue'.

    A bare date is compared with the date of `now` in the zone that `now` carries.
    """
    if not value:
        return "no date"
    now = now or timezone.now()
    if not isinstance(value, datetime):
        days = (value - now.date()).days
        if days == 0:
            return "due today"
        return f"in {days} d" if days > 0 else f"{-days} d overdue"
    left = (value if value.tzinfo else value.replace(tzinfo=UTC)) - now
    size = abs(left)
    words = f"{size.days} d" if size >= timedelta(days=1) else span(size)
    if size < timedelta(minutes=1):
        return "due now"
    return f"in {words}" if left > timedelta(0) else f"{words} overdue"


@register.filter
def is_past(value: datetime | date | None, now: datetime | None = None) -> bool:
    """Whether a due time lies before `now`; a bare date is past from the next day."""
    if not value:
        return False
    now = now or timezone.now()
    if not isinstance(value, datetime):
        return value < now.date()
    return value < now


@register.filter
def countdown(value: datetime | None, now: datetime | None = None) -> str:
    """The digits of a countdown, also of one that is over: '08:12', '1:02:14'."""
    if not value:
        return "--:--"
    seconds = int(abs((value - (now or timezone.now())).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes:02}:{seconds:02}"


@register.filter
def age(value: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in one or two units: '46 min', '1 h 12 min', '19 d'."""
    if not value:
        return NOT_RECORDED
    passed = max((now or timezone.now()) - value, timedelta(0))
    return f"{passed.days} d" if passed.days else span(passed)
