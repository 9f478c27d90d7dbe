"""Scope, impact, figures and known unknowns: each verb has its own address."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

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


def _there(row: Any) -> str:
    """The place on the overview that shows this row."""
    return str(row.get_absolute_url())


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
    """Withdraw a row with a reason; it stays in the record."""
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
        done_url=done_url or _there(row),
        context={"submit_kind": "danger"},
    )


# --- scope --------------------------------------------------------------------------


@incident_view("scope.edit")
def scope_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """What customers experienced, or what stood still inside (R-SC-05)."""
    return case_form(
        request,
        incident,
        forms.ScopeForm(
            posted(request),
            incident=incident,
            initial={"audience": request.GET.get("audience", "")},
        ),
        lambda data: services.add_scope(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Add a scope statement",
        lead="Payment consequence first, technical context second. It stays open until "
        "a signal shows its end.",
        submit_label="Add",
        message="The scope statement is added.",
        done_url=_there,
        cancel_url=incident.get_absolute_url(),
    )


@incident_view("scope.edit")
def scope_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Correct a scope statement."""
    row = get_row(ScopeStatement, incident, number)
    return case_form(
        request,
        incident,
        forms.ScopeForm(posted(request), incident=incident, row=row),
        lambda data: services.edit_scope(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {row.ref}",
        done_url=_there(row),
    )


@incident_view("scope.edit")
def scope_close(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Close it by the signal that shows its end (R-SC-08)."""
    row = get_row(ScopeStatement, incident, number)
    return case_form(
        request,
        incident,
        forms.CloseScopeForm(posted(request), incident=incident),
        lambda data: services.close_scope(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Close {row.ref}",
        lead=row.consequence,
        submit_label="Close the scope",
        message=f"{row.ref} is closed.",
        done_url=_there(row),
    )


@incident_view("scope.edit")
def scope_reopen(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """The effect is not over after all."""
    row = get_row(ScopeStatement, incident, number)
    return case_form(
        request,
        incident,
        forms.ReasonForm(posted(request), incident=incident),
        lambda data: services.reopen_scope(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Reopen {row.ref}",
        lead=row.consequence,
        submit_label="Reopen the scope",
        message=f"{row.ref} is open again.",
        done_url=_there(row),
    )


@incident_view("scope.edit")
def scope_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw a scope statement."""
    row = get_row(ScopeStatement, incident, number)
    return retract(
        request,
        incident,
        row,
        tab=TAB,
        permission="scope.edit",
        what="scope statement",
    )


# --- impact and figures -------------------------------------------------------------


@incident_view("scope.edit")
def impact_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Customer, operational or business impact (R-SC-10)."""
    return case_form(
        request,
        incident,
        forms.ImpactForm(
            posted(request),
            incident=incident,
            initial={"kind": request.GET.get("kind", "")},
        ),
        lambda data: services.add_impact(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="State an impact",
        lead="One sentence with its figures. “No material change found” is an answer "
        "that needs evidence too.",
        submit_label="Add",
        message="The impact is stated.",
        done_url=_there,
        cancel_url=incident.get_absolute_url(),
    )


@incident_view("scope.edit")
def impact_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Correct an impact statement."""
    row = get_row(ImpactStatement, incident, number)
    return case_form(
        request,
        incident,
        forms.ImpactForm(posted(request), incident=incident, row=row),
        lambda data: services.edit_impact(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {row.get_kind_display().lower()} impact",
        done_url=_there(row),
    )


@incident_view("scope.edit")
def impact_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw an impact statement."""
    row = get_row(ImpactStatement, incident, number)
    return retract(
        request,
        incident,
        row,
        tab=TAB,
        permission="scope.edit",
        what="impact statement",
    )


@incident_view("scope.edit")
def figure_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """One number: a count, or an amount with its currency (R-MT-02)."""
    number = request.GET.get("impact", "")
    chosen = (
        ImpactStatement.objects.filter(
            incident=incident, number=int(number), retracted_at=None
        ).first()
        if number.isdecimal() and len(number) <= 9
        else None
    )
    return case_form(
        request,
        incident,
        forms.FigureForm(
            posted(request), incident=incident, initial={"impact": chosen}
        ),
        lambda data: services.add_figure(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Add a figure",
        lead="A figure that the sentence names is set in bold there.",
        submit_label="Add",
        message="The figure is added.",
        done_url=_there,
        cancel_url=incident.get_absolute_url(),
    )


@incident_view("scope.edit")
def figure_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Correct a figure, its basis or its method."""
    row = get_row(ImpactFigure, incident, number)
    return case_form(
        request,
        incident,
        forms.FigureForm(posted(request), incident=incident, row=row),
        lambda data: services.edit_figure(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {row.ref}",
        done_url=_there(row),
    )


@incident_view("scope.edit")
def figure_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw a figure."""
    row = get_row(ImpactFigure, incident, number)
    return retract(
        request, incident, row, tab=TAB, permission="scope.edit", what="figure"
    )


# --- known unknowns -----------------------------------------------------------------


@incident_view("unknown.edit")
def unknown_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """What is not known, why it matters, what would settle it (R-KU-01)."""
    return case_form(
        request,
        incident,
        forms.UnknownForm(posted(request), incident=incident),
        lambda data: unknown_services.add_unknown(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="State a known unknown",
        lead="Name the check that would settle it, who does it and by when.",
        submit_label="Add",
        message="The known unknown is recorded.",
        done_url=_there,
        cancel_url=incident.get_absolute_url(),
    )


@incident_view("unknown.edit")
def unknown_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Correct a known unknown, its owner or its deadline."""
    row = get_row(KnownUnknown, incident, number)
    return case_form(
        request,
        incident,
        forms.UnknownForm(posted(request), incident=incident, row=row),
        lambda data: unknown_services.edit_unknown(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {row.ref}",
        done_url=_there(row),
    )


@incident_view("unknown.edit")
def unknown_resolve(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """The answer, with the artifact that shows it."""
    row = get_row(KnownUnknown, incident, number)
    return case_form(
        request,
        incident,
        forms.ResolveUnknownForm(posted(request), incident=incident),
        lambda data: unknown_services.resolve_unknown(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Resolve {row.ref}",
        lead=row.question,
        submit_label="Resolve",
        message=f"{row.ref} is resolved.",
        done_url=_there(row),
    )


@incident_view("finding.accept")
def unknown_accept(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """It stays unknown: accepted as a residual risk, with the reason."""
    row = get_row(KnownUnknown, incident, number)
    return case_form(
        request,
        incident,
        forms.ReasonForm(posted(request), incident=incident),
        lambda data: unknown_services.accept_unknown(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Accept {row.ref} as residual risk",
        lead=row.question,
        submit_label="Accept the risk",
        message=f"{row.ref} is accepted as residual risk.",
        done_url=_there(row),
    )


@incident_view("unknown.edit")
def unknown_reopen(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """The answer did not hold."""
    row = get_row(KnownUnknown, incident, number)
    return case_form(
        request,
        incident,
        forms.ReasonForm(posted(request), incident=incident),
        lambda data: unknown_services.reopen_unknown(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Reopen {row.ref}",
        lead=row.question,
        submit_label="Reopen",
        message=f"{row.ref} is open again.",
        done_url=_there(row),
    )
