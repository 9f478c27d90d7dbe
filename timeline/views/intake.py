"""Importing a log: what comes in, where its reading stands, and the list of candidates
that a person accepts or dismisses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.models import Evidence, Incident, Lane
from incidents.views import case_form, get_row, workspace
from postmortem.lib.errors import DomainError, field_error
from postmortem.lib.htmx import done, posted, render_page, typed
from postmortem.lib.times import on_clock
from timeline import forms, selectors
from timeline.models import Candidate, Entry, LogReading
from timeline.selectors import CandidateChoice
from timeline.selectors.intake import under_way
from timeline.services.intake import asking, deciding
from timeline.services.intake.candidates import count_of
from timeline.services.intake.reading import Reading, default_day
from timeline.views.page import TAB
from timeline.views.rows import moment_of

PAGE = 100
NAMES = ("state", "q", "source", "from", "to")
STATES = [("waiting", "Waiting"), ("accepted", "Accepted"), ("dismissed", "Dismissed")]


# --- the source -----------------------------------------------------------------------


@incident_view("timeline.add")
def import_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """A file or pasted text, set aside for a worker; its page says where it stands."""
    return _asked(
        request,
        incident,
        forms.ImportForm,
        asking.take_log,
        title="Import a log",
        lead="It is kept as evidence and read into candidates. Nothing becomes an "
        "entry before somebody accepts it. Card numbers and secrets are refused.",
    )


@incident_view("timeline.add")
def reading_add(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """The file of an artifact, to be read by a worker, or once more in another way."""
    evidence = get_row(Evidence, incident, number)
    return _asked(
        request,
        incident,
        forms.ReadingForm,
        partial(asking.ask_reading, evidence=evidence),
        title=f"Read {evidence.ref} as a log",
        lead="Nothing becomes an entry before somebody accepts it.",
    )


def _asked(
    request: SignedInRequest,
    incident: Incident,
    form: type[forms.ReadingForm],
    ask: Callable[..., LogReading],
    *,
    title: str,
    lead: str,
) -> HttpResponse:
    day = default_day(incident)
    return case_form(
        request,
        incident,
        form(
            posted(request),
            request.FILES or None,
            incident=incident,
            initial={"day": day},
        ),
        lambda data: ask(
            incident_id=incident.pk,
            actor=request.user,
            **{**data, "day": data["day"] or day},
        ),
        tab=TAB,
        title=title,
        lead=lead,
        submit_label="Read it",
        message="The log has come in.",
        done_url=lambda row: row.get_absolute_url(),
        cancel_url=reverse("timeline:entry_list", args=[incident.key]),
    )


@incident_view("timeline.add")
def reading_detail(
    request: SignedInRequest, incident: Incident, pk: int
) -> HttpResponse:
    """How far a log is read; then its preview, of which a POST has candidates made;
    then these."""
    row = _reading(request, incident, pk)
    if request.method == "POST":
        asking.ask_candidates(incident_id=incident.pk, actor=request.user, reading=row)
        return done(request, row.get_absolute_url())
    if row.state == row.State.DONE and row.made and row.evidence:
        url = reverse("timeline:candidate_list", args=[incident.key])
        words = f"{count_of(row.made.added, 'candidate')} from {row.evidence.ref}."
        if row.made.known:
            words += f" {row.made.known:,} known already."
        return done(request, f"{url}?source={row.evidence.ref}", words)
    page: dict[str, Any] = {**workspace(request, incident, TAB), "row": row}
    if row.state == row.State.READY:
        reading = Reading.from_json(row.result)
        page |= {
            "reading": reading,
            "lines": [
                (line, is_known, day_of(line.occurred_at, incident))
                for line, is_known in reading.rows
            ],
            "form": forms.ReadingForm(
                initial={"reader": reading.reader, "day": reading.day},
                incident=incident,
            ),
        }
    return render_page(request, "timeline/reading_detail.html", page)


@incident_view("timeline.add")
def reading_status(
    request: SignedInRequest, incident: Incident, pk: int
) -> HttpResponse:
    """The fragment that the page asks for every second; when the worker is done, the
    page is loaded again."""
    row = _reading(request, incident, pk)
    answer = render(
        request, "timeline/_reading_status.html", {"incident": incident, "row": row}
    )
    if row.state != row.State.WAITING:
        answer["HX-Refresh"] = "true"
    return answer


def _reading(request: SignedInRequest, incident: Incident, pk: int) -> LogReading:
    row = get_object_or_404(selectors.readings(incident, request.user), pk=pk)
    row.incident = incident
    if row.evidence is not None:
        row.evidence.incident = incident
    return row


# --- the candidates -------------------------------------------------------------------


@incident_view("incident.view")
def candidate_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """A hundred candidates at a time, by their time; filters in the address."""
    return _list(request, incident, request.GET)


@incident_view("timeline.add")
def candidate_accept(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The chosen candidates become entries, all or none."""

    def act() -> str:
        rows = deciding.accept_candidates(
            incident_id=incident.pk,
            actor=request.user,
            ids=_ids(request.POST),
            kind=request.POST.get("kind") or Entry.Kind.NOTE,
            lane=_lane(request.POST.get("lane", ""), incident),
        )
        if len(rows) == 1 and rows[0].entry:
            return f"{rows[0].entry.ref} is on the timeline."
        return f"{count_of(len(rows), 'candidate')} on the timeline."

    return _decided(request, incident, act)


