"""Scope, impact, figures and known unknowns: each verb has its own address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse, HttpResponseBase

from incidents import forms
from incidents.decorators import SignedInRequest, incident_view
from incidents.models import (
    CaseRecord,
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    ScopeStatement,
)
from incidents.services import claims as services
from incidents.services import core
from incidents.services import unknowns as unknown_services
from incidents.views import case_form, get_row, posted

TAB = "overview"
View = Callable[..., HttpResponseBase]


def there(row: Any) -> str:
    """The place that shows this row."""
    return str(row.get_absolute_url())


# --- the two shapes: a form that adds a row, a form that does something to one -------


def add_view(
    name: str,
    form: type[forms.CaseForm],
    service: Callable[..., CaseRecord],
    *,
    permission: str,
    title: str,
    lead: str,
    message: str,
    initial: Callable[[SignedInRequest, Incident], dict[str, Any]] | None = None,
) -> View:
    """The page that adds a row. `initial` reads what the address chooses already."""

    def view(request: SignedInRequest, incident: Incident) -> HttpResponse:
        return case_form(
            request,
            incident,
            form(
                posted(request),
                incident=incident,
                initial=initial(request, incident) if initial else None,
            ),
            lambda data: service(incident_id=incident.pk, actor=request.user, **data),
            tab=TAB,
            title=title,
            lead=lead,
            submit_label="Add",
            message=message,
            done_url=there,
            cancel_url=incident.get_absolute_url(),
        )

    view.__name__ = name
    return incident_view(permission)(view)


def row_view(
    name: str,
    model: type[CaseRecord],
    form: type[forms.CaseForm],
    service: Callable[..., CaseRecord],
    *,
    permission: str,
    title: str,
    lead: str = "",
    submit_label: str = "Save",
    message: str = "Saved.",
    edits: bool = False,
    tab: str = TAB,
) -> View:
    """The page of one verb on one row. In its words `{row}` stands for the row.
    edits: the form starts with what the row says."""

    def view(request: SignedInRequest, incident: Incident, number: int) -> HttpResponse:
        row = get_row(model, incident, number)
        return case_form(
            request,
            incident,
            form(
                posted(request),
                request.FILES if request.method == "POST" else None,
                incident=incident,
                row=row if edits else None,
            ),
            lambda data: service(
                incident_id=incident.pk, actor=request.user, number=number, **data
            ),
            tab=tab,
            title=title.format(row=row),
            lead=lead.format(row=row),
            submit_label=submit_label,
            message=message.format(row=row),
            done_url=there(row),
        )

    view.__name__ = name
    return incident_view(permission)(view)


def retract(
    request: SignedInRequest,
    incident: Incident,
    row: CaseRecord,
    *,
    tab: str,
    permission: str,
    what: str,
    done_url: str = "",
) -> HttpResponse:
    """Withdraw a row with a reason; it stays in the record. For every app's rows."""
    return case_form(
        request,
        incident,
        forms.ReasonForm(posted(request), incident=incident),
        lambda data: core.retract_record(
            incident_id=incident.pk,
            actor=request.user,
            model=type(row),
            number=row.number,
            permission=permission,
            **data,
        ),
        tab=tab,
        title=f"Withdraw {row.ref}",
        lead=f"The {what} stays in the record, struck through, with your reason.",
        submit_label="Withdraw",
        message=f"{row.ref} is withdrawn.",
        done_url=done_url or there(row),
        context={"submit_kind": "danger"},
    )


def retract_view(
    name: str, model: type[CaseRecord], *, permission: str, what: str, tab: str = TAB
) -> View:
    """The page that withdraws a row of this kind."""

    def view(request: SignedInRequest, incident: Incident, number: int) -> HttpResponse:
        row = get_row(model, incident, number)
        return retract(
            request, incident, row, tab=tab, permission=permission, what=what
        )

    view.__name__ = name
    return incident_view(permission)(view)


# --- scope ---------------------------------------------------------------------------

