"""Forms of the timeline. They only parse; each field has the name of the service's
keyword."""

from timeline.forms.entries import (
    CheckpointForm,
    EntryForm,
    GapForm,
    HypothesisForm,
    LinkForm,
    MilestoneForm,
    MomentField,
    NotApplicableForm,
    ProofForm,
    SettleForm,
    StanceForm,
    WhenField,
    live,
)
from timeline.forms.intake import ImportForm, ReadingForm
from timeline.forms.quick import MARKS, QUICK_KINDS, QuickAddForm
from timeline.forms.times import leading_time, read_when, reading_day

__all__ = [
    "MARKS",
    "QUICK_KINDS",
    "CheckpointForm",
    "EntryForm",
    "GapForm",
    "HypothesisForm",
    "ImportForm",
    "LinkForm",
    "MilestoneForm",
    "MomentField",
    "NotApplicableForm",
    "ProofForm",
    "QuickAddForm",
    "ReadingForm",
    "SettleForm",
    "StanceForm",
    "WhenField",
    "leading_time",
    "live",
    "read_when",
    "reading_day",
]
