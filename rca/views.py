"""Pages of the root cause analysis: each verb has its own address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.models import Incident
from incidents.views import case_form, get_row, workspace
from incidents.views.rows import retract
from postmortem.lib.findings import Case, of_tab
from postmortem.lib.htmx import posted, render_page
from rca import checks, forms, selectors, services
from rca.models import Cause, FailureMode
from timeline.models import Entry

TAB = "causes"
PROMPTS = (
    "What evidence shows this?",
    "What condition allowed it?",
    "Is there more beyond this?",
    "What change reduces repeat risk?",
)


def _there(row: Any) -> str:
    """The place on the page that shows this row."""
    return str(row.get_absolute_url())


def _list_url(incident: Incident) -> str:
    return reverse("rca:cause_list", args=[incident.key])


@incident_view("incident.view")
def cause_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Causes by label or as a graph, prompts, what was ruled out, failure modes."""
    every = selectors.every_cause(incident)
    rows = [row for row in every if not row.is_retracted]
    case = Case(incident, known={selectors.causes: rows})
    shared = workspace(request, incident, TAB)
    found = [f for f in of_tab(shared["stored"].findings, checks.TAB) if f.is_open]
    if not shared["can"]["rca_edit"]:  # a fix link would end in a refusal
        found = [replace(finding, url="") for finding in found]
    columns = _columns(case)
    view = "graph" if request.GET.get("view") == "graph" else "columns"
    drawn = selectors.graph(case) if view == "graph" else None
    return render_page(
        request,
        "rca/cause_list.html",
        {
            **shared,
            "view": view,
            "now": timezone.now(),
            "analysis": case.load(selectors.analysis),
            "columns": columns,
            "unfolded": [
                card
                for column in columns
                if not column["fold"]
                for card in column["rows"]
            ],
            "graph": drawn,
            "graph_svg": selectors.graph_svg(drawn) if drawn else "",
            "prompts": PROMPTS,
            "ruled_out": [r for r in rows if r.state == Cause.State.RULED_OUT],
            "abandoned": selectors.abandoned_hypotheses(incident),
            "withdrawn": [
                *(row for row in every if row.is_retracted),
                *selectors.withdrawn_modes(incident),
            ],
            "modes": case.load(selectors.failure_modes),
            "findings": found,
        },
    )


