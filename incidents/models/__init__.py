"""Models of the case file. Claims of the upper apps build on `case` and `evidence`."""

from incidents.models.activity import (
    ActivityEntry,
    FindingSnapshot,
    Notification,
    RestrictedRead,
    Verification,
    Waiver,
)
from incidents.models.case import (
    IN_COMMAND,
    CaseRecord,
    CaseRelation,
    Incident,
    Lane,
    Participation,
    Severity,
)
from incidents.models.claims import (
    Claim,
    FigureEvidence,
    ImpactEvidence,
    ImpactFigure,
    ImpactStatement,
    ScopeEvidence,
    ScopeStatement,
)
from incidents.models.evidence import (
    Evidence,
    EvidenceLink,
    KnownUnknown,
    KnownUnknownEvidence,
    LinkCheck,
    StoredFile,
)
from incidents.models.filters import SavedFilter
from incidents.models.policies import PolicyChange, SeverityPolicy

__all__ = [
    "IN_COMMAND",
    "ActivityEntry",
    "CaseRecord",
    "CaseRelation",
    "Claim",
    "Evidence",
    "EvidenceLink",
    "FigureEvidence",
    "FindingSnapshot",
    "ImpactEvidence",
    "ImpactFigure",
    "ImpactStatement",
    "Incident",
    "KnownUnknown",
    "KnownUnknownEvidence",
    "Lane",
    "LinkCheck",
    "Notification",
    "Participation",
    "PolicyChange",
    "RestrictedRead",
    "SavedFilter",
    "ScopeEvidence",
    "ScopeStatement",
    "Severity",
    "SeverityPolicy",
    "StoredFile",
    "Verification",
    "Waiver",
]
