"""The overview of one incident: roles, impact, recovery, scope, findings, unknowns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.decorators import SignedInRequest
from incidents import selectors
from incidents.decorators import incident_view
from incidents.models import (
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    Participation,
    ScopeStatement,
)
from incidents.views import workspace
from incidents.views.panel import findings_panel
from postmortem.lib import ui
from postmortem.lib.addresses import page_url
from postmortem.lib.htmx import render_page
from postmortem.lib.kept import Kept

Duty = Participation.Duty
STRIP = (
    Duty.COMMANDER,
    Duty.SCRIBE,
    Duty.ENGINEERING,
    Duty.PAYMENTS_OPS,
    Duty.FINANCE_OPS,
    Duty.COMPLIANCE,
    Duty.SUPPORT,
)
IMPACT_ICONS = {
    ImpactStatement.Kind.CUSTOMER: "users",
    ImpactStatement.Kind.OPERATIONAL: "settings",
    ImpactStatement.Kind.BUSINESS: "report-money",
}


OVERVIEWS = Kept(32)  # by the state of the record, in each process


@incident_view("incident.view")
def incident_detail(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The overview: what happened to whom, what is proven, what still blocks."""
    around = workspace(request, incident, "overview")
    rows = OVERVIEWS.get((incident.pk, incident.activity_head), lambda: _rows(incident))
    return render_page(
        request,
        "incidents/incident_detail.html",
        {
            **around,
            **rows,
            "now": timezone.now(),
            "recovery_url": page_url("timeline:recovery_strip", incident.key),
            **findings_panel(incident, request.user, around["stored"], brief=True),
        },
    )


def _rows(incident: Incident) -> dict[str, Any]:
    """What the record says, in the order of the page."""
    scope = own(incident, selectors.scope(incident))
    unknowns = own(incident, selectors.unknowns(incident))
    is_open = KnownUnknown.State.OPEN
    return {
        "roles": _roles(selectors.current_duties(incident)),
        "impact_rows": _impact_rows(own(incident, selectors.impacts(incident))),
        "users_scope": _of(scope, ScopeStatement.Audience.EXPERIENCED),
        "internal_scope": _of(scope, ScopeStatement.Audience.INTERNAL),
        "unknowns": [row for row in unknowns if row.state == is_open],
        "settled_unknowns": [row for row in unknowns if row.state != is_open],
        "lanes": own(incident, selectors.lanes(incident)),
    }


def own(incident: Incident, rows: Iterable[Any]) -> list[Any]:
    """The rows with the incident already loaded, their evidence included: links to
    them are then built without a query each."""
    found = list(rows)
    for row in found:
        row.incident = incident
        for name in (
            "closing_evidence",
            "known_unknown",
            "paired_with",
            "superseded_by",
        ):
            if getattr(row, f"{name}_id", None):
                getattr(row, name).incident = incident
        if hasattr(row, "evidence_links"):
            for link in row.evidence_links.all():
                link.evidence.incident = incident
        if hasattr(row, "live_figures"):
            own(incident, row.live_figures)
    return found


def _of(rows: list[ScopeStatement], audience: str) -> list[ScopeStatement]:
    found = [row for row in rows if row.audience == audience]
    return sorted(found, key=lambda row: row.state == ScopeStatement.State.CLOSED)


def _roles(duties: list[Participation]) -> list[dict[str, Any]]:
    """The strip of roles: the usual seven, then what else is held (R-RO-02)."""
    others = sorted({row.duty for row in duties} - set(STRIP) - {Duty.RESPONDER})
    return [
        {
            "duty": str(duty),
            "label": Duty(duty).label,
            "people": [
                row.user.label
                for row in duties
                if row.duty == duty and not row.is_backup
            ],
        }
        for duty in (*STRIP, *others)
    ]


# --- impact -----------------------------------------------------------------------


@dataclass(frozen=True)
class FigureLine:
    row: ImpactFigure
    text: str


@dataclass(frozen=True)
class ImpactLine:
    """A statement with its figures set in bold where the sentence names them."""

    row: ImpactStatement
    text: SafeString
    figures: list[FigureLine]


def _impact_rows(statements: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind.value,
            "label": kind.label,
            "icon": IMPACT_ICONS[kind],
            "statements": [_impact_line(row) for row in statements if row.kind == kind],
        }
        for kind in ImpactStatement.Kind
    ]


def _impact_line(row: Any) -> ImpactLine:
    figures = [FigureLine(figure, figure_text(figure)) for figure in row.live_figures]
    named = [line for line in figures if _names(row.statement, line)]
    return ImpactLine(
        row=row,
        text=_in_bold(row.statement, [t for line in named for t in _spellings(line)]),
        figures=[
            line
            for line in figures
            if line not in named
            or line.row.is_provisional
            or line.row.basis != "actual"
        ],
    )


def figure_text(figure: ImpactFigure) -> str:
    """A figure as it is printed: `6,418` or `€412,860.20`."""
    if figure.amount is not None:
        return ui.money(figure.amount, figure.currency)
    return f"{figure.count:,}"


def _spellings(line: FigureLine) -> list[str]:
    """How a sentence may write a figure: with its sign, its code, or bare."""
    amount, code = line.row.amount, line.row.currency
    if amount is None:
        return [line.text, str(line.row.count)]
    plain = f"{amount.normalize():,f}"
    cents = f"{amount:,.2f}"
    found = [f"{code} {text}" for text in (cents, plain)]
    found += [f"{text} {code}" for text in (cents, plain)]
    return [line.text, *found, cents, plain]


def _pattern(texts: list[str]) -> str:
    found = "|".join(re.escape(text) for text in sorted(set(texts), key=len)[::-1])
    return rf"(?<![\d.,])(?:{found})(?!\d|[.,]\d)"


def _names(sentence: str, line: FigureLine) -> bool:
    return bool(re.search(_pattern(_spellings(line)), sentence))


def _in_bold(sentence: str, texts: list[str]) -> SafeString:
    """The sentence, escaped, with these figures in bold."""
    if not texts:
        return conditional_escape(sentence)
    parts, last = [], 0
    for match in re.finditer(_pattern(texts), sentence):
        parts.append(conditional_escape(sentence[last : match.start()]))
        parts.append(format_html("<b>{}</b>", match.group()))
        last = match.end()
    parts.append(conditional_escape(sentence[last:]))
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped above
