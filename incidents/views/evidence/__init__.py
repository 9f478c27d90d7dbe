"""Evidence: the table or the gallery, one artifact beside it, its file, its verbs."""

from incidents.views.evidence.files import evidence_download, evidence_preview
from incidents.views.evidence.table import claim_text, evidence_detail, evidence_list
from incidents.views.evidence.verbs import (
    evidence_add,
    evidence_attach,
    evidence_edit,
    evidence_pair,
    evidence_redact,
    evidence_redact_confirm,
    evidence_redact_drop,
    evidence_retract,
    evidence_supersede,
)

__all__ = [
    "claim_text",
    "evidence_add",
    "evidence_attach",
    "evidence_detail",
    "evidence_download",
    "evidence_edit",
    "evidence_list",
    "evidence_pair",
    "evidence_preview",
    "evidence_redact",
    "evidence_redact_confirm",
    "evidence_redact_drop",
    "evidence_retract",
    "evidence_supersede",
]
