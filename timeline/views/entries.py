"""Forms of one entry: add, edit, link and unlink evidence, withdraw."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.forms import ReasonForm
from incidents.models import Evidence, Incident, Lane
from incidents.views import case_form, get_row, workspace
from incidents.views.rows import there
from postmortem.lib.htmx import posted, render_page, wants_fragment
from timeline import forms, selectors, services
from timeline.models import Entry, Milestone
from timeline.views.page import TAB, missing_moments
from timeline.views.rows import items_of


def page_url(incident: Incident) -> str:
    return reverse("timeline:entry_list", args=[incident.key])


@incident_view("timeline.add")
def entry_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """A whole entry; `?at=`, `?kind=`, `?milestone=`, `?evidence=` fill in."""
    return case_form(
        request,
        incident,
        forms.EntryForm(
            posted(request), incident=incident, initial=_asked(request, incident)
        ),
        lambda data: services.add_entry(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Add an entry",
        lead="What was seen and what was done, with the time on the incident clock. It "
        "stays provisional until an original record is linked.",
        submit_label="Add",
        message="The entry is recorded.",
        done_url=there,
        cancel_url=page_url(incident),
    )


def _moment(asked: str) -> datetime | str:
    """A moment of an address, which its field shows on the incident clock; what cannot
    be read as one stays as it is."""
    try:
        moment = datetime.fromisoformat(asked[:40])
    except ValueError:
        return asked[:40]
    return moment if moment.tzinfo else asked[:40]


def _asked(request: SignedInRequest, incident: Incident) -> dict[str, Any]:
    asked = request.GET
    initial: dict[str, Any] = {}
    if asked.get("at"):
        initial["occurred_at"] = _moment(asked["at"])
    if asked.get("kind") in dict(forms.QUICK_KINDS):
        initial["kind"] = asked["kind"]
    if asked.get("milestone") in Milestone.Kind.values:
        initial["milestone"] = asked["milestone"]
    if asked.get("text"):
        initial["observed_signal"] = asked["text"][:500]
    for name, model in (("evidence", Evidence), ("lane", Lane)):
        prefix, _, number = asked.get(name, "").partition("-")
        if number.isdecimal() and len(number) < 10 and prefix == model.prefix:
            row = forms.live(model, incident).filter(number=int(number)).first()
            if row is not None:
                initial[name] = [row.pk] if name == "evidence" else row.pk
    return initial


@incident_view("timeline.edit")
def entry_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Correct an entry; what it said before stays as a version (R-TL-11)."""
    row = get_row(Entry, incident, number)
    return case_form(
        request,
        incident,
        forms.EntryForm(posted(request), incident=incident, row=row),
        lambda data: services.edit_entry(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {row.ref}",
        lead="What it says now stays readable as an earlier version.",
        message=f"{row.ref} is saved.",
        done_url=there(row),
        cancel_url=page_url(incident),
    )


@incident_view("timeline.add")
def gap_state(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """State that no record exists; `?from=` and `?to=` fill in."""
    initial = {
        name: _moment(request.GET[key])
        for name, key in (("occurred_at", "from"), ("occurred_until", "to"))
        if request.GET.get(key)
    }
    return case_form(
        request,
        incident,
        forms.GapForm(posted(request), incident=incident, initial=initial),
        lambda data: services.state_gap(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="State that no record exists",
        lead="The gap stays visible, here and to everybody who approves the record.",
        submit_label="State it",
        message="The gap is stated.",
        done_url=there,
        cancel_url=page_url(incident),
    )


@incident_view("timeline.edit")
def evidence_link(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """The picker: which artifacts this entry rests on."""
    row = get_row(Entry, incident, number)
    initial = {}
    asked = request.GET.get("evidence", "").removeprefix("EV-")
    if asked.isdecimal() and len(asked) < 10:
        initial["evidence"] = list(
            forms.live(Evidence, incident)
            .filter(number=int(asked))
            .values_list("pk", flat=True)
        )
    return case_form(
        request,
        incident,
        forms.LinkForm(posted(request), incident=incident, initial=initial),
        lambda data: services.link_entry_evidence(
            incident_id=incident.pk,
            actor=request.user,
            number=number,
            evidence=list(data["evidence"]),
            note=data["note"],
        ),
        tab=TAB,
        title=f"Link evidence to {row.ref}",
        lead=row.headline,
        submit_label="Link",
        message="The evidence is linked.",
        done_url=there(row),
        cancel_url=page_url(incident),
    )


@incident_view("timeline.edit")
def evidence_unlink(
    request: SignedInRequest, incident: Incident, number: int, ref: str
) -> HttpResponse:
    """Withdraw a link with a reason; the artifact itself stays."""
    row = get_row(Entry, incident, number)
    evidence = next((item for item in row.evidence if item.ref == ref), None)
    if evidence is None:
        raise Http404("no such link")
    return case_form(
        request,
        incident,
        ReasonForm(posted(request), incident=incident),
        lambda data: services.unlink_entry_evidence(
            incident_id=incident.pk,
            actor=request.user,
            number=number,
            evidence=evidence,
            **data,
        ),
        tab=TAB,
        title=f"Withdraw {evidence.ref} from {row.ref}",
        lead=f"{evidence.title}. The artifact itself stays in the record.",
        submit_label="Withdraw the link",
        message=f"{evidence.ref} is no longer linked to {row.ref}.",
        done_url=there(row),
        cancel_url=page_url(incident),
        context={"submit_kind": "danger"},
    )


@incident_view("timeline.edit")
def entry_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw an entry, with the milestones that it carries."""
    row = get_row(Entry, incident, number)
    marks = Milestone.objects.filter(entry=row, retracted_at=None)
    names = ", ".join(mark.label.lower() for mark in marks)
    return case_form(
        request,
        incident,
        ReasonForm(posted(request), incident=incident),
        lambda data: services.retract_entry(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Withdraw {row.ref}",
        lead="It stays in the record, struck through, with your reason."
        + (f" The milestone {names} goes with it." if names else ""),
        submit_label="Withdraw",
        message=f"{row.ref} is withdrawn.",
        done_url=page_url(incident),
        context={"submit_kind": "danger"},
    )


@incident_view("timeline.edit")
def entry_proof(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Say what would prove a provisional entry, who does it and until when."""
    row = get_row(Entry, incident, number)
    known = row.known_unknown
    initial: dict[str, Any] = {"question": f"Is it so? {row.headline}"[:300]}
    if known is not None and known.state == known.State.OPEN:
        initial = {
            "question": known.question,
            "missing_check": known.missing_check,
            "owner": known.owner_id,
            "due_at": known.due_at,
        }
    return case_form(
        request,
        incident,
        forms.ProofForm(posted(request), incident=incident, initial=initial),
        lambda data: services.name_missing_proof(
            incident_id=incident.pk,
            actor=request.user,
            model=Entry,
            number=number,
            **data,
        ),
        tab=TAB,
        title=f"What would prove {row.ref}",
        lead="The missing check becomes a known unknown with an owner and a deadline.",
        message="The missing proof is named.",
        done_url=there(row),
        cancel_url=page_url(incident),
    )


@incident_view("incident.view")
def entry_detail(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """One entry with what one can do with it; for htmx only the menu of its row."""
    whole = selectors.outline(incident)
    line = next((x for x in whole.lines if x.number == number and not x.gap), None)
    if line is None:
        raise Http404("no such entry")
    [item] = items_of(incident, whole, [line])
    assert item.entry is not None
    around = workspace(request, incident, TAB)
    context: dict[str, Any] = {
        "incident": incident,
        "entry": item.entry,
        "marks": item.marks,
        "moments": missing_moments(incident, whole, request.user),
        "can": around["can"],
    }
    if not wants_fragment(request):
        context |= around
        context["rows"] = render_to_string(
            "timeline/_items.html",
            {
                **context,
                "items": [item],
                "declared_at": whole.declared_at,
                "zone": incident.clock_zone,
                "base": page_url(incident),
                "plain": True,
            },
        )
    return render_page(
        request,
        "timeline/entry_detail.html",
        context,
        fragment="timeline/_entry_menu.html",
    )
