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
from incidents.views import case_form, workspace
from incidents.views.rows import RowPages
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
        done_url=reverse("rca:cause_list", args=[incident.key]),
    )


# --- causes ---------------------------------------------------------------------------


def _asked(request: SignedInRequest, incident: Incident) -> dict[str, Any]:
    """What `label` and `entry` of the address fill in."""
    initial: dict[str, Any] = {"label": request.GET.get("label", "")}
    number = request.GET.get("entry", "")
    if number.isdecimal() and len(number) < 10:
        entries = Entry.objects.filter(incident=incident, number=number)
        initial["entries"] = list(entries.values_list("pk", flat=True))
    return initial


cause = RowPages(Cause, "rca.edit", "cause", tab=TAB)
cause_add = cause.add(
    "cause_add",
    forms.CauseForm,
    services.add_cause,
    title="Add a candidate cause",
    lead="It stays provisional until an original record confirms it. State the "
    "condition, not the person.",
    message="The cause is stated. Confirm it, or name what would prove it.",
    initial=_asked,
)
cause_edit = cause.edit("cause_edit", forms.CauseForm, services.edit_cause)
cause_confirm = cause.verb(
    "cause_confirm",
    forms.ConfirmCauseForm,
    services.confirm_cause,
    title="Confirm {row.ref}",
    lead="“{row.statement}” takes its written role and an original record that another "
    "reviewer can open.",
    submit_label="Confirm",
    message="{row.ref} is confirmed.",
    edits=True,
)
cause_provisional = cause.verb(
    "cause_provisional",
    forms.ProvisionalForm,
    services.mark_provisional,
    title="{row.ref} is provisional",
    lead="Certainty is not forced. Say what would settle it, who makes the check and "
    "until when; it becomes a known unknown with a deadline.",
    message="{row.ref} is provisional; its check has an owner and a deadline.",
    edits=True,
)
cause_rule_out = cause.verb(
    "cause_rule_out",
    forms.RuleOutForm,
    services.rule_out_cause,
    title="Rule out {row.ref}",
    lead="It stays on record, struck through, with what changed direction.",
    submit_label="Rule out",
    message="{row.ref} is ruled out and kept on record.",
    edits=True,
)
cause_retract = cause.retract("cause_retract")


# --- failure modes --------------------------------------------------------------------

failure_mode = RowPages(FailureMode, "rca.edit", "row", tab=TAB)
failure_mode_add = failure_mode.add(
    "failure_mode_add",
    forms.FailureModeForm,
    services.add_failure_mode,
    title="Add a failure mode",
    lead="A hypothesis about this incident, with symptom, measured impact, signal and "
    "recovery action. Otherwise it describes and prevents nothing.",
    message="The row is added.",
    initial=lambda request, _: {
        "mode": request.GET.get("mode", FailureMode.Mode.OTHER)
    },
)
failure_mode_edit = failure_mode.edit(
    "failure_mode_edit", forms.FailureModeForm, services.edit_failure_mode
)
failure_mode_retract = failure_mode.retract("failure_mode_retract")
