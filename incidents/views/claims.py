"""Scope, impact, figures and known unknowns: each verb has its own address."""

from __future__ import annotations

from typing import Any

from accounts.decorators import SignedInRequest
from incidents import forms
from incidents.models import (
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    ScopeStatement,
)
from incidents.services import claims, unknowns
from incidents.views.rows import RowPages

# --- scope ---------------------------------------------------------------------------

scope = RowPages(ScopeStatement, "scope.edit", "scope statement")
scope_add = scope.add(
    "scope_add",
    forms.ScopeForm,
    claims.add_scope,
    title="Add a scope statement",
    lead="Payment consequence first, technical context second. It stays open until a "
    "signal shows its end.",
    message="The scope statement is added.",
    initial=lambda request, _: {"audience": request.GET.get("audience", "")},
)
scope_edit = scope.edit("scope_edit", forms.ScopeForm, claims.edit_scope)
scope_close = scope.verb(
    "scope_close",
    forms.CloseScopeForm,
    claims.close_scope,
    title="Close {row.ref}",
    lead="{row.consequence}",
    submit_label="Close the scope",
    message="{row.ref} is closed.",
)
scope_reopen = scope.verb(
    "scope_reopen",
    forms.ReasonForm,
    claims.reopen_scope,
    title="Reopen {row.ref}",
    lead="{row.consequence}",
    submit_label="Reopen the scope",
    message="{row.ref} is open again.",
)
scope_retract = scope.retract("scope_retract")

# --- impact and figures --------------------------------------------------------------


def _chosen_impact(request: SignedInRequest, incident: Incident) -> dict[str, Any]:
    number = request.GET.get("impact", "")
    if not number.isdecimal() or len(number) > 9:
        return {}
    found = ImpactStatement.objects.filter(
        incident=incident, number=int(number), retracted_at=None
    )
    return {"impact": found.first()}


impact = RowPages(ImpactStatement, "scope.edit", "impact statement")
impact_add = impact.add(
    "impact_add",
    forms.ImpactForm,
    claims.add_impact,
    title="State an impact",
    lead="One sentence with its figures. “No material change found” is an answer that "
    "needs evidence too.",
    message="The impact is stated.",
    initial=lambda request, _: {"kind": request.GET.get("kind", "")},
)
impact_edit = impact.edit(
    "impact_edit",
    forms.ImpactForm,
    claims.edit_impact,
    title="Edit the {row.kind} impact",
)
impact_retract = impact.retract("impact_retract")

figure = RowPages(ImpactFigure, "scope.edit", "figure")
figure_add = figure.add(
    "figure_add",
    forms.FigureForm,
    claims.add_figure,
    title="Add a figure",
    lead="A figure that the sentence names is set in bold there.",
    message="The figure is added.",
    initial=_chosen_impact,
)
figure_edit = figure.edit("figure_edit", forms.FigureForm, claims.edit_figure)
figure_retract = figure.retract("figure_retract")

# --- known unknowns ------------------------------------------------------------------


def _first_day(request: SignedInRequest, _: Incident) -> dict[str, Any]:
    """`?usual=provider`: one of the three that are open on nearly every first day."""
    usual = KnownUnknown.FIRST_DAY.get(request.GET.get("usual", ""))
    names = ("question", "why_it_matters", "missing_check")
    return dict(zip(names, usual, strict=True)) if usual else {}


unknown = RowPages(KnownUnknown, "unknown.edit", "known unknown")
unknown_add = unknown.add(
    "unknown_add",
    forms.UnknownForm,
    unknowns.add_unknown,
    title="State a known unknown",
    lead="Name the check that would settle it, who does it and by when.",
    message="The known unknown is recorded.",
    initial=_first_day,
)
unknown_edit = unknown.edit("unknown_edit", forms.UnknownForm, unknowns.edit_unknown)
unknown_resolve = unknown.verb(
    "unknown_resolve",
    forms.ResolveUnknownForm,
    unknowns.resolve_unknown,
    title="Resolve {row.ref}",
    lead="{row.question}",
    submit_label="Resolve",
    message="{row.ref} is resolved.",
)
unknown_accept = unknown.verb(
    "unknown_accept",
    forms.ReasonForm,
    unknowns.accept_unknown,
    permission="finding.accept",
    title="Accept {row.ref} as residual risk",
    lead="{row.question}",
    submit_label="Accept the risk",
    message="{row.ref} is accepted as residual risk.",
)
unknown_reopen = unknown.verb(
    "unknown_reopen",
    forms.ReasonForm,
    unknowns.reopen_unknown,
    title="Reopen {row.ref}",
    lead="{row.question}",
    submit_label="Reopen",
    message="{row.ref} is open again.",
)
