"""How a time that a person typed is read on the incident clock: exact, about, or a
stretch. What is only roughly known becomes an interval, never midnight (R-TL-02)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone

from incidents.models import Incident
from postmortem.lib.times import (
    FUTURE_TOLERANCE,
    on_clock,
    read_time,
    start_of_day,
    zone,
)
from timeline.models import Entry

Precision = Entry.Precision
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_CLOCK = re.compile(r"^\d{1,2}[:.]\d{2}(?:[:.]\d{2})?$")

_ABOUT = r"(?P<about>~\s*|about\s+|around\s+|ca\.?\s+)?"
_HOUR = r"\d{1,2}[:.]\d{2}(?::\d{2})?"
_OFFSET = r"(?:\s?(?:Z|\+\d{2}:?\d{2}))?"  # `14:05-14:20` is a stretch
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")  # fmt: skip  # noqa: E501
_DAYS = "|".join((*_WEEKDAYS, *(name[:3] for name in _WEEKDAYS)))
_NAMED = rf"yesterday|today|{_DAYS}|\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*(?:\s+\d{{4}})?"  # noqa: E501
_END = r"(?=[\s,;]|$)[\s,;]*"
# now, -5m, -1h30m: counted back from the moment of typing
_BACK = re.compile(
    rf"^{_ABOUT}(?:(?P<now>now)|[-−](?P<h>\d{{1,2}}\s?h)?\s?(?P<m>\d{{1,3}}\s?m(?:in)?)?){_END}",
    re.IGNORECASE,
)
# 2026-03-10T14:05:00-05:00, as machines write it
_ISO = re.compile(
    rf"^{_ABOUT}(?P<iso>\d{{4}}-\d{{2}}-\d{{2}}(?:T{_HOUR}|\s\d{{1,2}}:\d{{2}}:\d{{2}})"
    rf"(?:\s?(?:Z|[+-]\d{{2}}:?\d{{2}}))?){_END}",
    re.IGNORECASE,
)
# 14:05, 14:05-14:20, yesterday 23:50, 10 Mar 14:05, 2026-03-10 14:05
_LEADING = re.compile(
    rf"^{_ABOUT}(?:(?P<day>{_NAMED})(?:\s+at\s+|[T,]?\s*))?"
    rf"(?P<at>{_HOUR}{_OFFSET})"
    rf"(?:\s?(?:-|–|to|until)\s?(?P<until>{_HOUR}{_OFFSET}))?{_END}",
    re.IGNORECASE,
)
# late on Saturday, yesterday evening, 2026-03-10
_PARTS = {
    "early": (0, 6),
    "morning": (6, 12),
    "afternoon": (12, 18),
    "evening": (18, 24),
    "late": (18, 24),
}
_ROUGH = re.compile(
    rf"^(?:(?P<part>{'|'.join(_PARTS)})\s+(?:on\s+)?)?(?P<day>{_NAMED})"
    rf"(?:\s+(?P<after>{'|'.join(_PARTS)}))?{_END}",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class When:
    """A time as an entry stores it; `rest` is the sentence behind it."""

    occurred_at: datetime | date | None
    occurred_until: datetime | date | None = None
    precision: str = Precision.MINUTE
    at_text: str = ""
    rest: str = ""


def reading_day(incident: Incident) -> datetime:
    """The day on which a bare `14:05` is read: today while the incident is active,
    else the day of its declaration."""
    if incident.status == Incident.Status.ACTIVE or incident.declared_at is None:
        return timezone.now()
    return incident.declared_at


def read_when(
    text: str, *, incident: Incident, near: datetime | None = None
) -> datetime | date:
    """A moment, or a bare day, as it was typed.

    While an incident is active, a time that today has not reached yet is yesterday's:
    at ten past midnight `23:55` is a quarter of an hour ago.
    """
    text = text.strip()
    if _DAY.match(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    day = near or reading_day(incident)
    moment = read_time(text, clock_zone=incident.clock_zone, near=day)
    if (
        near is None
        and _CLOCK.match(text)
        and moment > timezone.now() + FUTURE_TOLERANCE
    ):
        earlier = read_time(
            text, clock_zone=incident.clock_zone, near=day - timedelta(days=1)
        )
        if timezone.now() - earlier < timedelta(hours=12):
            return earlier
    return moment


def leading_time(
    text: str, *, incident: Incident, typed_at: datetime | None = None
) -> When | None:
    """The time that stands first in a line; None when none does.

    typed_at: when the line was written, if it could not be sent at once; `now` and
    `-5m` count from it. ValidationError says what cannot be read.
    """
    match = _BACK.match(text)
    if match and (match["now"] or match["h"] or match["m"]):
        return _counted_back(match, text, typed_at or timezone.now())
    if match := _ISO.match(text):
        start = read_when(match["iso"].replace(" ", "T", 1), incident=incident)
        return _moment(match, start, None, text)
    if match := _LEADING.match(text):
        return _exact(match, text, incident)
    if match := _ROUGH.match(text):
        return _rough(match, text, incident)
    return None


def _counted_back(match: re.Match[str], text: str, now: datetime) -> When:
    hours, minutes = (int(re.sub(r"\D", "", match[name] or "0")) for name in ("h", "m"))
    moment = now - timedelta(hours=hours, minutes=minutes)
    return When(
        moment.replace(second=0, microsecond=0),
        precision=Precision.APPROX if match["about"] else Precision.MINUTE,
        rest=text[match.end() :].strip(),
    )


def _exact(match: re.Match[str], text: str, incident: Incident) -> When:
    near = None
    source = match["at"].strip()
    if match["day"]:
        day = _named_day(match["day"], incident)
        if _DAY.match(match["day"]):
            source = f"{match['day']}T{_padded(source)}"
        else:
            near = start_of_day(day, incident.clock_zone) + timedelta(hours=12)
            if _has_offset(source):
                source, near = f"{day.isoformat()}T{_padded(source)}", None
    elif _has_offset(source):
        here = on_clock(reading_day(incident), incident.clock_zone)
        source = f"{here.date().isoformat()}T{_padded(source)}"
    start = read_when(source, incident=incident, near=near)
    until = None
    if match["until"]:
        assert isinstance(start, datetime)
        until = read_when(match["until"].strip(), incident=incident, near=start)
        if isinstance(until, datetime) and until < start:  # past midnight
            until = read_when(
                match["until"].strip(),
                incident=incident,
                near=start + timedelta(days=1),
            )
    return _moment(match, start, until, text)


def _moment(
    match: re.Match[str],
    start: datetime | date,
    until: datetime | date | None,
    text: str,
) -> When:
    precision = Precision.MINUTE
    if match["about"]:
        precision = Precision.APPROX
    elif isinstance(start, datetime) and start.second:
        precision = Precision.SECOND
    return When(start, until, precision, rest=text[match.end() :].strip())


def _padded(text: str) -> str:
    """ISO wants `09:05`, people write `9:05`."""
    clock = text.replace(".", ":")
    return f"0{clock}" if clock[1] == ":" else clock


def _has_offset(text: str) -> bool:
    return bool(re.search(r"(?:Z|[+-]\d{2}:?\d{2})$", text, re.IGNORECASE))


def _rough(match: re.Match[str], text: str, incident: Incident) -> When | None:
    part = (match["part"] or match["after"] or "").lower()
    named = match["day"].lower()
    if not part and (named in {"today"} or (named[:3] == named and named in _DAYS)):
        return None  # 'today we saw', 'sun set': words of a sentence, not a time
    day = _named_day(named, incident)
    rest = text[match.end() :].strip()
    words = text[: match.end()].strip(" ,;")
    if not part:
        return When(
            day,
            precision=Precision.DAY,
            at_text="" if _DAY.match(named) else words,
            rest=rest,
        )
    first, last = _PARTS[part]
    return When(
        _at_hour(day, first, incident),
        _at_hour(day, last, incident),
        Precision.APPROX,
        at_text=words,
        rest=rest,
    )


def _at_hour(day: date, hour: int, incident: Incident) -> datetime:
    if hour == 24:
        return start_of_day(day + timedelta(days=1), incident.clock_zone)
    return datetime.combine(day, time(hour), tzinfo=zone(incident.clock_zone))


def _named_day(name: str, incident: Incident) -> date:
    """The day that a word names: the last one of that name up to the reading day."""
    here = on_clock(reading_day(incident), incident.clock_zone).date()
    name = name.lower().strip()
    if name in {"today", "yesterday"}:
        return here - timedelta(days=name == "yesterday")
    for index, weekday in enumerate(_WEEKDAYS):
        if name in {weekday, weekday[:3]}:
            return here - timedelta(days=(here.weekday() - index) % 7)
    if _DAY.match(name):
        try:
            return date.fromisoformat(name)
        except ValueError as error:
            raise _unreadable(name) from error
    return _day_and_month(name, here)


def _day_and_month(name: str, here: date) -> date:
    day, month, *year = name.split()
    months = [
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
    ]
    try:
        found = date(
            int(year[0]) if year else here.year, months.index(month[:3]) + 1, int(day)
        )
        if not year and found > here:
            found = found.replace(year=here.year - 1)
    except ValueError as error:
        raise _unreadable(name) from error
    return found


def _unreadable(text: str) -> ValidationError:
    return ValidationError(
        f"“{text[:40]}” could not be read as a day. Write 2026-03-10 or 10 Mar.",
        code="unreadable_time",
    )
