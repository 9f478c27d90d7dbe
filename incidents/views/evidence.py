"""Evidence: the table, one artifact with where it is used, its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode

from incidents import forms, selectors
from incidents.decorators import SignedInRequest, incident_view
from incidents.models import Evidence, Incident
from incidents.services import evidence as services
from incidents.services.evidence import FileMissing
from incidents.services.files import INLINE
from incidents.views import case_form, get_row, posted, workspace
from incidents.views.claims import retract
from incidents.views.incident import own
from postmortem.lib.htmx import render_page

PAGE_SIZE = 50
PREVIEW_BYTES = 6_000
CLAIM_WORDS = (
    "consequence",
    "statement",
    "observed_signal",
    "action_taken",
    "name",  # before `question`: a checkpoint has both, and its question is no claim
    "question",
    "label",
    "notes",
)
TEXT_TYPES = ("text/", "application/json", "application/x-ndjson", "application/xml")


@dataclass(frozen=True)
class Line:
    """One artifact of the table."""

    row: Evidence
    uses: list[selectors.Use]

    @property
    def is_unpaired(self) -> bool:
        """A finance record without the operational record of the same matter."""
        return self.row.side == Evidence.Side.FINANCE and not self.row.paired_with_id


# --- the table ----------------------------------------------------------------------


@incident_view("incident.view")
def evidence_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """All artifacts of an incident with their claims; filters in the address."""
    return _table(request, incident, shown=None)


@incident_view("incident.view")
def evidence_detail(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """One artifact beside the table: what it is, where it is used, what is in it."""
    row = (
        Evidence.objects.filter(incident=incident, number=number)
        .select_related(
            "recorded_by", "retracted_by", "paired_with", "superseded_by", "incident"
        )
        .first()
    )
    if row is None:
        raise Http404("no such artifact")
    return _table(request, incident, shown=row)


def _table(
    request: SignedInRequest, incident: Incident, *, shown: Evidence | None
) -> HttpResponse:
    uses = selectors.evidence_use(incident)
    rows = own(incident, selectors.evidence(incident))
    lines = [Line(row, uses.get(row.pk, [])) for row in rows]
    asked = {
        name: request.GET.get(name, "").replace("\x00", "").strip()[:200]
        for name in ("record", "kind", "q", "use")
    }
    found = [line for line in lines if _fits(line, asked)]
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    query = {name: value for name, value in asked.items() if value}
    kinds = {line.row.kind: line.row.get_kind_display() for line in lines}
    context = {
        **workspace(request, incident, "evidence"),
        "page": page,
        "lines": page.object_list,
        "asked": asked,
        "total": len(lines),
        "segments": _segments(lines, query),
        "toggles": _toggles(lines, query),
        "kinds": sorted(kinds.items(), key=lambda item: item[1]),
        "query": f"{urlencode(query)}&" if query else "",
        "list_query": f"?{urlencode(query)}" if query else "",
        "withdrawn": own(
            incident,
            Evidence.objects.filter(incident=incident)
            .exclude(retracted_at=None)
            .select_related("retracted_by"),
        ),
    }
    if shown is not None:
        own(incident, [shown])
        context |= {
            "shown": shown,
            "uses": [(use, claim_text(use.claim)) for use in uses.get(shown.pk, [])],
            "preview": _preview(request, shown),
        }
    return render_page(
        request,
        "incidents/evidence_list.html",
        context,
        fragment="incidents/_evidence_panel.html" if shown else "",
    )


def _fits(line: Line, asked: dict[str, str]) -> bool:
    row = line.row
    if asked["record"] in {"original", "later"} and row.is_original != (
        asked["record"] == "original"
    ):
        return False
    if asked["kind"] and row.kind != asked["kind"]:
        return False
    if asked["use"] == "unlinked" and line.uses:
        return False
    if asked["use"] == "unpaired" and not line.is_unpaired:
        return False
    text = f"{row.ref} {row.title} {row.source} {row.sha256} {row.filename}".lower()
    return all(word in text for word in asked["q"].lower().split())


def _segments(lines: list[Line], query: dict[str, str]) -> list[dict[str, Any]]:
    originals = sum(line.row.is_original for line in lines)
    others = {name: value for name, value in query.items() if name != "record"}
    return [
        {
            "label": label,
            "icon": icon,
            "count": count,
            "url": f"?{urlencode({**others, 'record': value} if value else others)}",
            "active": query.get("record", "") == value,
        }
        for label, icon, value, count in (
            ("All", "", "", len(lines)),
            ("Original", "file-check", "original", originals),
            ("Later summary", "notes", "later", len(lines) - originals),
        )
    ]


def _toggles(lines: list[Line], query: dict[str, str]) -> list[dict[str, Any]]:
    counts = {
        "unlinked": sum(not line.uses for line in lines),
        "unpaired": sum(line.is_unpaired for line in lines),
    }
    others = {name: value for name, value in query.items() if name != "use"}
    found = []
    for name, label, icon in (
        ("unlinked", "Unlinked", "unlink"),
        ("unpaired", "Unpaired", "arrows-left-right"),
    ):
        active = query.get("use") == name
        changed = others if active else {**others, "use": name}
        found.append(
            {
                "label": label,
                "icon": icon,
                "count": counts[name],
                "url": f"?{urlencode(changed)}",
                "active": active,
            }
        )
    return found


def claim_text(claim: Any) -> str:
    """What a claim of any app says, in its own words."""
    for name in CLAIM_WORDS:
        text = getattr(claim, name, "")
        if text and isinstance(text, str):
            return text
    return str(claim)


# --- one artifact -------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """What can be shown of a file without letting the browser run it."""

    kind: str
    text: str = ""
    is_cut: bool = False
    url: str = ""
    problem: str = ""


def _preview(request: SignedInRequest, row: Evidence) -> Preview | None:
    if not row.sha256:
        return None
    media = row.media_type or ""
    if media.startswith("image/") and media in INLINE:
        address = reverse(
            "incidents:evidence_download", args=[row.incident.key, row.number]
        )
        return Preview("image", url=f"{address}?inline=1")
    if not media.startswith(TEXT_TYPES):
        return Preview("none")
    try:
        opened = services.open_evidence_file(row, actor=request.user)
    except FileMissing as error:
        return Preview("missing", problem=error.message)
    with opened.handle as handle:
        head = handle.read(PREVIEW_BYTES + 1)
    text = head[:PREVIEW_BYTES].decode("utf-8", errors="replace")
    return Preview("text", text=text, is_cut=len(head) > PREVIEW_BYTES)


@incident_view("evidence.download")
def evidence_download(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponseBase:
    """The stored bytes: as an attachment that no browser runs; `?inline=1` shows
    pictures and plain text in place."""
    row = Evidence.objects.filter(incident=incident, number=number).first()
    if row is None or not row.sha256:
        raise Http404("no stored file")
    row.incident = incident
    opened = services.open_evidence_file(
        row, actor=request.user, inline=bool(request.GET.get("inline"))
    )
    page = FileResponse(opened.handle, content_type=opened.media_type)
    page["Content-Length"] = str(opened.size)
    for name, value in opened.headers.items():
        page[name] = value
    return page


# --- verbs --------------------------------------------------------------------------


def _there(row: Evidence) -> str:
    return row.get_absolute_url()


@incident_view("evidence.add")
def evidence_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Upload files, give a durable link, or name what cannot be opened yet."""
    form = forms.EvidenceFilesForm(
        posted(request),
        request.FILES if request.method == "POST" else None,
        incident=incident,
    )
    if request.FILES:
        form.fields["upload"].help_text = (
            "Choose the files again: a browser does not keep them. Everything else "
            "that you typed is still here."
        )

    def add(data: dict[str, Any]) -> list[Evidence]:
        data.pop("version", None)
        uploads = data.pop("upload") or [None]
        title = data.pop("title", "")
        added: list[Evidence] = []
        for upload in uploads:
            name = title if title and len(uploads) == 1 else ""
            name = name or (upload.name if upload else title)
            if title and upload and len(uploads) > 1:
                name = f"{title}: {upload.name}"
            try:
                added.append(
                    services.add_evidence(
                        incident_id=incident.pk,
                        actor=request.user,
                        upload=upload,
                        title=name[:200],
                        **data,
                    )
                )
            except ValidationError as error:
                if not added:
                    raise
                refs = ", ".join(f"{row.ref} {row.filename}" for row in added)
                raise ValidationError(
                    [
                        ValidationError(
                            f"Stored: {refs}. Not stored: {upload.name} and what "
                            "came after it. Send only those again.",
                            code="partly_stored",
                        ),
                        *error.messages,
                    ]
                ) from error
        return added

    return case_form(
        request,
        incident,
        form,
        add,
        tab="evidence",
        title="Add evidence",
        lead="An original record was captured during the incident. A later summary "
        "never stands alone.",
        submit_label="Add evidence",
        message="The evidence is stored under its hash.",
        done_url=lambda added: _there(added[-1]),
        cancel_url=reverse("incidents:evidence_list", args=[incident.key]),
    )