@incident_view("timeline.add")
def candidate_dismiss(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The chosen candidates, or every waiting one that the filter shows."""

    def act() -> str:
        whole = request.POST.get("which") == "filter"
        count = deciding.dismiss_candidates(
            incident_id=incident.pk,
            actor=request.user,
            ids=() if whole else _ids(request.POST),
            choice=choice_of(_query(request.POST), incident) if whole else None,
            reason=request.POST.get("reason", ""),
        )
        return f"{count_of(count, 'candidate')} dismissed. They can be taken back."

    return _decided(request, incident, act)


@incident_view("timeline.add")
def candidate_restore(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Dismissed candidates wait again."""

    def act() -> str:
        count = deciding.restore_candidates(
            incident_id=incident.pk, actor=request.user, ids=_ids(request.POST)
        )
        return f"{count_of(count, 'candidate')} taken back."

    return _decided(request, incident, act)


@incident_view("timeline.add")
def candidate_edit(
    request: SignedInRequest, incident: Incident, pk: int
) -> HttpResponse:
    """One candidate in the form of an entry, to be corrected and accepted."""
    row = selectors.candidates(incident, request.user).filter(pk=pk).first()
    if row is None:
        raise Http404("no such candidate")
    back = reverse("timeline:candidate_list", args=[incident.key])
    if row.entry is not None:
        row.entry.incident = incident
        return redirect(row.entry)
    initial = deciding.said(row, Entry.Kind.NOTE) | {"evidence": [row.source.evidence]}
    return case_form(
        request,
        incident,
        forms.EntryForm(posted(request), incident=incident, initial=initial),
        lambda data: deciding.accept_edited(
            incident_id=incident.pk, actor=request.user, candidate_id=pk, **data
        ),
        tab=TAB,
        title="Edit and accept",
        lead=f"{row.source.evidence.ref}, {row.place}. That line stays its evidence.",
        submit_label="Accept",
        message="The entry is recorded.",
        done_url=lambda entry: f"{back}?source={row.source.evidence.ref}",
        cancel_url=back,
    )


def choice_of(query: dict[str, str], incident: Incident) -> CandidateChoice:
    """The filter of an address; what cannot be read filters nothing."""
    state = query.get("state") or Candidate.State.WAITING
    source = query.get("source", "").removeprefix(f"{Evidence.prefix}-")
    return CandidateChoice(
        state=state if state in Candidate.State.values else Candidate.State.WAITING,
        words=query.get("q", ""),
        source=int(source) if source.isdecimal() and len(source) < 10 else None,
        start=moment_of(query.get("from", ""), incident),
        end=moment_of(query.get("to", ""), incident),
    )


def day_of(moment: datetime | None, incident: Incident) -> str:
    """The day that stands above the lines of it."""
    if moment is None:
        return "Time not known"
    here = on_clock(moment, incident.clock_zone)
    return f"{here:%A}, {here.day} {here:%b %Y}"


def _query(sent: QueryDict) -> dict[str, str]:
    return {name: value for name in NAMES if (value := typed(sent, name))}


def _list(
    request: SignedInRequest,
    incident: Incident,
    sent: QueryDict,
    *,
    faults: list[str] | None = None,
    chosen: frozenset[int] = frozenset(),
    status: int = 200,
) -> HttpResponse:
    query = _query(sent)
    choice = choice_of(query, incident)
    sources = selectors.sources(incident, request.user)
    counts = {
        name: sum(
            getattr(item, name)
            for item in sources
            if choice.source in {None, item.number}
        )
        for name, _ in STATES
    }
    found = choice.narrow(selectors.candidates(incident, request.user))
    paginator = Paginator(found, PAGE)
    if not choice.is_narrow:
        paginator.count = counts[choice.state]  # not asked twice
    page = paginator.get_page(sent.get("page"))
    rows = list(page.object_list)
    for row in rows:
        row.is_chosen = row.pk in chosen  # type: ignore[attr-defined]
        row.day = day_of(row.occurred_at, incident)  # type: ignore[attr-defined]
    here = reverse("timeline:candidate_list", args=[incident.key])
    around = {name: value for name, value in query.items() if name != "state"}
    return render_page(
        request,
        "timeline/candidate_list.html",
        {
            **workspace(request, incident, TAB),
            "page": page,
            "rows": rows,
            "zone": incident.clock_zone,
            "query": query,
            "page_query": f"{urlencode(query)}&" if query else "",
            "state": choice.state,
            "is_filtered": choice.is_narrow,
            "segments": [
                {
                    "label": label,
                    "count": counts[name],
                    "url": f"{here}?{urlencode({'state': name, **around})}",
                    "active": name == choice.state,
                }
                for name, label in STATES
            ],
            "sources": sources,
            "under_way": under_way(incident, request.user),
            "source": choice.source,
            "lanes": selectors.lanes(incident),
            "kinds": forms.QUICK_KINDS,
            "faults": faults or [],
            "asked": sent,
        },
        status=status,
    )


def _decided(request: SignedInRequest, incident: Incident, act: Any) -> HttpResponse:
    """Do it and come back to the same filter; refused, the list with every reason and
    with what was chosen."""
    here = reverse("timeline:candidate_list", args=[incident.key])
    if request.method != "POST":
        return redirect(here)
    try:
        words = act()
    except (ValidationError, DomainError) as error:
        faults, status = _refusal(error)
        return _list(
            request,
            incident,
            request.POST,
            faults=faults,
            chosen=frozenset(_ids(request.POST)),
            status=status,
        )
    query = _query(request.POST)
    return done(request, f"{here}?{urlencode(query)}" if query else here, words)


def _refusal(error: ValidationError | DomainError) -> tuple[list[str], int]:
    """The sentences of a refusal, and its status."""
    if isinstance(error, ValidationError):
        return list(error.messages), 422
    return [error.message], error.status


def _ids(sent: QueryDict) -> list[int]:
    """The rows that were ticked, or all that were shown."""
    given = (
        sent.get("shown", "").split(",")
        if sent.get("which") == "shown"
        else sent.getlist("id")
    )
    return [int(pk) for pk in given if pk.isdecimal() and len(pk) < 18]


def _lane(text: str, incident: Incident) -> Lane | None:
    if not text:
        return None
    number = text.removeprefix(f"{Lane.prefix}-")
    found = None
    if number.isdecimal() and len(number) < 10:
        found = Lane.objects.filter(incident=incident, number=int(number)).first()
    if found is None:
        raise field_error("lane", "There is no such lane.", "unknown")
    return found
