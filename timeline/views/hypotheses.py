"""Forms of the hypotheses ledger."""

from __future__ import annotations

from incidents.views.rows import RowPages
from timeline import forms, services
from timeline.models import Hypothesis
from timeline.views.page import TAB

hypothesis = RowPages(Hypothesis, "timeline.edit", "hypothesis", tab=TAB)
hypothesis_add = hypothesis.add(
    "hypothesis_add",
    forms.HypothesisForm,
    services.add_hypothesis,
    title="State a hypothesis",
    lead="It stays in the record, also when it is abandoned.",
    message="The hypothesis is stated.",
    permission="timeline.add",
)
hypothesis_edit = hypothesis.edit(
    "hypothesis_edit", forms.HypothesisForm, services.edit_hypothesis
)
hypothesis_settle = hypothesis.verb(
    "hypothesis_settle",
    forms.SettleForm,
    services.settle_hypothesis,
    title="Settle {row.ref}",
    lead="{row.statement}",
    message="{row.ref} is saved.",
    edits=True,
)
hypothesis_link = hypothesis.verb(
    "hypothesis_link",
    forms.StanceForm,
    services.link_hypothesis_evidence,
    title="Evidence for or against {row.ref}",
    lead="{row.statement}",
    submit_label="Link",
    message="The evidence is linked.",
)