@incident_view("evidence.add")
def evidence_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Correct what is said about an artifact; its file is never replaced."""
    row = get_row(Evidence, incident, number)
    return case_form(
        request,
        incident,
        forms.EvidenceEditForm(posted(request), incident=incident, row=row),
        lambda data: services.edit_evidence(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab="evidence",
        title=f"Edit {row.ref}",
        done_url=_there(row),
    )


@incident_view("evidence.add")
def evidence_attach(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """The file of an artifact that was only named or linked."""
    row = get_row(Evidence, incident, number)
    form = forms.FileForm(
        posted(request),
        request.FILES if request.method == "POST" else None,
        incident=incident,
    )
    return case_form(
        request,
        incident,
        form,
        lambda data: services.attach_file(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab="evidence",
        title=f"Attach the file of {row.ref}",
        lead=row.title,
        submit_label="Attach",
        message="The file is stored under its hash.",
        done_url=_there(row),
    )


@incident_view("evidence.add")
def evidence_supersede(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """A better artifact takes its place; both stay."""
    row = get_row(Evidence, incident, number)
    return case_form(
        request,
        incident,
        forms.SupersedeForm(posted(request), incident=incident),
        lambda data: services.supersede_evidence(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab="evidence",
        title=f"Supersede {row.ref}",
        lead="Files are never replaced. Add the better artifact first, then choose it "
        "here; both stay readable.",
        submit_label="Supersede",
        message=f"{row.ref} is superseded.",
        done_url=_there(row),
    )


@incident_view("evidence.add")
def evidence_pair(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Operational and finance record of the same matter (R-EV-08)."""
    row = get_row(Evidence, incident, number)
    return case_form(
        request,
        incident,
        forms.PairForm(posted(request), incident=incident, row=row),
        lambda data: services.pair_evidence(
            incident_id=incident.pk,
            actor=request.user,
            number=number,
            paired_with=data["paired_with"],
        ),
        tab="evidence",
        title=f"Pair {row.ref}",
        lead=f"{row.ref} is {_article(row.get_side_display().lower())}. Choose the "
        "record of the same matter from the other side.",
        submit_label="Pair",
        message="The pair is saved on both records.",
        done_url=_there(row),
    )


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


@incident_view("evidence.add")
def evidence_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw an artifact; claims that rest on it become provisional."""
    row = get_row(Evidence, incident, number)
    return retract(
        request,
        incident,
        row,
        tab="evidence",
        permission="evidence.add",
        what="artifact",
    )
