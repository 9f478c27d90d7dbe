"""Each verb on evidence at its own address."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents import forms
from incidents.decorators import incident_view
from incidents.models import CaseRecord, Evidence, Incident
from incidents.services import evidence as services
from incidents.services import redaction
from incidents.views import case_form
from incidents.views.rows import RowPages, there
from postmortem.lib.htmx import posted


@incident_view("evidence.add")
def evidence_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Upload files, give a durable link, or name what cannot be opened yet."""
    form = forms.EvidenceFilesForm(
        posted(request),
        request.FILES if request.method == "POST" else None,
        incident=incident,
    )
    sent = [upload.name or "file" for upload in request.FILES.getlist("upload")]
    if sent:
        form.fields["upload"].help_text = (
            f"Not stored yet: {', '.join(sent)}. If no file is chosen any more, choose "
            "it again. Everything else that you typed is still here."
        )

    def add(data: dict[str, Any]) -> list[Evidence]:
        data.pop("version", None)
        return services.add_artifacts(
            incident_id=incident.pk,
            actor=request.user,
            uploads=data.pop("upload"),
            **data,
        )

    return case_form(
        request,
        incident,
        form,
        add,
        tab="evidence",
        title="Add evidence",
        lead="An original record was captured during the incident. A later summary "
        "never stands alone.",
        submit_label="Try again" if sent else "Add evidence",
        message="The evidence is stored under its hash.",
        done_url=lambda added: there(added[-1]),
        cancel_url=reverse("incidents:evidence_list", args=[incident.key]),
    )


def _pair(*, paired_with: Evidence | None, **data: Any) -> CaseRecord:
    data.pop("version", None)
    return services.pair_evidence(paired_with=paired_with, **data)


artifact = RowPages(Evidence, "evidence.add", "artifact", tab="evidence")
evidence_edit = artifact.edit(
    "evidence_edit", forms.EvidenceEditForm, services.edit_evidence
)
evidence_attach = artifact.verb(
    "evidence_attach",
    forms.FileForm,
    services.attach_file,
    title="Attach the file of {row.ref}",
    lead="{row.title}",
    submit_label="Attach",
    message="The file is stored under its hash.",
)
evidence_supersede = artifact.verb(
    "evidence_supersede",
    forms.SupersedeForm,
    services.supersede_evidence,
    title="Supersede {row.ref}",
    lead="Files are never replaced. Add the better artifact first, then choose it "
    "here; both stay readable.",
    submit_label="Supersede",
    message="{row.ref} is superseded.",
)
evidence_pair = artifact.verb(
    "evidence_pair",
    forms.PairForm,
    _pair,
    title="Pair {row.ref}",
    lead="{row.ref} is on the {row.side} side. Choose the record of the same matter "
    "from the other side.",
    submit_label="Pair",
    message="The pair is saved on both records.",
    edits=True,
)
evidence_retract = artifact.retract("evidence_retract")

content = RowPages(Evidence, redaction.PERMISSION, "artifact", tab="evidence")
evidence_redact = content.verb(
    "evidence_redact",
    forms.ReasonForm,
    redaction.ask_redaction,
    title="Redact the content of {row.ref}",
    lead="For content that must not be kept, such as card data. A second person "
    "confirms; then the file is deleted for good. Its hash, its name and who had it in "
    "hand stay.",
    submit_label="Ask for the redaction",
    message="{row.ref} is locked until a second person decides.",
)
evidence_redact_confirm = content.verb(
    "evidence_redact_confirm",
    forms.ConfirmForm,
    redaction.confirm_redaction,
    title="Delete the content of {row.ref}",
    lead="{row.redaction_reason}",
    submit_label="Delete it for good",
    message="{row.ref} is redacted; its hash stays.",
)
evidence_redact_drop = content.verb(
    "evidence_redact_drop",
    forms.ReasonForm,
    redaction.drop_redaction,
    title="Keep the content of {row.ref}",
    lead="{row.redaction_reason}",
    submit_label="Keep it",
    message="The content of {row.ref} is kept.",
)