scope_add = add_view(
    "scope_add",
    forms.ScopeForm,
    services.add_scope,
    permission="scope.edit",
    title="Add a scope statement",
    lead="Payment consequence first, technical context second. It stays open until a "
    "signal shows its end.",
    message="The scope statement is added.",
    initial=lambda request, _: {"audience": request.GET.get("audience", "")},
)
scope_edit = row_view(
    "scope_edit",
    ScopeStatement,
    forms.ScopeForm,
    services.edit_scope,
    permission="scope.edit",
    title="Edit {row.ref}",
    edits=True,
)
scope_close = row_view(
    "scope_close",
    ScopeStatement,
    forms.CloseScopeForm,
    services.close_scope,
    permission="scope.edit",
    title="Close {row.ref}",
    lead="{row.consequence}",
    submit_label="Close the scope",
    message="{row.ref} is closed.",
)
scope_reopen = row_view(
    "scope_reopen",
    ScopeStatement,
    forms.ReasonForm,
    services.reopen_scope,
    permission="scope.edit",
    title="Reopen {row.ref}",
    lead="{row.consequence}",
    submit_label="Reopen the scope",
    message="{row.ref} is open again.",
)
scope_retract = retract_view(
    "scope_retract", ScopeStatement, permission="scope.edit", what="scope statement"
)

# --- impact and figures --------------------------------------------------------------


def _chosen_impact(request: SignedInRequest, incident: Incident) -> dict[str, Any]:
    number = request.GET.get("impact", "")
    if not number.isdecimal() or len(number) > 9:
        return {}
    found = ImpactStatement.objects.filter(
        incident=incident, number=int(number), retracted_at=None
    )
    return {"impact": found.first()}


impact_add = add_view(
    "impact_add",
    forms.ImpactForm,
    services.add_impact,
    permission="scope.edit",
    title="State an impact",
    lead="One sentence with its figures. “No material change found” is an answer that "
    "needs evidence too.",
    message="The impact is stated.",
    initial=lambda request, _: {"kind": request.GET.get("kind", "")},
)
impact_edit = row_view(
    "impact_edit",
    ImpactStatement,
    forms.ImpactForm,
    services.edit_impact,
    permission="scope.edit",
    title="Edit the {row.kind} impact",
    edits=True,
)
impact_retract = retract_view(
    "impact_retract", ImpactStatement, permission="scope.edit", what="impact statement"
)
figure_add = add_view(
    "figure_add",
    forms.FigureForm,
    services.add_figure,
    permission="scope.edit",
    title="Add a figure",
    lead="A figure that the sentence names is set in bold there.",
    message="The figure is added.",
    initial=_chosen_impact,
)
figure_edit = row_view(
    "figure_edit",
    ImpactFigure,
    forms.FigureForm,
    services.edit_figure,
    permission="scope.edit",
    title="Edit {row.ref}",
    edits=True,
)
figure_retract = retract_view(
    "figure_retract", ImpactFigure, permission="scope.edit", what="figure"
)

# --- known unknowns ------------------------------------------------------------------


def _first_day(request: SignedInRequest, _: Incident) -> dict[str, Any]:
    """`?usual=provider`: one of the three that are open on nearly every first day."""
    usual = KnownUnknown.FIRST_DAY.get(request.GET.get("usual", ""))
    names = ("question", "why_it_matters", "missing_check")
    return dict(zip(names, usual, strict=True)) if usual else {}


unknown_add = add_view(
    "unknown_add",
    forms.UnknownForm,
    unknown_services.add_unknown,
    permission="unknown.edit",
    title="State a known unknown",
    lead="Name the check that would settle it, who does it and by when.",
    message="The known unknown is recorded.",
    initial=_first_day,
)
unknown_edit = row_view(
    "unknown_edit",
    KnownUnknown,
    forms.UnknownForm,
    unknown_services.edit_unknown,
    permission="unknown.edit",
    title="Edit {row.ref}",
    edits=True,
)
unknown_resolve = row_view(
    "unknown_resolve",
    KnownUnknown,
    forms.ResolveUnknownForm,
    unknown_services.resolve_unknown,
    permission="unknown.edit",
    title="Resolve {row.ref}",
    lead="{row.question}",
    submit_label="Resolve",
    message="{row.ref} is resolved.",
)
unknown_accept = row_view(
    "unknown_accept",
    KnownUnknown,
    forms.ReasonForm,
    unknown_services.accept_unknown,
    permission="finding.accept",
    title="Accept {row.ref} as residual risk",
    lead="{row.question}",
    submit_label="Accept the risk",
    message="{row.ref} is accepted as residual risk.",
)
unknown_reopen = row_view(
    "unknown_reopen",
    KnownUnknown,
    forms.ReasonForm,
    unknown_services.reopen_unknown,
    permission="unknown.edit",
    title="Reopen {row.ref}",
    lead="{row.question}",
    submit_label="Reopen",
    message="{row.ref} is open again.",
)
