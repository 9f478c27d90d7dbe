"""Parts of a row: the chip of an artifact, what lacks evidence, a finding."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from postmortem.lib.icons import EVIDENCE_ICONS
from postmortem.lib.ui.base import read, register, url_of, value_of
from postmortem.lib.ui.marks import icon

FINDING_ICONS = {
    "error": ("alert-octagon", "Blocks closure"),
    "warning": ("alert-triangle", "Advisory"),
    "info": ("info-circle", "For information"),
}


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
    if _is_altered(context, str(read(evidence, "ref", ""))):
        return format_html(
            '<a href="{}" data-evidence class="pm-chip pm-chip-bad {}">{}'
            '<span class="pm-ref">{}</span>hash mismatch</a>',
            url_of(evidence),
            css,
            icon("alert-octagon"),
            read(evidence, "ref", ""),
        )
    original = bool(read(evidence, "is_original", True))
    title = str(read(evidence, "title", ""))
    kind = value_of(read(evidence, "kind", "")).lower()
    shown = title if label is None else str(label)
    url = url_of(evidence)
    return format_html(
        '<{tag}{href} class="pm-chip{later} {css}" title="{title}">{icon}'
        '<span class="pm-ref">{ref}</span>{label}{hidden}</{end}>',
        tag=SafeString("a" if url else "span"),
        href=format_html(' href="{}" data-evidence', url) if url else "",
        later="" if original else " pm-chip-later",
        css=css,
        title=title if original else f"{title} (later summary)".strip(),
        icon=icon(EVIDENCE_ICONS.get(kind, "file-text") if original else "notes"),
        ref=read(evidence, "ref", ""),
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
    level = value_of(read(finding, "level", "info")).lower()
    shape, word = FINDING_ICONS.get(level, FINDING_ICONS["info"])
    accepted = read(finding, "accepted_by", "")
    accept_url = read(finding, "accept_url", "")
    cleared = read(finding, "cleared_at", "")
    message = read(finding, "message")
    place = read(finding, "subject_label") or read(finding, "subject_ref")
    where = " · ".join(
        str(part) for part in (place, read(finding, "owner_label")) if part
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
    url = read(finding, "url")
    hint = read(finding, "hint")
    return format_html(
        '<li class="pm-finding pm-finding-{level}{accepted}">{icon}'
        '<div class="pm-finding-body"><p class="pm-finding-text">{message}</p>'
        '<p class="pm-finding-where"><code class="pm-code">{id}</code> {where}</p>'
        "{hint}{note}{accept}</div>{fix}</li>",
        level=level if level in FINDING_ICONS else "info",
        accepted=" is-accepted" if accepted else "",
        icon=icon(shape, word, "pm-icon-18"),
        message=message,
        id=read(finding, "id"),
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
            read(finding, "fix_label") or "Open",
            message,
        )
        if url
        else "",
    )
