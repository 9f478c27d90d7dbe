"""How a time that a person typed is read on the incident clock: exact, about, or a
stretch. What is only roughly known becomes an interval, never midnight; a zone that
stands behind a time is honoured, never skipped (R-TL-02)."""

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
    validate_zone,
    zone,
)
from timeline.models import Entry

Precision = Entry.Precision
HALF_DAY = timedelta(hours=12)

# Names that mean one offset, in hours, wherever they are used.
OFFSETS = {
    "Z": 0,
    "UTC": 0,
    "GMT": 0,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "SGT": 8,
    "HKT": 8,
    "JST": 9,
    "AEST": 10,
    "AEDT": 11,
    "EST": -5,
    "EDT": -4,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
}
AMBIGUOUS = ("AST", "CST", "IST")  # each the name of two zones or three
_AREAS = "Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc"

_ABOUT = (
    r"(?:at\s+)?(?P<about>[~≈]\s*"
    r"|(?:about|around|roughly|circa|approx(?:imately|\.)?|ca\.?|c\.)\s+)?"
)
_HOUR = r"\d{1,2}[:.]\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:\s?[ap]\.?m\.?(?!\w))?"
# A minus is an offset only behind UTC or GMT: `14:05-14:20` is a stretch.
_ZONE = (
    r"(?:\s?(?:Z|(?:UTC|GMT)(?:\+\d{1,2}(?::?\d{2})?|[−-]\d{1,2}(?::?00)?)?)(?!\w)"
    r"|\+\d{2}:?\d{2}(?!\d)|\s\+\d{2}:\d{2}(?!\d)"
    rf"|\s(?-i:{'|'.join((*OFFSETS, *AMBIGUOUS))})(?!\w)"
    rf"|\s(?-i:(?:{_AREAS})(?:/[A-Z][A-Za-z_+-]*\d*)+))?"
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")  # fmt: skip  # noqa: E501
_SHORT_DAYS = tuple(name[:3] for name in _WEEKDAYS)
_DAYS = "|".join((*_WEEKDAYS, *_SHORT_DAYS))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")  # fmt: skip  # noqa: E501
_ISO_DAY = r"\d{4}-\d{2}-\d{2}"
_NAMED = (
    rf"yesterday|today|{_DAYS}|{_ISO_DAY}"
    rf"|\d{{1,2}}\s+(?:{'|'.join(_MONTHS)})[a-z]*(?:\s+\d{{4}})?"
)
_END = r"(?=[\s,;]|:\s|:?$)[\s,;:]*(?:[-–—]\s+)?"
# now, -5m, -1h30m: counted back from the moment of typing
_BACK = re.compile(
    rf"^{_ABOUT}(?:(?P<now>now)|[-−](?P<h>\d{{1,2}}\s?h)?\s?(?P<m>\d{{1,3}}\s?m(?:in)?)?){_END}",
    re.IGNORECASE,
)
# 2026-03-10T14:05:00-05:00, as machines write it
_ISO = re.compile(
    rf"^{_ABOUT}(?P<iso>{_ISO_DAY}(?:T\d{{2}}:\d{{2}}(?::\d{{2}})?|\s\d{{2}}:\d{{2}}:\d{{2}}))"
    rf"(?:[.,]\d{{1,9}})?\s?(?P<offset>[+-]\d{{2}}:?\d{{2}}){_END}",
    re.IGNORECASE,
)
# 14:05, 14:05 CET, 14:05-14:20, yesterday 23:50, 10 Mar 14:05, 2026-03-10 14:05
_LEADING = re.compile(
    rf"^{_ABOUT}(?:(?P<day>{_NAMED})(?:\s+at\s+|[T,]?\s*))?"
    rf"(?P<at>{_HOUR})(?P<zone>{_ZONE})"
    rf"(?:\s?(?:-|–|to|until)\s?(?P<until>{_HOUR})(?P<until_zone>{_ZONE}))?{_END}",
    re.IGNORECASE,
)
_DAY = re.compile(rf"^{_ISO_DAY}$")
_CLOCK = re.compile(rf"^(?P<at>{_HOUR})(?P<zone>{_ZONE})$", re.IGNORECASE)
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
    """A time as an entry stores it; `rest` is the sentence behind it, `note` what the
    writer has to know of the reading."""

    occurred_at: datetime | date | None
    occurred_until: datetime | date | None = None
    precision: str = Precision.MINUTE
    at_text: str = ""
    rest: str = ""
    note: str = ""


@dataclass(frozen=True)
class Clock:
    """The clock that a typed time stands on: the incident's, or of the zone beside it.

    ahead: a fixed offset, with the name UTC.
    """

    name: str
    ahead: timedelta = timedelta()

    def time(self, moment: datetime) -> datetime:
        """What this clock shows, without a zone."""
        return on_clock(moment + self.ahead, self.name).replace(tzinfo=None)

    def day(self, moment: datetime) -> date:
        return self.time(moment).date()

    def read(self, text: str, day: date) -> datetime:
        """`14:05`, `14:05:30.250`, `2:05 pm` on this day."""
        noon = start_of_day(day, self.name) + HALF_DAY
        return read_time(_hours(text), clock_zone=self.name, near=noon) - self.ahead


def clock_of(words: str, incident: Incident) -> Clock:
    """The clock of a zone as it was typed: `Z`, `CET`, `UTC+2`, `+05:30`,
    `Europe/Berlin`; nothing is the incident clock."""
    if not words:
        return Clock(incident.clock_zone)
    if "/" in words:
        validate_zone(words)
        return Clock(words)
    if words.upper() in AMBIGUOUS:
        raise ValidationError(
            f"“{words}” is the name of more than one zone. Write the offset instead, "
            "for example 14:05+05:30.",
            code="ambiguous_zone",
        )
    if words.upper() in OFFSETS:
        return Clock("UTC", timedelta(hours=OFFSETS[words.upper()]))
    found = re.search(r"([+−-])(\d{1,2}):?(\d{2})?$", words)
    assert found is not None
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if ahead > timedelta(hours=14):
        raise ValidationError(
            f"“{words}” is no offset of a time zone. Write one like +01:00.",
            code="unknown_zone",
        )
    return Clock("UTC", ahead if found[1] == "+" else -ahead)


def _hours(text: str) -> str:
    """`2:05 pm` as `14:05`; parts of a second are left out."""
    found = re.match(
        r"(\d{1,2})([:.]\d{2}(?::\d{2})?)(?:[.,]\d+)?(?:\s?([ap])\.?m\.?)?$",
        text.strip(),
        re.IGNORECASE,
    )
    if not found or not found[3] or not 1 <= int(found[1]) <= 12:
        return found[1] + found[2] if found and not found[3] else text.strip()
    return f"{int(found[1]) % 12 + 12 * (found[3] in 'pP'):02}{found[2]}"


def reading_day(incident: Incident) -> datetime:
    """The day on which a bare `14:05` is read: today while the incident is active,
    else the day of its declaration."""
    if incident.status == Incident.Status.ACTIVE or incident.declared_at is None:
        return timezone.now()
    return incident.declared_at


def read_when(text: str, *, incident: Incident) -> datetime | date:
    """A moment, or a bare day, as it was typed into a field of its own."""
    text = text.strip()
    if _DAY.match(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    if match := _CLOCK.match(text):
        return _bare(match["at"], clock_of(match["zone"].strip(), incident), incident)
    return read_time(text, clock_zone=incident.clock_zone)


def _bare(text: str, clock: Clock, incident: Incident) -> datetime:
    """A time without a day, on the reading day or over the midnight beside it.

    While an incident is active, a time that today has not reached yet is yesterday's:
    at ten past midnight `23:55` is a quarter of an hour ago. Once it is over, a time
    long before the declaration is the next day's if the incident lasted until then.
    """
    start = reading_day(incident)
    day, one = clock.day(start), timedelta(days=1)
    moment = clock.read(text, day)
    now = timezone.now()
    if moment > now + FUTURE_TOLERANCE:
        earlier = clock.read(text, day - one)
        if now - earlier < HALF_DAY:
            return earlier
    end = incident.stabilized_at
    if incident.status != Incident.Status.ACTIVE and end and start - moment > HALF_DAY:
        later = clock.read(text, day + one)
        if later <= end:
            return later
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
        written = match["iso"].replace(" ", "T", 1) + match["offset"]
        start = read_time(written, clock_zone=incident.clock_zone)
        return _when(match, start, None, text)
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
    """A zone at one end of a stretch holds for both."""
    typed = [(match[name] or "").strip() for name in ("zone", "until_zone")]
    clock = clock_of(typed[0] or typed[1], incident)
    if match["day"]:
        day = _named_day(match["day"], incident)
        start = clock.read(match["at"], day)
        if _is_weekday(match["day"]) and start > timezone.now() + FUTURE_TOLERANCE:
            start = clock.read(match["at"], day - timedelta(days=7))
    else:
        start = _bare(match["at"], clock, incident)
    until = None
    if match["until"]:
        there = clock_of(typed[1] or typed[0], incident)
        day = there.day(start)
        until = there.read(match["until"], day)
        if until < start:  # past midnight; what goes back further is a slip
            later = there.read(match["until"], day + timedelta(days=1))
            until = later if later - start <= HALF_DAY else until
    note = ""
    here = on_clock(start, incident.clock_zone)
    if clock.time(start) != here.replace(tzinfo=None):
        note = (
            f"{match['at'].strip()} {typed[0] or typed[1]} is {here:%H:%M} on the "
            "incident clock."
        )
    return _when(match, start, until, text, note)


def _when(
    match: re.Match[str],
    start: datetime,
    until: datetime | None,
    text: str,
    note: str = "",
) -> When:
    precision = Precision.MINUTE
    if match["about"]:
        precision = Precision.APPROX
    elif start.second:
        precision = Precision.SECOND
    return When(start, until, precision, rest=text[match.end() :].strip(), note=note)


def _is_weekday(name: str) -> bool:
    return name.lower() in {*_WEEKDAYS, *_SHORT_DAYS}


def _rough(match: re.Match[str], text: str, incident: Incident) -> When | None:
    part = (match["part"] or match["after"] or "").lower()
    named = match["day"].lower()
    if not part and named in {"today", *_SHORT_DAYS}:
        return None  # 'today we saw', 'sun set': words of a sentence, not a time
    day = _named_day(named, incident)
    rest = text[match.end() :].strip()
    words = text[: match.end()].strip(" ,;:-–—")
    if not part:
        return When(
            day,
            precision=Precision.DAY,
            at_text="" if _DAY.match(named) else words,
            rest=rest,
        )
    first, last = _PARTS[part]
    now = timezone.now().replace(second=0, microsecond=0)
    if _is_weekday(named) and _at_hour(day, first, incident) > now:
        day -= timedelta(days=7)  # on a Saturday noon, `late on Saturday` was last week
    start, end = (_at_hour(day, hour, incident) for hour in (first, last))
    if start <= now < end:
        end = now  # the rest of it has not come yet
    return When(start, end, Precision.APPROX, at_text=words, rest=rest)


def _at_hour(day: date, hour: int, incident: Incident) -> datetime:
    if hour == 24:
        return start_of_day(day + timedelta(days=1), incident.clock_zone)
    return datetime.combine(day, time(hour), tzinfo=zone(incident.clock_zone))


def _named_day(name: str, incident: Incident) -> date:
    """The day that a word names: the last one of that name up to the reading day, or
    up to the end of an incident that went on from there."""
    here = on_clock(reading_day(incident), incident.clock_zone).date()
    name = name.lower().strip()
    if name in {"today", "yesterday"}:
        return here - timedelta(days=name == "yesterday")
    if _is_weekday(name):
        if incident.status != Incident.Status.ACTIVE and incident.stabilized_at:
            here = on_clock(incident.stabilized_at, incident.clock_zone).date()
        index = _SHORT_DAYS.index(name[:3])
        return here - timedelta(days=(here.weekday() - index) % 7)
    if _DAY.match(name):
        try:
            return date.fromisoformat(name)
        except ValueError as error:
            raise _unreadable(name) from error
    return _day_and_month(name, here)


def _day_and_month(name: str, here: date) -> date:
    day, month, *year = name.split()
    try:
        found = date(
            int(year[0]) if year else here.year, _MONTHS.index(month[:3]) + 1, int(day)
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
