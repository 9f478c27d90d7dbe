"""Icons and marks: severity, status, badges, who and what in one sign."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from postmortem.lib.icons import EVIDENCE_ICONS, LANE_ICONS
from postmortem.lib.ui.base import read, register, value_of

SPRITE = "img/icons-1.svg"

# kind of a badge: color class, icon, words when the template gives none
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
    "degraded": ("bad", "plug-connected-x", "Degraded"),
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
    return _severity(value_of(value), css)


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
    """The status of an incident: a shape of its own, a color and the word."""
    return _status_badge(value_of(status))


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
    """A state badge: color, icon and word of `kind` (the keys of BADGES).

    An unknown kind is shown neutral, in its own words.
    """
    return _badge(value_of(kind), label)


@lru_cache(maxsize=1024, typed=True)
def _badge(value: str, label: Any) -> SafeString:
    color, shape, word = BADGES.get(
        value, ("plain", "", value.replace("_", " ").capitalize())
    )
    return format_html(
        '<span class="pm-badge pm-badge-{}">{}{}</span>',
        color,
        icon(shape) if shape else "",
        label or word,
    )


@register.simple_tag
def degraded(names: Sequence[str] | None) -> SafeString:
    """'1 dependency degraded', with the names under the pointer; nothing for none."""
    if not names:
        return SafeString("")
    word = "dependency" if len(names) == 1 else "dependencies"
    return format_html(
        '<span title="{}">{}</span>',
        ", ".join(names),
        _badge("degraded", f"{len(names)} {word} degraded"),
    )


@register.filter
def lane_icon(slug: str) -> str:
    """The icon of a payment flow; a lane of the team's own gets the route sign."""
    return LANE_ICONS.get(slug, "route")


@register.simple_tag
def lane_marks(lanes: tuple[tuple[str, str], ...]) -> SafeString:
    """Payment flows side by side. lanes: (slug, name) of each."""
    return _lane_marks(lanes)


@lru_cache(maxsize=512, typed=True)  # few flows, named by hundreds of incidents
def _lane_marks(lanes: tuple[tuple[str, str], ...]) -> SafeString:
    if not lanes:
        return SafeString('<span class="pm-muted">not named</span>')
    return format_html_join(
        "",
        "<span>{}{}</span>",
        ((icon(lane_icon(slug)), name) for slug, name in lanes),
    )


@register.simple_tag
def finding_counts(blocking: int, advisory: int) -> SafeString:
    """How many findings block, and how many advise."""
    return _finding_counts(blocking, advisory)


@lru_cache(maxsize=512)
def _finding_counts(blocking: int, advisory: int) -> SafeString:
    return format_html(
        '<span class="pm-row pm-nowrap">'
        '<span class="pm-with-icon {}">{}<b>{}</b></span>'
        '<span class="pm-with-icon {}">{}{}</span></span>',
        "pm-bad" if blocking else "pm-muted",
        icon("alert-circle", "Blocking"),
        blocking,
        "pm-warn" if advisory else "pm-muted",
        icon("alert-triangle", "Advisory"),
        advisory,
    )


@register.filter
def evidence_icon(evidence: Any) -> str:
    """The icon of an artifact: its kind, or notes for a later summary."""
    if not read(evidence, "is_original", True):
        return "notes"
    return EVIDENCE_ICONS.get(value_of(read(evidence, "kind")).lower(), "file-text")


@register.filter
def initials(value: Any) -> str:
    """Up to two letters for an avatar: 'Engineering manager' and 'e.m@x.org' are EM."""
    words = re.findall(r"[^\W\d_]+", str(value or "").split("@")[0])
    return "".join(word[0] for word in words[:2]).upper() or "?"
