"""Template tags and filters of the design system, built in to every template.

Values come in plain or as any object (or mapping) with the named attributes; the tags
know no model. Times are aware datetimes, shown on the clock of the zone that is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from uuid import uuid4

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from postmortem.lib.compare import (
    sentence_case,
    words_apart,
    words_come,
    words_gone,
)
from postmortem.lib.icons import EVIDENCE_ICONS, LANE_ICONS
from postmortem.lib.times import on_clock, span

register = template.Library()
register.filter(words_gone)
register.filter(words_apart)
register.filter(words_come)
register.filter(sentence_case)

SPRITE = "img/icons-1.svg"
NOT_RECORDED = "not recorded"

# kind of a badge: colour class, icon, words when the template gives none
BADGES: dict[str, tuple[str, str, str]] = {
    "confirmed": ("ok", "check", "Confirmed"),
    "passed": ("ok", "check", "Passed"),
    "closed": ("ok", "circle-check", "Closed"),
    "original": ("ok", "file-check", "Original record"),
    "approved": ("ok", "check", "Approved"),
    "provisional": ("unproven", "progress-help", "Provisional"),
    "later": ("unproven", "notes", "Later summary"),
    "stale": ("unproven", "refresh-alert", "Stale"),
    "unknown": ("unproven", "progress-help", "Outcome unknown"),
    "due": ("warn", "clock", "Due"),
    "advisory": ("warn", "alert-triangle", "Advisory"),
    "open": ("bad", "circle-dot", "Open"),
    "flag": ("bad", "flag-3", "Red flag"),
    "overdue": ("bad", "clock-exclamation", "Overdue"),
    "failed": ("bad", "x", "Failed"),
    "blocking": ("bad", "alert-octagon", "Blocks closure"),
    "held": ("act", "hand-stop", "Held"),
    "review": ("act", "eye", "In review"),
    "investigating": ("act", "search", "Investigating"),
    "milestone": ("ink", "flag-3", "Milestone"),
    "draft": ("plain", "pencil", "Draft"),
    "norun": ("plain", "minus", "No run yet"),
    "ruledout": ("plain", "x", "Ruled out"),
    "waiting": ("plain", "hourglass", "Waiting"),
    "locked": ("plain", "lock", "Locked"),
    "defined": ("plain", "flask", "Defined"),
    "neutral": ("plain", "", ""),
}

STATUSES: dict[str, tuple[str, str, str]] = {
    "active": ("active", "", "Active"),
    "stabilized": ("stabilized", "circle-half-2", "Stabilized"),
    "in_review": ("review", "eye", "In review"),
    "closed": ("closed", "lock", "Closed"),
    "cancelled": ("cancelled", "ban", "Cancelled"),
}

FINDING_ICONS = {
    "error": ("alert-octagon", "Blocks closure"),
    "warning": ("alert-triangle", "Advisory"),
    "info": ("info-circle", "For information"),
}

CURRENCY_SIGNS = {"EUR": "€", "GBP": "£"}
CURRENCY_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "ISK": 0} | dict.fromkeys(
    ("BHD", "JOD", "KWD", "OMR", "TND"), 3
)


def _read(thing: Any, name: str, default: Any = "") -> Any:
    """An attribute of an object or a key of a mapping; missing is `default`."""
    if isinstance(thing, Mapping):
        return thing.get(name, default)
    return getattr(thing, name, default)


def _url(thing: Any) -> str:
    """Where a thing has its page: its `get_absolute_url()` or `url`, else nothing."""
    page = getattr(thing, "get_absolute_url", None)
    return str(page() if callable(page) else _read(thing, "url", ""))


def _value(choice: Any) -> str:
    """The stored text of a plain value or of an enum member."""
    return str(getattr(choice, "value", choice))


# --- tags -----------------------------------------------------------------------------


@register.simple_tag
def fixed(name: str) -> SafeString:
    """A part of every page that never differs: rendered once in each process."""
    return _fixed(name)


@lru_cache(maxsize=32)
def _fixed(name: str) -> SafeString:
    return render_to_string(name)


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """A Tabler outline icon, 16 px, decorative unless `label` says what it means.

    name: an icon of `static/vendor/manifest.json`; css: further classes (`pm-icon-18`).
    """
    return _icon(name, label, css)


@lru_cache(maxsize=2048, typed=True)  # a safe text is not a plain one
def _icon(name: str, label: str, css: str) -> SafeString:
    """A page shows some 150 icons, and the same few again and again."""
    href = f"{static(SPRITE)}#i-{name}"
    classes = f"pm-icon {css}".strip()
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>',
            classes,
            label,
            href,
        )
    return format_html(
        '<svg class="{}" aria-hidden="true" focusable="false"><use href="{}"></use>'
        "</svg>",
        classes,
        href,
    )


@register.simple_tag
def severity(value: Any, css: str = "") -> SafeString:
    """Bar ladder and label of a severity: 1 to 5, `SEV2` or a choice of that text.

    SEV1 has all five bars and SEV5 has one; SEV1 and SEV2 add red. css: `pm-sev-lg`.
    """
    return _severity(_value(value), css)


@lru_cache(maxsize=256, typed=True)
def _severity(value: str, css: str) -> SafeString:
    found = re.search(r"[1-5]", value)
    if not found:
        return format_html('<span class="pm-sev {}">No severity</span>', css)
    number = int(found.group())
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="3" height="{}" rx=".5"></rect>',
        (
            ("on" if step < 6 - number else "off", step * 4.5, 10 - height, height)
            for step, height in enumerate((3, 5, 6, 8, 10))
        ),
    )
    return format_html(
        '<span class="pm-sev pm-sev-{} {}"><svg class="pm-ladder" viewBox="0 0 21 10"'
        ' aria-hidden="true" focusable="false">{}</svg>SEV{}</span>',
        number,
        css,
        bars,
        number,
    )


@register.simple_tag
def status_badge(status: Any) -> SafeString:
    """The status of an incident: a shape of its own, a colour and the word."""
    return _status_badge(_value(status))


@lru_cache(maxsize=256, typed=True)
def _status_badge(value: str) -> SafeString:
    kind, shape, word = STATUSES.get(
        value, ("cancelled", "circle", value.replace("_", " ").capitalize())
    )
    mark = (
        icon(shape)
        if shape
        else SafeString('<span class="pm-dot" aria-hidden="true"></span>')
    )
    return format_html(
        '<span class="pm-status pm-status-{}">{}{}</span>', kind, mark, word
    )


@register.simple_tag
def badge(kind: Any, label: Any = "") -> SafeString:
    """A state badge: colour, icon and word of `kind` (the keys of BADGES).

    An unknown kind is shown neutral, in its own words.
    """
    return _badge(_value(kind), label)


@lru_cache(maxsize=1024, typed=True)
def _badge(value: str, label: Any) -> SafeString:
    colour, shape, word = BADGES.get(
        value, ("plain", "", value.replace("_", " ").capitalize())
    )
    return format_html(
        '<span class="pm-badge pm-badge-{}">{}{}</span>',
        colour,
        icon(shape) if shape else "",
        label or word,
    )


def _is_altered(context: Any, ref: str) -> bool:
    """Whether the findings of this page (`stored`) say that the artifact's file is not
    the one that was hashed: check EV006. Every claim that cites it shows so."""
    found = getattr(context.get("stored"), "findings", ())
    return any(item.id == "EV006" and item.subject_ref == ref for item in found)


@register.simple_tag(takes_context=True)
def evidence_chip(
    context: Any, evidence: Any, label: Any = None, css: str = ""
) -> SafeString:
    """A link to an artifact: kind icon, ref and short label (default: its title).

    evidence: ref, title, kind, is_original and get_absolute_url(). A later summary is
    dashed amber and says so; one whose file does not match its hash is red and says
    that. label: `""` shows the ref alone. Nothing for None.
    """
    if not evidence:
        return SafeString("")
    if _is_altered(context, str(_read(evidence, "ref", ""))):
        return format_html(
            '<a href="{}" data-evidence class="pm-chip pm-chip-bad {}">{}'
            '<span class="pm-ref">{}</span>hash mismatch</a>',
            _url(evidence),
            css,
            icon("alert-octagon"),
            _read(evidence, "ref", ""),
        )
    original = bool(_read(evidence, "is_original", True))
    title = str(_read(evidence, "title", ""))
    kind = _value(_read(evidence, "kind", "")).lower()
    shown = title if label is None else str(label)
    url = _url(evidence)
    return format_html(
        '<{tag}{href} class="pm-chip{later} {css}" title="{title}">{icon}'
        '<span class="pm-ref">{ref}</span>{label}{hidden}</{end}>',
        tag=SafeString("a" if url else "span"),
        href=format_html(' href="{}" data-evidence', url) if url else "",
        later="" if original else " pm-chip-later",
        css=css,
        title=title if original else f"{title} (later summary)".strip(),
        icon=icon(EVIDENCE_ICONS.get(kind, "file-text") if original else "notes"),
        ref=_read(evidence, "ref", ""),
        label=format_html('<span class="pm-chip-label">{}</span>', shown)
        if shown
        else "",
        hidden=""
        if original
        else format_html('<span class="visually-hidden">{}</span>', ", later summary"),
        end=SafeString("a" if url else "span"),
    )


@register.simple_tag
def needs_evidence(url: str = "", label: str = "Needs evidence") -> SafeString:
    """What a claim without proof shows in place: dashed red, leads to the picker."""
    if not url:
        return format_html(
            '<span class="pm-chip pm-chip-missing">{}{}</span>',
            icon("file-plus"),
            label,
        )
    return format_html(
        '<a class="pm-chip pm-chip-missing" href="{}" data-drawer>{}{}</a>',
        url,
        icon("file-plus"),
        label,
    )


@register.simple_tag
def finding_row(finding: Any) -> SafeString:
    """A finding as a list item: level, sentence, code, where and owner, one fix link.

    finding: id, level ('error', 'warning', 'info'), message, hint, subject_label or
    subject_ref, url, fix_label, owner_label; `accepted_by` (words) and `cleared_at`
    (words, such as '10:18') strike the row; `accept_url` adds the link to accept it.
    """
    level = _value(_read(finding, "level", "info")).lower()
    shape, word = FINDING_ICONS.get(level, FINDING_ICONS["info"])
    accepted = _read(finding, "accepted_by", "")
    accept_url = _read(finding, "accept_url", "")
    cleared = _read(finding, "cleared_at", "")
    message = _read(finding, "message")
    place = _read(finding, "subject_label") or _read(finding, "subject_ref")
    where = " · ".join(
        str(part) for part in (place, _read(finding, "owner_label")) if part
    )
    if cleared:
        return format_html(
            '<li class="pm-finding pm-finding-cleared">{}<div class="pm-finding-body">'
            '<p class="pm-finding-text"><s>{}</s></p></div>'
            '<span class="pm-finding-note">cleared {}</span></li>',
            icon("circle-check", "Cleared", "pm-icon-18"),
            message,
            cleared,
        )
    url = _read(finding, "url")
    hint = _read(finding, "hint")
    return format_html(
        '<li class="pm-finding pm-finding-{level}{accepted}">{icon}'
        '<div class="pm-finding-body"><p class="pm-finding-text">{message}</p>'
        '<p class="pm-finding-where"><code class="pm-code">{id}</code> {where}</p>'
        "{hint}{note}{accept}</div>{fix}</li>",
        level=level if level in FINDING_ICONS else "info",
        accepted=" is-accepted" if accepted else "",
        icon=icon(shape, word, "pm-icon-18"),
        message=message,
        id=_read(finding, "id"),
        where=where,
        hint=format_html('<p class="pm-finding-hint">{}</p>', hint) if hint else "",
        note=format_html('<p class="pm-finding-hint">Accepted: {}</p>', accepted)
        if accepted
        else "",
        accept=format_html(
            '<p class="pm-finding-hint"><a href="{}" data-drawer>Accept with a reason'
            '<span class="visually-hidden">: {}</span></a></p>',
            accept_url,
            message,
        )
        if accept_url
        else "",
        fix=format_html(
            '<a class="pm-finding-fix" href="{}">{}'
            '<span class="visually-hidden">: {}</span></a>',
            url,
            _read(finding, "fix_label") or "Open",
            message,
        )
        if url
        else "",
    )


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


@register.simple_tag
def client_key() -> str:
    """A name of its own for one form as it is shown: sent twice, it is done once."""
    return str(uuid4())


# --- filters --------------------------------------------------------------------------


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
    """Whole minutes from `origin` (declaration): 'T+14', 'T−25', or nothing."""
    if not value or not origin:
        return ""
    minutes = int((value - origin).total_seconds() // 60)
    return f"T−{-minutes}" if minutes < 0 else f"T+{minutes}"


@register.filter
def shorthash(value: str | None) -> str:
    """The first and last four characters of a hash: '7f3a…c21e'."""
    text = str(value or "").removeprefix("sha256:")
    return text if len(text) <= 12 else f"{text[:4]}…{text[-4:]}"


@register.filter
def money(value: Decimal | int | str | None, currency: str = "") -> str:
    """An amount with grouping and its ISO 4217 currency: '€412,860.20', 'USD 12.00'.

    Digits beyond the currency's own are shown, never rounded away.
    """
    if value is None or value == "":
        return NOT_RECORDED
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not amount.is_finite():
        return str(value)
    code = str(currency or "").upper()
    exponent = amount.normalize().as_tuple().exponent
    needed = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    digits = max(CURRENCY_DIGITS.get(code, 2), needed)
    sign = "−" if amount < 0 else ""
    number = f"{abs(amount):,.{digits}f}"
    if code in CURRENCY_SIGNS:
        return f"{sign}{CURRENCY_SIGNS[code]}{number}"
    return f"{code} {sign}{number}".strip()


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


@register.filter
def lane_icon(slug: str) -> str:
    """The icon of a payment flow; a lane of the team's own gets the route sign."""
    return LANE_ICONS.get(slug, "route")


@register.filter
def evidence_icon(evidence: Any) -> str:
    """The icon of an artifact: its kind, or notes for a later summary."""
    if not _read(evidence, "is_original", True):
        return "notes"
    return EVIDENCE_ICONS.get(_value(_read(evidence, "kind")).lower(), "file-text")


@register.filter
def initials(value: Any) -> str:
    """Up to two letters for an avatar: 'Engineering manager' and 'e.m@x.org' are EM."""
    words = re.findall(r"[^\W\d_]+", str(value or "").split("@")[0])
    return "".join(word[0] for word in words[:2]).upper() or "?"
