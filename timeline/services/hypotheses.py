"""Write verbs of the hypotheses ledger. There is no way to withdraw one: what was
believed and dropped stays, with the evidence that changed direction (R-HY-02)."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.models import User
from incidents import activity
from incidents.models import Evidence
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    set_evidence,
)
from postmortem.lib.errors import field_error
from postmortem.lib.fields import is_blank
from postmortem.lib.persistence import service
from timeline.models import Hypothesis, HypothesisEvidence

Stance = HypothesisEvidence.Stance


@service
def add_hypothesis(
    *,
    incident_id: int,
    actor: User,
    statement: str,
    evidence_for: Sequence[Evidence] = (),
    evidence_against: Sequence[Evidence] = (),
) -> Hypothesis:
    """Write down a belief about the cause before it is tested (R-HY-01)."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    hypothesis = add_record(
        Hypothesis(incident=incident, statement=statement), actor=actor
    )
    _set(hypothesis, evidence_for, evidence_against, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="timeline.hypothesis_added",
        sentence=f"stated hypothesis {hypothesis.ref}",
        subject=hypothesis,
    )
    return hypothesis


@service
def edit_hypothesis(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    statement: str = KEEP,
) -> Hypothesis:
    """Word a hypothesis better; the wording before stays as a version."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.edit")
    hypothesis = get_record(Hypothesis, incident, number)
    moved = change_record(
        hypothesis, given(statement=statement), actor=actor, version=version
    )
    if moved:
        activity.record(
            incident,
            actor=actor,
            verb="timeline.hypothesis_edited",
            sentence=f"edited {hypothesis.ref}",
            subject=hypothesis,
            data={"changes": moved},
        )
    return hypothesis


@service
def settle_hypothesis(
    *,
    incident_id: int,
    actor: User,
    number: int,
    state: str,
    what_decided: str = "",
    evidence_for: Sequence[Evidence] = (),
    evidence_against: Sequence[Evidence] = (),
    version: int | None = None,
) -> Hypothesis:
    """Say that a hypothesis is supported or abandoned and what decided it (R-HY-01,
    R-HY-02); or open it again, with the reason. Evidence is added, never taken away."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.edit")
    hypothesis = get_record(Hypothesis, incident, number)
    if is_blank(what_decided):
        words = (
            "Say why it is open again."
            if state == Hypothesis.State.OPEN
            else "Say which observation decided it."
        )
        raise field_error("what_decided", words, "required")
    moved = change_record(
        hypothesis,
        {"state": state, "what_decided": what_decided},
        actor=actor,
        version=version,
    )
    made = _set(hypothesis, evidence_for, evidence_against, actor=actor)
    if moved or made:
        activity.record(
            incident,
            actor=actor,
            verb="timeline.hypothesis_settled",
            sentence=f"{hypothesis.ref} is {hypothesis.get_state_display().lower()}",
            subject=hypothesis,
            reason=what_decided,
            data={"changes": moved},
        )
    return hypothesis


@service
def link_hypothesis_evidence(
    *,
    incident_id: int,
    actor: User,
    number: int,
    evidence: list[Evidence],
    stance: str = Stance.FOR,
    note: str = "",
) -> Hypothesis:
    """Link artifacts that support or contradict a hypothesis."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.edit")
    hypothesis = get_record(Hypothesis, incident, number)
    if not evidence:
        raise field_error("evidence", "Choose the evidence.", "required")
    made = set_evidence(hypothesis, evidence, actor=actor, stance=stance, note=note)
    if made:
        refs = ", ".join(item.ref for item in evidence)
        side = "for" if stance == Stance.FOR else "against"
        activity.record(
            incident,
            actor=actor,
            verb="timeline.evidence_linked",
            sentence=f"linked {refs} as evidence {side} {hypothesis.ref}",
            subject=hypothesis,
        )
    return hypothesis


def _set(
    hypothesis: Hypothesis,
    evidence_for: Sequence[Evidence],
    evidence_against: Sequence[Evidence],
    *,
    actor: User,
) -> int:
    both = {item.pk for item in evidence_for} & {item.pk for item in evidence_against}
    if both:
        raise field_error(
            "evidence_against", "The same artifact stands on both sides; choose one."
        )
    made = set_evidence(hypothesis, evidence_for, actor=actor, stance=Stance.FOR)
    made += set_evidence(
        hypothesis, evidence_against, actor=actor, stance=Stance.AGAINST
    )
    return len(made)
