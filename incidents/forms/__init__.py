"""Forms of the case file. They only parse: each field has the name of the service's
keyword, and every rule but the reading of text lives in the service."""

from incidents.forms.activity import ActivityFilterForm, verb_words
from incidents.forms.claims import CloseScopeForm, FigureForm, ImpactForm, ScopeForm
from incidents.forms.evidence import (
    EvidenceEditForm,
    EvidenceFilesForm,
    EvidenceUploadForm,
    FileForm,
    MultipleFileField,
    MultipleFileInput,
    PairForm,
    SupersedeForm,
)
from incidents.forms.fields import (
    CaseForm,
    ClockField,
    CountField,
    CurrencyField,
    EvidenceMixin,
    MoneyField,
    PersonChoiceField,
    RowsField,
    live_evidence,
    model_field,
)
from incidents.forms.filters import FilterForm
from incidents.forms.findings import AcceptFindingForm, ResolveUnknownForm, UnknownForm
from incidents.forms.incident import (
    ClockZoneForm,
    ConfirmForm,
    DeclareForm,
    IncidentForm,
    ReasonForm,
    SeverityForm,
)
from incidents.forms.people import DutyForm, EndDutyForm, HandOverForm, LaneForm
from incidents.forms.policies import PolicyForm

__all__ = [
    "AcceptFindingForm",
    "ActivityFilterForm",
    "CaseForm",
    "ClockField",
    "ClockZoneForm",
    "CloseScopeForm",
    "ConfirmForm",
    "CountField",
    "CurrencyField",
    "DeclareForm",
    "DutyForm",
    "EndDutyForm",
    "EvidenceEditForm",
    "EvidenceFilesForm",
    "EvidenceMixin",
    "EvidenceUploadForm",
    "FigureForm",
    "FileForm",
    "FilterForm",
    "HandOverForm",
    "ImpactForm",
    "IncidentForm",
    "LaneForm",
    "MoneyField",
    "MultipleFileField",
    "MultipleFileInput",
    "PairForm",
    "PersonChoiceField",
    "PolicyForm",
    "ReasonForm",
    "ResolveUnknownForm",
    "RowsField",
    "ScopeForm",
    "SeverityForm",
    "SupersedeForm",
    "UnknownForm",
    "live_evidence",
    "model_field",
    "verb_words",
]