@incident_view("incident.view")
def failure_mode_print(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The table of failure modes on paper: no controls."""
    return render(
        request,
        "rca/failure_mode_print.html",
        {
            "incident": incident,
            "modes": selectors.failure_modes(incident),
            "can": {},
            "now": timezone.now(),
        },
    )


def _columns(case: Case) -> list[dict[str, Any]]:
    """The causes that stand, a column for each role, with the arrows to the primary."""
    standing = selectors.standing_causes(case)
    answered = selectors.answers(case.incident)
    primary = {row.pk for row in standing if row.label == Cause.Label.PRIMARY}
    columns: list[dict[str, Any]] = [
        {
            "label": label,
            "title": label.label + ("s" if label is Cause.Label.CONTRIBUTING else ""),
            "definition": words,
            # The prompts of the primary cause stand beside the structure.
            "fold": label is not Cause.Label.PRIMARY,
            "rows": [
                {
                    **_card(case, row),
                    "answered_by": answered.get(row.pk, ()),
                    "to_primary": any(n.pk in primary for n in row.next_causes),
                }
                for row in standing
                if row.label == label
            ],
        }
        for label, words in forms.DEFINITIONS.items()
    ]
    for column in columns:  # the line in the gutter runs down to the last that leads on
        below = False
        for card in reversed(column["rows"]):
            card["line_goes_on"] = below
            below = below or card["to_primary"]
    return columns


def _card(case: Case, row: Cause) -> dict[str, Any]:
    """One cause as the page shows it: its text with the words marked, and why."""
    found = [item for item in selectors.wording_in(case) if item.row.pk == row.pk]
    found = [item for item in found if isinstance(item.row, Cause)]
    return {
        "row": row,
        "is_confirmed": row.state == Cause.State.CONFIRMED and not row.is_provisional,
        "statement": selectors.marked(
            row.statement, [item for item in found if item.field == "statement"]
        ),
        "wording": found,
        "answers": [
            (question, getattr(row, name), [w for w in found if w.field == name])
            for question, name in zip(
                PROMPTS,
                ("evidence_shows", "condition", "beyond", "risk_change"),
                strict=True,
            )
        ],
    }


# --- the method -----------------------------------------------------------------------


@incident_view("rca.edit")
def analysis_edit(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Choose the method and say why it fits (R-DOC-14)."""
    row = selectors.analysis(incident)
    return case_form(
        request,
        incident,
        forms.AnalysisForm(posted(request), incident=incident, row=row),
        lambda data: services.set_analysis(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Method of the analysis",
        lead="Learning and prevention, not fault: choose the approach that fits what "
        "happened here, and say why.",
        message="The method is recorded.",
        done_url=_list_url(incident),
    )


# --- causes ---------------------------------------------------------------------------


@incident_view("rca.edit")
def cause_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """A candidate cause, by its role in the impact path. `label` and `entry` of the
    query string fill the form in."""
    initial: dict[str, Any] = {"label": request.GET.get("label", "")}
    number = request.GET.get("entry", "")
    if number.isdecimal() and len(number) < 10:
        entries = Entry.objects.filter(incident=incident, number=number)
        initial["entries"] = list(entries.values_list("pk", flat=True))
    return case_form(
        request,
        incident,
        forms.CauseForm(posted(request), incident=incident, initial=initial),
        lambda data: services.add_cause(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Add a candidate cause",
        lead="It stays provisional until an original record confirms it. State the "
        "condition, not the person.",
        submit_label="Add",
        message="The cause is stated. Confirm it, or name what would prove it.",
        done_url=_there,
        cancel_url=_list_url(incident),
    )


@incident_view("rca.edit")
def cause_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Wording, label, evidence, arrows and entries of a cause."""
    row = get_row(Cause, incident, number)
    return case_form(
        request,
        incident,
        forms.CauseForm(posted(request), incident=incident, row=row),
        lambda data: services.edit_cause(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {row.ref}",
        done_url=_there(row),
    )


@incident_view("rca.edit")
def cause_confirm(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Confirm it by its original record (R-RC-07)."""
    row = get_row(Cause, incident, number)
    return case_form(
        request,
        incident,
        forms.ConfirmCauseForm(posted(request), incident=incident, row=row),
        lambda data: services.confirm_cause(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Confirm {row.ref}",
        lead=f"{row.statement.rstrip('.')}. It takes its written role and an original "
        "record that another reviewer can open.",
        submit_label="Confirm",
        message=f"{row.ref} is confirmed.",
        done_url=_there(row),
    )


@incident_view("rca.edit")
def cause_provisional(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Name the missing check, its owner and deadline (R-RC-08)."""
    row = get_row(Cause, incident, number)
    return case_form(
        request,
        incident,
        forms.ProvisionalForm(posted(request), incident=incident, row=row),
        lambda data: services.mark_provisional(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"{row.ref} is provisional",
        lead="Certainty is not forced. Say what would settle it, who makes the check "
        "and until when; it becomes a known unknown with a deadline.",
        message=f"{row.ref} is provisional; its check has an owner and a deadline.",
        done_url=_there(row),
    )


@incident_view("rca.edit")
def cause_rule_out(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Rule a candidate out; it stays on record."""
    row = get_row(Cause, incident, number)
    return case_form(
        request,
        incident,
        forms.RuleOutForm(posted(request), incident=incident, row=row),
        lambda data: services.rule_out_cause(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Rule out {row.ref}",
        lead="It stays on record, struck through, with what changed direction.",
        submit_label="Rule out",
        message=f"{row.ref} is ruled out and kept on record.",
        done_url=_there(row),
    )


@incident_view("rca.edit")
def cause_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw a cause that was written by mistake."""
    return retract(
        request,
        incident,
        get_row(Cause, incident, number),
        services.retract_cause,
        tab=TAB,
        what="cause",
    )


# --- failure modes --------------------------------------------------------------------


@incident_view("rca.edit")
def failure_mode_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """A row of the failure-mode table."""
    return case_form(
        request,
        incident,
        forms.FailureModeForm(
            posted(request),
            incident=incident,
            initial={"mode": request.GET.get("mode", FailureMode.Mode.OTHER)},
        ),
        lambda data: services.add_failure_mode(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Add a failure mode",
        lead="A hypothesis about this incident, with symptom, measured impact, signal "
        "and recovery action. Otherwise it describes and prevents nothing.",
        submit_label="Add",
        message="The row is added.",
        done_url=_there,
        cancel_url=_list_url(incident),
    )


@incident_view("rca.edit")
def failure_mode_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Columns, standing and evidence of a row."""
    row = get_row(FailureMode, incident, number)
    return case_form(
        request,
        incident,
        forms.FailureModeForm(posted(request), incident=incident, row=row),
        lambda data: services.edit_failure_mode(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {row.ref}",
        done_url=_there(row),
    )


@incident_view("rca.edit")
def failure_mode_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw a row that was written by mistake."""
    return retract(
        request,
        incident,
        get_row(FailureMode, incident, number),
        services.retract_failure_mode,
        tab=TAB,
        what="row",
    )
